/** `ralph run` that is told to end, or killed, on a real OpenCode server: what the next run makes of it. */
import assert from "node:assert/strict";
import { tickingAgent } from "../support/agent.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeRalph } from "../support/ralph.ts";
import { hang, startModel } from "../support/scripted_model.ts";
import { until } from "../support/wait.ts";
import { oneStoryProject, statusOf } from "./one_story.ts";
import { NEWEST } from "../support/install.ts";

for (
  const [signal, code, word, status, reason] of [
    ["SIGINT", 130, /stopped: stopped by a person/, "stopped", "user_stop"],
    ["SIGTERM", 143, /failed: its worker was asked to end/, "failed", "worker_ended"],
  ] as const
) {
  Deno.test(`${signal} ends a foreground run cleanly: turn aborted, row ${status}`, async () => {
    await using project = await oneStoryProject();
    await using model = await startModel(() => hang());
    await using server = await startServer({ version: NEWEST, model });
    await using ralph = await makeRalph();
    const child = ralph.start(["run", "one", "-f", "--server", server.url], { cwd: project.root });
    await until(() => model.requests.length > 0, { what: "the agent to work" });
    child.kill(signal);
    const result = await child.output();
    assert.equal(result.code, code, new TextDecoder().decode(result.stderr));
    assert.match(new TextDecoder().decode(result.stdout), word);
    const [row] = await statusOf(ralph, project.root);
    assert.deepEqual([row.status, row.reason, row.iteration], [status, reason, 1]);
    const busy = await fetch(
      `${server.url}/session/status?directory=${encodeURIComponent(project.root)}`,
    );
    assert.deepEqual(await busy.json(), {}, "the turn was aborted on the server");
    assert(model.requests[0].signal.aborted, "the model's answer was cut");
  });
}

Deno.test("a turn that goes on after its worker was killed is joined by the next run, and counted once", async () => {
  await using here = await killedInMidTurn();
  const { ralph, project, server } = here;
  const running = ralph(["run", "one", "-f", "--server", server.url], { cwd: project.root });
  await until(async () => (await here.row()).status === "running", { what: "the next worker" });
  here.release();
  const { code, stdout, stderr } = await running;
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /session 1, at most 5 iterations/);
  assert.match(
    stdout,
    /continues session 1 with iteration 1: its worker died, and its turn still goes on/,
  );
  assert.equal(stdout.split("its turn still goes on").length, 2, stdout);
  assert.match(stdout, /✓ advanced/);
  await here.assertOneTurn();
});

Deno.test("a turn that finished while no worker was there is judged by the next run, and counted once", async () => {
  await using here = await killedInMidTurn();
  const { ralph, project, server } = here;
  here.release();
  const busy = async () => {
    const url = `${server.url}/session/status?directory=${encodeURIComponent(project.root)}`;
    return Object.keys(await (await fetch(url)).json());
  };
  await until(async () => (await busy()).length === 0, {
    what: "the turn's end",
  });
  const { code, stdout, stderr } = await ralph(["run", "one", "-f", "--server", server.url], {
    cwd: project.root,
  });
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /iteration 1: its turn finished on the server while no worker was there/);
  assert.match(stdout, /✓ advanced/);
  await here.assertOneTurn();
});

/** A task of one story whose worker was killed while the agent worked, and is known to be dead. */
async function killedInMidTurn() {
  const stack = new AsyncDisposableStack();
  const project = stack.use(await oneStoryProject());
  const held = Promise.withResolvers<void>();
  const agent = tickingAgent();
  const model = stack.use(
    await startModel(async (request) => {
      await held.promise;
      return await agent(request);
    }),
  );
  const server = stack.use(await startServer({ version: NEWEST, model }));
  const ralph = stack.use(await makeRalph());
  stack.defer(held.resolve);
  await ralph(["run", "one", "-n", "5", "--server", server.url], { cwd: project.root });
  await until(() => model.requests.length > 0, { what: "the agent to work" });
  const row = async () => (await statusOf(ralph, project.root))[0];
  const { workerPid } = await row();
  assert(workerPid);
  Deno.kill(workerPid, "SIGKILL");
  await until(async () => (await row()).status !== "running", { what: "the death to be noticed" });
  const { status, reason, port } = await row();
  assert.deepEqual([status, reason, port], ["failed", "worker_died", null]);
  return {
    project,
    server,
    ralph,
    row,
    release: held.resolve,
    /** One session, one iteration, one OpenCode session with one prompt, whose usage is known. */
    async assertOneTurn() {
      const rows = await statusOf(ralph, project.root);
      assert.equal(rows.length, 1, "the same session");
      const one = await ralph(["status", "one", "--json"], { cwd: project.root });
      const { status, iteration, usage } = JSON.parse(one.stdout);
      assert.deepEqual([status, iteration, usage.modelCalls > 0], ["completed", 1, true]);
      const at = `directory=${encodeURIComponent(project.root)}`;
      const sessions = await (await fetch(`${server.url}/session?${at}`)).json();
      assert.equal(sessions.length, 1, "one OpenCode session");
      const messages = await (await fetch(`${server.url}/session/${sessions[0].id}/message?${at}`))
        .json();
      const prompts = messages.filter(({ info }: { info: { role: string } }) =>
        info.role === "user"
      );
      assert.equal(prompts.length, 1, "one prompt");
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
