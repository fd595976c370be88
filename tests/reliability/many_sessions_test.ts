/** Several sessions on one real server: how many turns are at work at once, and a server that hangs. */
import assert from "node:assert/strict";
import type { Clock } from "../../src/clock.ts";
import { systemClock } from "../../src/host/system/clock.ts";
import { askPatiently } from "../../src/loop/server/retry.ts";
import { createClient } from "../../src/opencode/connect.ts";
import { tickingAgent } from "../support/agent.ts";
import { NEWEST } from "../support/install.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeProject, type Project } from "../support/project.ts";
import { makeRalph } from "../support/ralph.ts";
import { httpError, say, type Script, startModel } from "../support/scripted_model.ts";
import { until } from "../support/wait.ts";

const PRD = "### US-001: One\n\n- [ ] done\n\n### US-002: Two\n\n- [ ] done\n";

/** Time enough to start two sessions, on a busy machine too. */
const LIMITED_S = 30;

/** Some projects with a task `t`, a real server, and ralph. */
async function world(
  { projects: count, turns = 1, script }: { projects: number; turns?: number; script: Script },
) {
  await using stack = new AsyncDisposableStack();
  const model = stack.use(await startModel(script));
  const server = stack.use(await startServer({ version: NEWEST, model }));
  const ralph = stack.use(await makeRalph());
  const projects: Project[] = [];
  for (let i = 0; i < count; i++) {
    projects.push(
      stack.use(await makeProject({ name: `shop-${i}`, files: { "tasks/t/prd.md": PRD } })),
    );
  }
  const owned = stack.move();
  const env = { RALPH_TURNS_AT_ONCE: String(turns) };
  const cli = (project: Project, ...args: string[]) => ralph(args, { cwd: project.root, env });
  return {
    server,
    projects,
    cli,
    async run(project: Project) {
      const started = await cli(project, "run", "t", "--server", server.url);
      assert.equal(started.code, 0, started.stderr);
    },
    shows: (project: Project, activity: RegExp) =>
      until(
        async () => {
          const { stdout } = await cli(project, "status", "t", "--json");
          return activity.test(JSON.parse(stdout).activity ?? "");
        },
        { what: `the activity ${activity}` },
      ),
    /** Its iterations, once it has ended well. */
    async completed(project: Project) {
      const { code, stdout, stderr } = await cli(project, "wait", "t");
      assert.equal(code, 0, stdout + stderr);
      return await outcomes(project);
    },
    outcomes,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };

  async function outcomes(project: Project): Promise<string[]> {
    const [session] = JSON.parse((await cli(project, "history", "t", "--json")).stdout);
    return session.iterations.map(({ outcome }: { outcome: string }) => outcome);
  }
}

/** Agents that wait for leave to begin. */
function held(): { script: Script; began: () => number; go: () => void } {
  const agent = tickingAgent();
  const leave = Promise.withResolvers<void>();
  let began = 0;
  return {
    began: () => began,
    go: () => leave.resolve(),
    async script(request) {
      if (request.step === 0) began++;
      await leave.promise;
      return await agent(request);
    },
  };
}

Deno.test("one turn at once: who waits says for whom, is stopped at once, and has made no iteration", async () => {
  const { script, began, go } = held();
  await using here = await world({ projects: 3, script });
  const [first, second, third] = here.projects;
  await here.run(first);
  await until(() => began() === 1, { what: "the first turn" });
  await here.run(second);
  await here.shows(
    second,
    /^waiting for its turn: at work on the server: t in shop-0 \(turns at once: 1\)/,
  );
  await here.run(third);
  await here.shows(third, /, 1 more come first$/);
  const stopped = await here.cli(second, "stop", "t");
  assert.equal(stopped.code, 0, stopped.stderr);
  assert.deepEqual(await here.outcomes(second), []);
  assert.equal(began(), 1);
  go();
  for (const project of [first, third]) {
    assert.deepEqual(await here.completed(project), ["advanced", "advanced"]);
  }
});

Deno.test("a rate limit that one session meets is waited for by the others, and none asks meanwhile", async () => {
  const agent = tickingAgent();
  const asked: number[] = [];
  const script: Script = (request) => {
    asked.push(performance.now());
    return asked.length > 1 ? agent(request) : httpError(
      429,
      { error: { message: "Rate limit reached" } },
      { "retry-after": String(LIMITED_S) },
    );
  };
  await using here = await world({ projects: 3, turns: 3, script });
  const [first, second, third] = here.projects;
  await here.run(first);
  await here.shows(first, /^rate limited/);
  for (const project of [second, third]) await here.run(project);
  for (const project of [second, third]) {
    await here.shows(
      project,
      /^waiting for fake's rate limit until .*UTC \(met by t in shop-0\): Rate limit reached$/,
    );
  }
  const stopped = await here.cli(third, "stop", "t");
  assert.equal(stopped.code, 0, stopped.stderr);
  assert.deepEqual(await here.outcomes(third), []);
  assert.equal(asked.length, 1);
  for (const project of [first, second]) {
    assert.deepEqual(await here.completed(project), ["advanced", "advanced"]);
  }
  assert(asked[1] - asked[0] >= LIMITED_S * 1_000, `${asked[1] - asked[0]} ms`);
});

Deno.test("a server that is suspended and then started anew: each session goes on", async () => {
  const { script, began, go } = held();
  await using here = await world({ projects: 2, script });
  const [first, second] = here.projects;
  await here.run(first);
  await until(() => began() === 1, { what: "the first turn" });
  await here.run(second);
  await here.shows(second, /^waiting for its turn:/);
  Deno.kill(here.server.pid, "SIGSTOP");
  await here.shows(first, /^waiting for server: .* did not answer within/);
  go();
  await here.server.kill();
  await here.server.start();
  assert.deepEqual(await here.completed(first), ["interrupted", "advanced", "advanced"]);
  assert.deepEqual(await here.completed(second), ["advanced", "advanced"]);
});

/** A clock that goes so many times as fast as time. */
const fast = (times: number): Clock => ({
  now: () => systemClock.now() * times,
  monotonic: () => systemClock.monotonic() * times,
  after: (ms, callback) => systemClock.after(ms / times, callback),
});

Deno.test("a server that holds its port for minutes and answers nothing is said to hang, until it answers", async () => {
  await using model = await startModel(() => say("hello"));
  await using server = await startServer({ version: NEWEST, model });
  const clock = fast(20);
  const unit = () => Promise.resolve("my-opencode.service");
  const client = createClient({ url: server.url, directory: "/", unit, clock });
  Deno.kill(server.pid, "SIGSTOP");
  const told: string[] = [];
  const hangs = Promise.withResolvers<void>();
  const asking = askPatiently(() => client.health(), {
    clock,
    signal: new AbortController().signal,
    limitMs: 24 * 3_600_000,
    tell({ text }) {
      told.push(text);
      if (text.includes("hangs")) hangs.resolve();
    },
  });
  await hangs.promise;
  const waits = told.filter((text) => !text.includes("has taken more than"));
  assert.match(waits[0], /^waiting for server: cannot .* did not answer within \d+ s$/);
  assert.match(
    waits[waits.length - 1],
    /^waiting for server: OpenCode at \S+ hangs: it holds its port, and has answered nothing since \d\d:\d\d UTC; `systemctl --user restart my-opencode.service` starts it anew$/,
  );
  Deno.kill(server.pid, "SIGCONT");
  await asking;
});
