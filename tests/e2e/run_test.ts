/** `ralph run` end to end: the real program, a real OpenCode server, real git; only the model is scripted. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { NEWEST, TESTED } from "../support/install.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeProject, type Project } from "../support/project.ts";
import { makeRalph } from "../support/ralph.ts";
import { call, say, type Script, startModel } from "../support/scripted_model.ts";
import { bash, tickingAgent } from "../support/agent.ts";
import { GENEROUS_MS, until } from "../support/wait.ts";
import { ONE_STORY, oneStoryProject, statusOf } from "./one_story.ts";

const PRD = "tasks/server-management/prd.md";
const FIXTURE = new URL("../fixtures/server-management/prd.md", import.meta.url);

/** Bytes of the fixture with the boxes of its stories ticked, and nothing else changed. */
function tickedFixture(): Uint8Array {
  const latin1 = new TextDecoder("latin1").decode(Deno.readFileSync(FIXTURE));
  return Deno.readFileSync(FIXTURE).map((byte, i) =>
    latin1.slice(i - 3, i + 2) === "- [ ]" ? "x".charCodeAt(0) : byte
  );
}

async function requirementsProject(): Promise<Project> {
  const project = await makeProject();
  await Deno.mkdir(join(project.root, "tasks/server-management"), { recursive: true });
  await Deno.copyFile(FIXTURE, join(project.root, PRD));
  await project.git("add", "--all");
  await project.git("commit", "--quiet", "-m", "docs: the task");
  return project;
}

async function openCodeSessions(url: string, directory: string): Promise<{ title: string }[]> {
  const response = await fetch(`${url}/session?directory=${encodeURIComponent(directory)}`);
  return await response.json();
}

for (const version of TESTED) {
  Deno.test(`the requirements' own PRD runs to completion in the foreground, OpenCode ${version}`, async () => {
    await using project = await requirementsProject();
    await using model = await startModel(tickingAgent());
    await using server = await startServer({ version, model });
    await using ralph = await makeRalph();

    const { code, stdout, stderr } = await ralph(
      ["run", "server-management", "--foreground", "-n", "20", "--server", server.url],
      { cwd: project.root },
    );

    assert.equal(code, 0, stdout + stderr);
    assert.equal(stderr, "");
    assert.match(stdout, /completed: all 11 stories pass/);
    for (let i = 1; i <= 11; i++) {
      assert.match(stdout, new RegExp(`iteration ${i}/20  US-${String(i).padStart(3, "0")}`));
    }
    assert.deepEqual(Deno.readFileSync(join(project.root, PRD)), tickedFixture());
    const sessions = await openCodeSessions(server.url, project.root);
    assert.equal(sessions.length, 11);
    assert.equal(new Set(sessions.map(({ title }) => title)).size, 11, "each has its own title");
    assert.match(
      sessions.map(({ title }) => title).join("\n"),
      /server-management · session 1 · iteration 11 · US-011/,
    );
    const [row] = await statusOf(ralph, project.root);
    assert.deepEqual(
      [row.status, row.reason, row.iteration, row.port, row.lastServerPort],
      ["completed", "all_stories_pass", 11, null, server.port],
    );
    assert.equal(await project.git("rev-list", "--count", "HEAD"), "13");
  });
}

