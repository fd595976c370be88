/** `ralph stop` while an agent is at work on a real server: what it ends, and what it says of it. */
import assert from "node:assert/strict";
import { bash } from "../support/agent.ts";
import { TESTED } from "../support/install.ts";
import { startServer, type TestServer } from "../support/opencode_server.ts";
import {
  call,
  hang,
  httpError,
  say,
  type ScriptedModel,
  startModel,
} from "../support/scripted_model.ts";
import { GENEROUS_MS, until } from "../support/wait.ts";
import { isGone } from "./processes.ts";
import { assertStopped, listener, type StopWorld, stopWorld, suspend } from "./stop_world.ts";

interface RealWorld extends StopWorld {
  readonly model: ScriptedModel;
  readonly server: TestServer;
  /** Resolves when the agent has asked its model once more. */
  asked(): Promise<void>;
  /** The OpenCode sessions of the project that are at work. */
  busy(): Promise<string[]>;
}

function onEachVersion(
  name: string,
  body: (world: RealWorld, t: Deno.TestContext) => Promise<void>,
): void {
  for (const version of TESTED) {
    Deno.test(`${name}, OpenCode ${version}`, async (t) => {
      await using model = await startModel(() => hang());
      await using server = await startServer({ version, model });
      await using world = await stopWorld(server);
      const asked = () => {
        const before = model.requests.length;
        return until(() => model.requests.length > before, {
          what: "the agent",
        });
      };
      const busy = async () => {
        const query = new URLSearchParams({ directory: world.project.root });
        return Object.keys(await (await fetch(`${server.url}/session/status?${query}`)).json());
      };
      await body(
        Object.assign(world, { model, server, busy, asked: async () => void await asked() }),
        t,
      );
    });
  }
}

onEachVersion("stop ends what the agent does, and says what it confirmed", async (world, t) => {
  const { model, run, stop, row, busy, made, pids } = world;

  await t.step("in the middle of a text", async () => {
    const asked = world.asked();
    const { workerPid } = await run("one");
    await asked;
    const told = await stop("one");
    assertStopped(told, { workerPid });
    assert(told.tookMs < GENEROUS_MS, `${told.tookMs} ms`);
    assert.deepEqual(await busy(), []);
  });

  await t.step("while the provider's rate limit is waited out", async () => {
    model.setScript(() =>
      httpError(429, { error: { message: "rate limit" } }, { "retry-after": "300" })
    );
    const { workerPid } = await run("one");
    await until(async () => /rate limited/.test((await row("one")).activity ?? ""), {
      what: "the rate limit to show",
    });
    assertStopped(await stop("one"), { workerPid });
    assert.deepEqual(await busy(), []);
  });

  await t.step("in a shell command that ignores signals", async () => {
    const command = "trap '' TERM INT HUP; echo $$ > pids; while :; do sleep 0.1; done";
    model.setScript(({ step }) => step === 0 ? call(bash(command)) : say("never"));
    const { workerPid } = await run("one");
    await made("pids");
    assertStopped(await stop("one"), { workerPid });
    for (const pid of await pids()) assert(isGone(pid), `${pid} runs on`);
  });
});

onEachVersion("stop names what a shell command has left outside of its group", async (world) => {
  const { model, run, stop, cli, made, pids } = world;
  const command = "setsid sh -c 'echo $$ > pids; exec sleep 321' & while :; do sleep 1; done";
  model.setScript(({ step }) => step === 0 ? call(bash(command)) : say("never"));
  await run("one");
  await made("pids");
  const { turn, left } = await stop("one");
  const [pid] = await pids();
  try {
    assert.equal(turn, "aborted");
    assert.deepEqual(left, [{ pid, command: "sleep 321", ports: [] }]);
    assert.equal(isGone(pid), false, "it is named since it runs");

    model.setScript(() => hang());
    const asked = world.asked();
    await run("one");
    await asked;
    const { stdout } = await cli("stop", "one");
    assert.doesNotMatch(stdout, /left/, "it was there before this session");
  } finally {
    Deno.kill(pid, "SIGKILL");
  }
});

onEachVersion(
  "stop while the server is suspended ends soon, says what is not confirmed, and still ends the turn",
  async (world) => {
    const { server, run, row, stop, cli, busy } = world;
    const asked = world.asked();
    await run("one");
    await asked;
    const { workerPid, openCodeSessionId } = await row("one");
    const pid = await listener(server.port);
    await suspend(pid);
    let told;
    try {
      told = await stop("one");
    } finally {
      Deno.kill(pid, "SIGCONT");
    }
    // on a quiet machine 5 s, as the bench measures it
    assert(told.tookMs < GENEROUS_MS, `${told.tookMs} ms`);
    assert.deepEqual([told.status, told.turn], ["stopped", "not confirmed"]);
    assert.match(told.turnDetail ?? "", /did not answer/);
    assert(isGone(workerPid));
    await until(async () => !(await busy()).includes(openCodeSessionId), {
      what: "the turn to end by the abort that was waiting",
    });
    assert.match((await cli("stop", "one")).stdout, /not running \(stopped/);
  },
);

onEachVersion(
  "stop ends a turn that an earlier worker left and a new one follows",
  async (world) => {
    const { run, row, stop, busy } = world;
    const asked = world.asked();
    await run("one");
    await asked;
    const first = await row("one");
    Deno.kill(first.workerPid, "SIGKILL");
    await until(() => isGone(first.workerPid), { what: "the worker to be gone" });
    const second = await run("one");
    assert.deepEqual([second.id, second.iteration], [first.id, first.iteration]);
    assert.deepEqual(await busy(), [first.openCodeSessionId], "its turn goes on");
    assertStopped(await stop("one"), second);
    assert.deepEqual(await busy(), []);
  },
);

onEachVersion("stop ends a turn that a dead worker left, though no session runs", async (world) => {
  const { run, cli, busy } = world;
  const asked = world.asked();
  const { workerPid } = await run("one");
  await asked;
  Deno.kill(workerPid, "SIGKILL");
  await until(() => isGone(workerPid), { what: "the worker to be gone" });
  assert.equal((await busy()).length, 1);
  const { code, stdout } = await cli("stop", "one");
  assert.equal(code, 0);
  assert.match(stdout, /`one` is not running \(failed .* ago\)\n +turn +was left at work; aborted/);
  assert.deepEqual(await busy(), []);
});
