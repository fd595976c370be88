/** Real OpenCode servers in trouble, with the program as a process. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { bash, onOpenCode2, tickingAgent } from "../support/agent.ts";
import { OPENCODE2, type ServerVersion } from "../support/install.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeProject } from "../support/project.ts";
import { makeRalph } from "../support/ralph.ts";
import { call, hang, type Script, startModel } from "../support/scripted_model.ts";
import { until } from "../support/wait.ts";
import { NEWEST } from "../support/install.ts";

const PASSWORD = "secret";

function prd(stories: number): string {
  const userStories = Array.from({ length: stories }, (_, index) => ({
    id: `US-00${index + 1}`,
    title: "A story",
    acceptanceCriteria: ["done"],
    priority: index + 1,
    passes: false,
  }));
  return JSON.stringify({ project: "real", userStories });
}

/** A project, a server, and ralph at work on the project's stories. */
async function work(
  { version, stories, script }: { version: ServerVersion; stories: number; script: Script },
) {
  await using stack = new AsyncDisposableStack();
  const model = stack.use(await startModel(script));
  const server = stack.use(await startServer({ version, model, password: PASSWORD }));
  const project = stack.use(await makeProject({ files: { "tasks/t/prd.json": prd(stories) } }));
  const ralph = stack.use(await makeRalph());
  const folder = join(ralph.home, ".config", "ralph");
  await Deno.mkdir(folder, { recursive: true });
  const file = join(folder, "server.env");
  await Deno.writeTextFile(file, `OPENCODE_SERVER_PASSWORD=${PASSWORD}\n`, { mode: 0o600 });
  const cli = (...args: string[]) => ralph(args, { cwd: project.root });
  const status = async () => JSON.parse((await cli("status", "t", "--json")).stdout);
  const started = await cli("run", "t", "--server", server.url);
  assert.equal(started.code, 0, started.stderr);
  const owned = stack.move();
  return {
    model,
    server,
    project,
    cli,
    /** Waits until `ralph status` shows that the worker does this. */
    shows: (activity: RegExp) =>
      until(async () => activity.test((await status()).activity ?? ""), {
        what: `the activity ${activity}`,
      }),
    /** Waits for the end, which has to be a good one: what came of the iterations, and the log. */
    async completed() {
      const { code, stdout, stderr } = await cli("wait", "t");
      assert.equal(code, 0, stdout + stderr);
      const [session] = JSON.parse((await cli("history", "t", "--json")).stdout);
      const iterations: Iteration[] = session.iterations;
      return { iterations, log: (await cli("logs", "t", "-n", "200")).stdout };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface Iteration {
  readonly outcome: string;
  readonly detail: string;
  readonly storyId: string;
  readonly usage: { readonly modelCalls: number } | null;
}

/** The agents wait for leave to begin their `held`th turn. */
function holdTurn(held: string): { script: Script; reached: Promise<void>; go: () => void } {
  const agent = tickingAgent();
  const reached = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  return {
    reached: reached.promise,
    go: () => go.resolve(),
    async script(request) {
      if (request.step === 0 && request.prompt.includes(`Story: ${held}`)) {
        reached.resolve();
        await go.promise;
      }
      return await agent(request);
    },
  };
}

Deno.test(`a server upgraded in mid-turn, 1.1.53 to ${NEWEST} on the same data: interrupted, then done`, async () => {
  const { script, reached, go } = holdTurn("US-002");
  await using here = await work({ version: "1.1.53", stories: 2, script });
  await reached;
  await here.server.kill("SIGTERM");
  await here.shows(/^waiting for server: cannot reach .*: connection refused$/);
  go();
  await here.server.start({ version: NEWEST });
  const { iterations, log } = await here.completed();
  assert.deepEqual(iterations.map(({ storyId, outcome }) => [storyId, outcome]), [
    ["US-001", "advanced"],
    ["US-002", "interrupted"],
    ["US-002", "advanced"],
  ]);
  // 1.18.33 does not take over the conversations of 1.1.53 (measured): what ralph knows is what is left.
  assert.equal(iterations[1].detail, "its OpenCode session is gone");
  const calls = iterations.map(({ usage }) => usage?.modelCalls ?? null);
  assert.deepEqual(calls, [4, null, 4], "what the turn that was lost used is unknown");
  assert(log.includes(`OpenCode is ${NEWEST} now: it was 1.1.53 before`), log);
});

Deno.test("a page of something else on the server's port: shown, waited for, and the work is done", async () => {
  const { script, reached, go } = holdTurn("US-001");
  await using here = await work({ version: "1.1.53", stories: 1, script });
  await reached;
  await here.server.kill();
  const page = Deno.serve(
    { hostname: "127.0.0.1", port: here.server.port, onListen() {} },
    () => new Response("<!doctype html>", { headers: { "content-type": "text/html" } }),
  );
  await here.shows(/^waiting for server: something else than OpenCode answers on http/);
  await page.shutdown();
  go();
  await here.server.start();
  const { iterations } = await here.completed();
  assert.deepEqual(iterations.map(({ outcome }) => outcome), ["interrupted", "advanced"]);
});

const VERSIONS_KILLED: readonly ServerVersion[] = OPENCODE2 === undefined
  ? [NEWEST]
  : [NEWEST, "2"];
for (const version of VERSIONS_KILLED) {
  Deno.test(`a server killed while a command runs, ${version}: the next turn waits for its end`, async () => {
    const agent = tickingAgent();
    let turns = 0;
    let asked = false;
    const script: Script = async (request) => {
      if (request.step === 0) turns++;
      if (turns > 1) return await agent(request);
      if (asked) return hang();
      asked = true;
      return call(
        bash(
          "echo $$ > began; i=0; while [ ! -e go ] && [ $i -lt 1200 ]; do sleep 0.1; i=$((i+1)); done; echo late > late.txt",
        ),
      );
    };
    await using here = await work({
      version,
      stories: 1,
      script: version === "2" ? onOpenCode2(script) : script,
    });
    const began = () => here.project.read("began").catch(() => undefined);
    await until(began, { what: "the command" });
    await here.server.kill();
    await here.server.start();
    await here.shows(/^waiting for commands of a turn that was lost: process \d+: /);
    assert.equal(turns, 1);
    await here.project.write("go", "");
    const { iterations } = await here.completed();
    assert.deepEqual(iterations.map(({ outcome }) => outcome), ["interrupted", "advanced"]);
    assert.equal(await here.project.read("late.txt"), "late\n");
  });
}

Deno.test("a server that hangs, and goes on: seen within ten seconds, the same turn goes on", async () => {
  const { script, reached, go } = holdTurn("US-001");
  await using here = await work({ version: NEWEST, stories: 1, script });
  await reached;
  Deno.kill(here.server.pid, "SIGSTOP");
  try {
    await here.shows(/^waiting for server: /);
  } finally {
    Deno.kill(here.server.pid, "SIGCONT");
  }
  go();
  const { iterations } = await here.completed();
  assert.deepEqual(iterations.map(({ outcome }) => outcome), ["advanced"]);
});