Deno.test("the same in the background: `run` returns at once, the worker goes on by itself", async () => {
  await using project = await requirementsProject();
  await using model = await startModel(tickingAgent());
  await using server = await startServer({ version: NEWEST, model });
  await using ralph = await makeRalph();
  const subfolder = join(project.root, "tasks");

  const { code, stdout, stderr } = await ralph(
    ["run", "server-management", "-n", "20", "--server", server.url],
    { cwd: subfolder },
  );
  assert.equal(code, 0, stderr);
  assert.match(stdout, /session 1, at most 20 iterations/);

  const [running] = await statusOf(ralph, subfolder);
  assert.equal(running.status, "running");
  assert.equal(running.port, server.port);

  const again = await ralph(["run", "server-management", "--server", server.url], {
    cwd: project.root,
  });
  assert.equal(again.code, 5, again.stdout);
  assert.match(
    again.stderr,
    /`server-management` is running already \(session 1, iteration \d+ of 20/,
  );

  const [row] = await until(async () => {
    const rows = await statusOf(ralph, project.root);
    return rows[0].status !== "running" && rows;
  }, { what: "the session to end", timeoutMs: 10 * GENEROUS_MS });
  assert.deepEqual([row.status, row.iteration], ["completed", 11]);
  assert.deepEqual(Deno.readFileSync(join(project.root, PRD)), tickedFixture());
  assert.equal((await openCodeSessions(server.url, project.root)).length, 11);
  const logs = await ralph(["logs", "server-management"], { cwd: project.root });
  assert.match(logs.stdout, /completed: all 11 stories pass/);
});

Deno.test("a PRD among other files runs as one in a folder, and one at the root by its path", async () => {
  const story = (title: string) => ONE_STORY.replace("Only", title);
  await using project = await makeProject({
    files: {
      "tasks/prd-shop.md": story("Shop"),
      "tasks/other.md": story("Other"),
      "PRD.md": story("All"),
    },
  });
  await using model = await startModel(tickingAgent());
  await using server = await startServer({ version: NEWEST, model });
  await using ralph = await makeRalph();
  const cli = (...args: string[]) => ralph(args, { cwd: project.root });

  const shop = await cli("run", "shop", "-f", "--server", server.url);
  assert.equal(shop.code, 0, shop.stdout + shop.stderr);
  assert.match(await project.read("tasks/prd-shop.md"), /- \[x\] it is done/);
  assert.equal(await project.read("tasks/other.md"), story("Other"));
  assert.match(model.requests[0].prompt, /^Progress: tasks\/shop\.progress\.txt$/m);
  const root = await cli("run", "PRD.md", "-f", "--server", server.url);
  assert.equal(root.code, 0, root.stdout + root.stderr);
  assert.match(await project.read("PRD.md"), /- \[x\] it is done/);

  const rows = await statusOf(ralph, project.root);
  assert.deepEqual(rows.map(({ status }) => status), ["completed", "completed"]);
  for (const name of ["shop", "tasks/prd-shop.md", "prd-shop"]) {
    const one = await cli("status", name, "--json");
    assert.equal(JSON.parse(one.stdout).taskDir, join(project.root, "tasks/prd-shop.md"), name);
  }
  const made = await cli("new", "shop");
  assert.deepEqual([made.code, /is one of that name/.test(made.stderr)], [5, true]);
  assert.match((await cli("history", "shop")).stdout, /completed/);
  assert.match((await cli("logs", "PRD.md")).stdout, /completed/);
  const tasks = JSON.parse((await cli("tasks", "--json")).stdout);
  assert.deepEqual(
    tasks.map(({ task, passing, status }: Record<string, unknown>) => [task, passing, status]),
    [["other", 0, null], ["project", 1, "completed"], ["shop", 1, "completed"]],
  );
});

Deno.test("a story without boxes is ticked in its heading; one that was taken out is left alone and told of", async () => {
  const prd = "### US-001: One\n\n- it works\n\n### US-002: Two (deferred)\n\n- later\n";
  await using project = await makeProject({ files: { "tasks/one/prd.md": prd } });
  const tick = "sed -i 's/^### \\[ \\] US-001/### [x] US-001/' tasks/one/prd.md";
  await using model = await startModel(({ step }) =>
    step === 0
      ? call(bash(`echo 1 > work.txt; ${tick}; git add work.txt; git commit -qam 'feat: one'`))
      : say("done")
  );
  await using server = await startServer({ version: NEWEST, model });
  await using ralph = await makeRalph();
  const { code, stdout, stderr } = await ralph(["run", "one", "-f", "--server", server.url], {
    cwd: project.root,
  });
  assert.equal(code, 0, stdout + stderr);
  assert.match(stderr, /left out: US-002/);
  assert.match(stdout, /completed: the story passes; left out: US-002 \(its heading says/);
  assert.match(model.requests[0].prompt, /tick the box in its heading/);
  assert.equal(
    await project.read("tasks/one/prd.md"),
    prd.replace("### US-001", "### [x] US-001"),
  );
  assert.match((await ralph(["status", "one"], { cwd: project.root })).stdout, /left out: US-002/);
});

Deno.test("a task whose stories all pass ends at once, with no OpenCode session made", async () => {
  await using project = await makeProject({
    files: { "tasks/one/prd.md": ONE_STORY.replace("[ ]", "[x]") },
  });
  await using model = await startModel(() => say("nobody asks"));
  await using server = await startServer({ version: NEWEST, model });
  await using ralph = await makeRalph();
  const { code, stdout } = await ralph(["run", "one", "-f", "--server", server.url], {
    cwd: project.root,
  });
  assert.equal(code, 0, stdout);
  assert.equal(
    stdout,
    "one: its story passes already, and there are no gates to run: no session was started\n",
  );
  await project.write("ralph.json", JSON.stringify({ verify: [["true"]] }));
  const withGates = await ralph(["run", "one", "-f", "--server", server.url], {
    cwd: project.root,
  });
  assert.equal(withGates.code, 0, withGates.stdout);
  assert.match(withGates.stdout, /✓ gate true[^]*completed: the story passes/);
  assert.deepEqual(await openCodeSessions(server.url, project.root), []);
  assert.equal(model.requests.length, 0);
});

Deno.test("the PRD that \`new\` makes is no work yet: it is refused until every story of it is written", async () => {
  await using project = await makeProject({ files: { "README.md": "# Test\n" } });
  await using ralph = await makeRalph();
  const cli = (...args: string[]) => ralph(args, { cwd: project.root });
  assert.equal((await cli("new", "fresh")).code, 0);
  const prd = join(project.root, "tasks/fresh/prd.md");
  const { code, stderr } = await cli("run", "fresh");
  assert.equal(code, 2, stderr);
  assert.match(
    stderr,
    /^error: cannot run `fresh`: US-001, US-002 of .*\/tasks\/fresh\/prd.md are as /,
  );
  await Deno.writeTextFile(
    prd,
    (await Deno.readTextFile(prd)).replace("The first thing", "Log in"),
  );
  assert.match(
    (await cli("run", "fresh")).stderr,
    /^error: cannot run `fresh`: US-002 of .* is as /,
  );
});

Deno.test("the promise alone does not complete a task that has stories; the limit ends it", async () => {
  await using project = await oneStoryProject();
  const claims: Script = ({ step }) =>
    step === 0
      ? call({ name: "bash", input: { command: "date +%N >> work.txt", description: "work" } })
      : say("All done.\n<promise>COMPLETE</promise>");
  await using model = await startModel(claims);
  await using server = await startServer({ version: NEWEST, model });
  await using ralph = await makeRalph();
  const { code, stdout } = await ralph(["run", "one", "-f", "-n", "2", "--server", server.url], {
    cwd: project.root,
  });
  assert.equal(code, 1, stdout);
  assert.match(stdout, /stopped: the limit of 2 iterations is reached with 1 story open/);
  assert.match(stdout, /• worked: US-001 does not pass yet/);
  const [row] = await statusOf(ralph, project.root);
  assert.deepEqual([row.status, row.reason, row.iteration], ["stopped", "max_iterations", 2]);
});

Deno.test("--json tells each event as one object on a line of its own", async () => {
  await using project = await oneStoryProject();
  await using model = await startModel(
    tickingAgent(),
  );
  await using server = await startServer({ version: NEWEST, model });
  await using ralph = await makeRalph();
  const args = ["run", "one", "-f", "--json", "--verbose", "--server", server.url];
  const { code, stdout } = await ralph(args, { cwd: project.root });
  assert.equal(code, 0);
  const events = stdout.trim().split("\n").map((line) => JSON.parse(line));
  assert.equal(events[0].type, "session_started");
  assert.equal(events.at(-1).type, "session_ended");
  assert.equal(events.at(-1).status, "completed");
  assert(events.some(({ type, status }) => type === "tool" && status === "running"));
  assert(events.some(({ type }) => type === "used"));
  const ended = events.find(({ type }) => type === "iteration_ended");
  assert.equal(ended.outcome, "advanced");
  assert(ended.usage.modelCalls > 0);
  assert(ended.usage.costUsd > 0);
});
