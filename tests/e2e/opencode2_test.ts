/** ralph on OpenCode 2, as a user types it: on the fake, and on a real one where there is one. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { systemClock } from "../../src/host/system/clock.ts";
import { onOpenCode2, tickingAgent } from "../support/agent.ts";
import { createFakeOpenCode } from "../support/fake_opencode.ts";
import { serveFake } from "../support/fake_server.ts";
import { hostTools } from "../support/fake_tools.ts";
import { OPENCODE2 } from "../support/install.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeProject } from "../support/project.ts";
import { makeRalph } from "../support/ralph.ts";
import { hang, type Script, startModel } from "../support/scripted_model.ts";
import { until } from "../support/wait.ts";

const PASSWORD = "secret";
const PRD = "# PRD\n\n### US-001: First\n\n- [ ] done\n\n### US-002: Second\n\n- [ ] done\n";

interface Server {
  readonly url: string;
  setScript(script: Script): void;
}
type Start = (stack: AsyncDisposableStack) => Promise<Server>;

const startFake: Start = async (stack) => {
  const fake = createFakeOpenCode({
    clock: systemClock,
    version: "2.0.26",
    password: PASSWORD,
    tools: hostTools,
  });
  const { url } = stack.use(await serveFake(fake));
  return { url, setScript: fake.setScript };
};

const startReal: Start = async (stack) => {
  const model = stack.use(await startModel(() => hang()));
  const server = stack.use(await startServer({ version: "2", model, password: PASSWORD }));
  return { url: server.url, setScript: model.setScript };
};

async function runAll(start: Start): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const server = await start(stack);
  const project = stack.use(await makeProject({ files: { "tasks/two/prd.md": PRD } }));
  await project.write("ralph.json", JSON.stringify({ verify: [["true"]] }));
  const ralph = stack.use(await makeRalph());
  const folder = join(ralph.home, ".config", "ralph");
  await Deno.mkdir(folder, { recursive: true });
  const env = join(folder, "server.env");
  await Deno.writeTextFile(env, `OPENCODE_SERVER_PASSWORD=${PASSWORD}\n`, { mode: 0o600 });
  async function type(args: readonly string[], code = 0): Promise<string> {
    const result = await ralph(args, { cwd: project.root });
    assert.equal(result.code, code, `${args.join(" ")}: ${result.stdout}${result.stderr}`);
    return result.stdout + result.stderr;
  }

  let calls = 0;
  server.setScript(() => {
    calls++;
    return hang();
  });
  assert.match(await type(["run", "two", "--server", server.url]), /session 1/);
  await until(() => calls > 0, { what: "the agent to ask its model" });
  const status = JSON.parse(await type(["status", "two", "--json"]));
  assert.match(
    await type(["attach", "two"]),
    new RegExp(
      `^\\(set -a; \\. \\S+/server\\.env; \\S*opencode2? --server ${server.url} --session ses_\\w+\\)\n$`,
    ),
  );
  const own = join(ralph.home, ".local", "bin", "opencode2");
  await Deno.mkdir(dirname(own), { recursive: true });
  await Deno.writeTextFile(own, "#!/bin/sh\n", { mode: 0o755 });
  assert.equal(JSON.parse(await type(["attach", "two", "--json"])).command[0], own);
  assert.equal(status.status ?? status.session?.status, "running");
  assert.match(await type(["stop", "two"]), /stopped `two` \(session 1\)/);

  server.setScript(onOpenCode2(tickingAgent()));
  await type(["run", "two", "--server", server.url]);
  assert.match(await type(["wait", "two", "--timeout", "120"]), /two: completed/);
  assert.match(await type(["logs", "two"]), /completed: all 2 stories pass/);

  const unknown = ["attach", "two", "--session", "ses_0000000000000000000000000"];
  assert.match(await type(unknown, 4), /has no OpenCode session/);
  const doctor = await type(["doctor", "server.answers", "--server", server.url]);
  assert.match(doctor, /OpenCode 2/);
}

Deno.test("OpenCode 2, the fake: a task runs, is stopped, attached to and completed", () =>
  runAll(startFake));

const why = OPENCODE2 === undefined ? " (not run: RALPH_TEST_OPENCODE2 names no program)" : "";
Deno.test({
  name: `OpenCode 2: a task runs, is stopped, attached to and completed${why}`,
  ignore: OPENCODE2 === undefined,
  fn: () => runAll(startReal),
});
