/** Commands that are told what happens: with the real program, and a real server where an agent works. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { textOf } from "../../src/host/files/read_file.ts";
import { tickingAgent } from "../support/agent.ts";
import { NEWEST } from "../support/install.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeProject } from "../support/project.ts";
import { makeRalph, type Ralph } from "../support/ralph.ts";
import { hang, say, startModel } from "../support/scripted_model.ts";
import { until } from "../support/wait.ts";
import { ONE_STORY } from "./one_story.ts";

const DONE = "# PRD\n\n### US-001: Only\n\n- [x] it is done\n";
const GATES = { verify: [["true"]] };

/** Writes what it is told into files of the home's folder `told`. */
async function configure(ralph: Ralph, more: Readonly<Record<string, unknown>> = {}) {
  const folder = join(ralph.home, ".config/ralph");
  await Deno.mkdir(folder, { recursive: true });
  await Deno.mkdir(join(ralph.home, "told"));
  const line = 'cat > "$HOME/told/$RALPH_HOOK.json"; env > "$HOME/told/$RALPH_HOOK.env"';
  const told = ["sh", "-c", line];
  const settings = { onEnd: told, onBlocked: told, onIteration: told, ...more };
  await Deno.writeTextFile(join(folder, "config.json"), JSON.stringify(settings));
  const read = (name: string) => Deno.readTextFileSync(join(ralph.home, "told", name));
  return {
    names: () => Array.from(Deno.readDirSync(join(ralph.home, "told")), ({ name }) => name).sort(),
    event: (hook: string) => JSON.parse(read(`${hook}.json`)),
    environment: (hook: string) => read(`${hook}.env`),
  };
}

Deno.test("the end of each iteration and of the session is told, with no key in reach", async () => {
  await using model = await startModel(tickingAgent());
  await using server = await startServer({ version: NEWEST, model });
  await using project = await makeProject({ files: { "tasks/one/prd.md": ONE_STORY } });
  await using ralph = await makeRalph();
  const told = await configure(ralph);

  const { code, stdout } = await ralph(["run", "one", "-f", "--server", server.url], {
    cwd: project.root,
    env: { SOME_API_KEY: "secret", OPENCODE_SERVER_PASSWORD: "secret", DISPLAY: ":7" },
  });

  assert.equal(code, 0, stdout);
  assert.deepEqual(told.names(), [
    ...["onEnd.env", "onEnd.json", "onIteration.env", "onIteration.json"],
  ]);
  const { hook, task, projectRoot, session, outcome, storiesPassed } = told.event("onIteration");
  assert.deepEqual(
    { hook, task, projectRoot, session, outcome, storiesPassed },
    {
      hook: "onIteration",
      task: "one",
      projectRoot: project.root,
      session: 1,
      outcome: "advanced",
      storiesPassed: ["US-001"],
    },
  );
  const { status, reason } = told.event("onEnd");
  assert.deepEqual([status, reason], ["completed", "all_stories_pass"]);
  const environment = told.environment("onEnd");
  assert.match(environment, /^RALPH_MESSAGE=one: completed, the story passes/m);
  assert.match(environment, /^DISPLAY=:7$/m);
  assert.doesNotMatch(environment, /secret/);
  assert.match((await ralph(["history", "one"], { cwd: project.root })).stdout, /completed/);
});

Deno.test("an agent that needs a person is told of, too", async () => {
  await using model = await startModel(() => say("<blocked>the key of the shop</blocked>"));
  await using server = await startServer({ version: NEWEST, model });
  await using project = await makeProject({ files: { "tasks/one/prd.md": ONE_STORY } });
  await using ralph = await makeRalph();
  const told = await configure(ralph);
  await ralph(["run", "one", "-f", "--server", server.url], { cwd: project.root });
  assert.match(told.event("onBlocked").detail, /the key of the shop/);
  assert.equal(told.event("onEnd").reason, "blocked_on_human");
});

Deno.test("what fails is in the log and in the status, and changes no end", async () => {
  await using project = await makeProject({
    files: { "tasks/one/prd.md": DONE, "ralph.json": JSON.stringify(GATES) },
  });
  await using ralph = await makeRalph();
  await configure(ralph, { onEnd: ["sh", "-c", "echo 'no route to host' >&2; exit 7"] });
  const { code, stdout } = await ralph(["run", "one", "-f"], { cwd: project.root });
  assert.equal(code, 0, stdout);
  const why = /onEnd: it ended with exit code 7: no route to host/;
  assert.match((await ralph(["status", "one"], { cwd: project.root })).stdout, why);
  assert.match((await ralph(["logs", "one"], { cwd: project.root })).stdout, why);
  assert.match((await ralph(["history", "one"], { cwd: project.root })).stdout, why);
});

Deno.test("a stop waits for no message", async () => {
  await using model = await startModel(() => hang());
  await using server = await startServer({ version: NEWEST, model });
  await using project = await makeProject({ files: { "tasks/one/prd.md": ONE_STORY } });
  await using ralph = await makeRalph();
  await configure(ralph, { onEnd: ["sh", "-c", 'echo $$ > "$HOME/told/pid"; exec sleep 20'] });
  await ralph(["run", "one", "--server", server.url], { cwd: project.root });
  await until(() => model.requests.length > 0, { what: "the agent's turn" });
  const { code, stdout } = await ralph(["stop", "one"], { cwd: project.root });
  assert.equal(code, 0, stdout);
  // It is there yet: nothing waited for it.
  const pid = join(ralph.home, "told/pid");
  await until(() => Number(textOf(pid)) > 0, { what: "the hook" });
  Deno.kill(Number(textOf(pid)), "SIGKILL");
  const row = /hooks:\s+onEnd: it ended with exit code 137/;
  const status = async () => (await ralph(["status", "one"], { cwd: project.root })).stdout;
  await until(async () => row.test(await status()), { what: "the failure in the status" });
});

Deno.test("a repository has nothing run, unless the user's own settings allow it", async () => {
  const hooks = { onEnd: ["sh", "-c", "echo ran > ran.txt"], notify: true };
  await using project = await makeProject({
    files: { "tasks/one/prd.md": DONE, "ralph.json": JSON.stringify({ ...GATES, ...hooks }) },
  });
  await using ralph = await makeRalph();
  const run = () => ralph(["run", "one", "-f"], { cwd: project.root });
  const ran = () =>
    Array.from(Deno.readDirSync(project.root), ({ name }) => name).includes("ran.txt");

  const refused = await run();
  assert.equal(refused.code, 0, refused.stderr);
  assert.match(refused.stderr, /`onEnd`, `notify` of ralph\.json do not count: .*"hooksFrom"/);
  assert.equal(ran(), false);

  const config = { onEnd: undefined, onBlocked: undefined, onIteration: undefined };
  await configure(ralph, { ...config, hooksFrom: [project.root] });
  const allowed = await run();
  assert.doesNotMatch(allowed.stderr, /do not count/);
  assert.equal(ran(), true);

  await project.write("ralph.json", JSON.stringify({ ...GATES, onEnd: ["./no-such"] }));
  const place = join(project.root, "no-such");
  assert.match((await run()).stderr, new RegExp(`\`onEnd\` will tell nobody: .*program ${place}`));
});
