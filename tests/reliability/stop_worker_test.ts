/** `ralph stop` whatever the worker does: in a gate, waiting, suspended, dead, about to begin or end. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { execute } from "../../src/cli/main.ts";
import { commandContext } from "../../src/cli/command_context.ts";
import type { Stream } from "../../src/cli/output/streams.ts";
import { PLAIN } from "../../src/terminal/colors.ts";
import { systemClock } from "../../src/host/system/clock.ts";
import { takeLock, workerLives } from "../../src/host/lock/lock.ts";
import { bash, tickingAgent } from "../support/agent.ts";
import { answer } from "../support/fake_faults.ts";
import { createFakeOpenCode, type FakeOpenCode } from "../support/fake_opencode.ts";
import { type FakeServer, serveFake } from "../support/fake_server.ts";
import { hostTools } from "../support/fake_tools.ts";
import { withhold } from "../support/recording_proxy.ts";
import { call, hang, say } from "../support/scripted_model.ts";
import { GENEROUS_MS, until } from "../support/wait.ts";
import { isGone } from "./processes.ts";
import { CLAIM, type StopWorld, stopWorld, suspend } from "./stop_world.ts";

interface FakeWorld extends StopWorld {
  readonly fake: FakeOpenCode;
  readonly server: FakeServer;
  /** Resolves when the agent is at work. */
  atWork(): Promise<void>;
  /** Path of the lock of the task `one`, which has run before. */
  lock(): string;
}

/** A fake server on a port, whose agent works without end. */
async function fakeWorld(): Promise<FakeWorld> {
  await using stack = new AsyncDisposableStack();
  const fake = createFakeOpenCode({ clock: systemClock, script: () => hang(), tools: hostTools });
  const server = stack.use(await serveFake(fake));
  const world = stack.use(await stopWorld(server));
  const turns = () => fake.ledger.filter(({ type }) => type === "model_call").length;
  let seen = 0;
  const owned = stack.move();
  return {
    ...world,
    fake,
    server,
    async atWork() {
      await until(() => turns() > seen, { what: "the agent to work" });
      seen = turns();
    },
    lock() {
      const locks = join(world.ralph.home, ".local/share/ralph/locks");
      const [name] = [...Deno.readDirSync(locks)].map(({ name }) => name)
        .filter((name) => name.startsWith("one"));
      return join(locks, name);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The agent's last turn has ended. */
const turnEnded = ({ ledger }: FakeOpenCode) =>
  ledger.findLast(({ type }) => type === "turn_began" || type === "turn_ended")?.type ===
    "turn_ended";

const inGate = (fake: FakeOpenCode) =>
  fake.setScript(({ step }) => step === 0 ? call(bash(CLAIM)) : say("It is done."));

Deno.test("stop in a gate ends it, with children that ignore signals or left its group", async () => {
  await using world = await fakeWorld();
  inGate(world.fake);
  const { workerPid } = await world.run("gated");
  await world.made("runs");
  const told = await world.stop("gated");
  assert.deepEqual([told.status, told.turn, told.workerGone], ["stopped", "none", true]);
  assert(isGone(workerPid));
  const pids = await world.pids();
  assert.equal(pids.length, 3);
  for (const pid of pids) assert(isGone(pid), `${pid} runs on`);
  assert(told.tookMs < GENEROUS_MS, `${told.tookMs} ms`);
});

Deno.test("a claim of a turn that is stopped is open again, and the next session is told so", async () => {
  await using world = await fakeWorld();
  world.fake.setScript(({ step }) =>
    step === 0 ? call(bash(CLAIM.replace("gated", "one"))) : hang()
  );
  await world.run("one");
  await until(
    async () => (await world.project.read("tasks/one/prd.json")).includes('"passes": true'),
    { what: "the agent to claim" },
  );
  assert.equal((await world.stop("one")).status, "stopped");
  assert.match(await world.project.read("tasks/one/prd.json"), /"passes": false/);
  const { stdout } = await world.cli("history", "one");
  assert.match(stdout, /US-001 was claimed and taken back: stopped before it was judged/);

  let told = "";
  world.fake.setScript(({ prompt }) => {
    told = prompt;
    return hang();
  });
  await world.run("one");
  await until(() => told !== "", { what: "the next session's prompt" });
  assert.match(told, /US-001 was said to be done, and is open again: stopped before/);
  await world.stop("one");
});

Deno.test("a suspended worker is told of with how to go on, and honours the stop when it wakes", async () => {
  await using world = await fakeWorld();
  await world.run("one");
  await world.atWork();
  const { workerPid } = await world.row("one");
  await suspend(workerPid);
  const shown = await world.cli("status", "one");
  assert.match(
    shown.stdout,
    /status: +running, suspended since [^]*now: +suspended: process \d+ does/,
  );
  assert(shown.stdout.includes(`let it go on with \`kill -CONT ${workerPid}\`, or end it `));
  const [row] = JSON.parse((await world.cli("status", "--json")).stdout);
  assert.deepEqual([row.status, row.next], ["running", `kill -CONT ${workerPid}`]);
  const waited = await world.cli("wait", "one", "--timeout", "1");
  assert.equal(waited.code, 8);
  assert.match(waited.stderr, /^warning: `one` is suspended: process \d+ does nothing/);
  assert.match(waited.stdout, /^`one` is suspended: /);
  const began = performance.now();
  const { code, stderr } = await world.cli("stop", "one");
  assert(performance.now() - began < GENEROUS_MS);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /does not react: its process \d+ is suspended. It will stop when it goes on/,
  );
  assert.match(stderr, /hint: end it with force: ralph stop one --force/);
  assert(stderr.includes(`hint: let it go on: kill -CONT ${workerPid}`), stderr);
  assert.equal((await world.row("one")).status, "running");

  Deno.kill(workerPid, "SIGCONT");
  await until(() => isGone(workerPid), { what: "the worker to end" });
  const { status, reason } = await world.row("one");
  assert.deepEqual([status, reason], ["stopped", "user_stop"]);
  assert(turnEnded(world.fake));
});

Deno.test("stop --force ends a suspended worker and all that its gate has started", async () => {
  await using world = await fakeWorld();
  inGate(world.fake);
  const { workerPid } = await world.run("gated");
  await world.made("runs");
  await suspend(workerPid);
  const told = await world.stop("gated", "--force");
  assert.deepEqual([told.status, told.reason, told.forced], ["stopped", "user_stop", true]);
  assert(isGone(workerPid));
  for (const pid of await world.pids()) assert(isGone(pid), `${pid} runs on`);
});

Deno.test("stop --force of a suspended worker ends the turn, also when two ask at once", async () => {
  await using world = await fakeWorld();
  await world.run("one");
  await world.atWork();
  const { workerPid } = await world.row("one");
  await suspend(workerPid);
  const results = await Promise.all([
    world.cli("stop", "one", "--force"),
    world.cli("stop", "one", "--force"),
  ]);
  for (const { code, stdout, stderr } of results) {
    assert.equal(code, 0, stderr);
    assert.match(stdout, /stopped `one`|`one` is not running \(stopped/);
  }
  assert(isGone(workerPid));
  const { status, reason } = await world.row("one");
  assert.deepEqual([status, reason], ["stopped", "user_stop"]);
  assert(turnEnded(world.fake));
});

Deno.test("stop --force waits for another that has killed the worker and does its last work", async () => {
  await using world = await fakeWorld();
  const { workerPid } = await world.run("one");
  await world.atWork();
  Deno.kill(workerPid, "SIGKILL");
  await until(() => !workerLives(world.lock()), { what: "the worker to end" });
  const lock = await takeLock(world.lock(), systemClock);
  const db = new DatabaseSync(world.database);
  try {
    const stop = world.cli("stop", "one", "--force");
    // longer than a stop with force lets a worker be
    await Promise.race([stop, new Promise((resolve) => setTimeout(resolve, 4_500))]);
    db.exec("UPDATE sessions SET status = 'stopped', reason = 'user_stop', ended_at = 1");
    const { code, stderr } = await stop;
    assert.equal(code, 0, stderr);
  } finally {
    db.close();
    lock?.release();
  }
});

Deno.test("stop twice at once: both say that it is stopped, and it is recorded once", async () => {
  await using world = await fakeWorld();
  const { workerPid } = await world.run("one");
  await world.atWork();
  const results = await Promise.all([world.cli("stop", "one"), world.cli("stop", "one")]);
  for (const { code, stdout, stderr } of results) {
    assert.equal(code, 0, stderr);
    assert.match(stdout, /stopped `one`|`one` is not running \(stopped/);
  }
  assert(isGone(workerPid));
  const { stdout } = await world.cli("history", "one", "--json");
  const outcomes = JSON.parse(stdout)[0].iterations.map((one: { outcome: string }) => one.outcome);
  assert.deepEqual(outcomes, ["stopped"]);
});

Deno.test("a process that has the worker's old id is left alone, also with --force", async () => {
  await using world = await fakeWorld();
  await world.run("one");
  await world.atWork();
  await world.stop("one");
  const stranger = new Deno.Command("sleep", { args: ["60"] }).spawn();
  const lock = await takeLock(world.lock(), systemClock);
  const db = new DatabaseSync(world.database);
  try {
    db.prepare(
      "UPDATE sessions SET status = 'running', reason = NULL, ended_at = NULL, worker_pid = ?",
    )
      .run(stranger.pid);
    const { code, stderr } = await world.cli("stop", "one", "--force");
    assert.equal(code, 5, stderr);
    assert.match(
      stderr,
      /cannot end the worker of `one` with force: process \d+, which it was, does not hold its lock/,
    );
    assert.equal(isGone(stranger.pid), false);
  } finally {
    db.close();
    lock?.release();
    stranger.kill("SIGKILL");
    await stranger.status;
  }
});

Deno.test("a worker that stays after the end of its session is told of, not called gone", async () => {
  await using world = await fakeWorld();
  await world.run("one");
  await world.atWork();
  await world.stop("one");
  const lock = await takeLock(world.lock(), systemClock);
  try {
    const { code, stderr } = await world.cli("stop", "one");
    assert.equal(code, 1);
    assert.match(stderr, /has ended \(stopped\), but a worker still holds its lock/);
  } finally {
    lock?.release();
  }
});

Deno.test("a stop that comes before the worker has begun its session stops it", async () => {
  await using world = await fakeWorld();
  await world.run("one");
  await world.atWork();
  await world.stop("one");
  const prompts = () => world.fake.ledger.filter(({ type }) => type === "prompt").length;
  const before = prompts();
  // A git that is slow to say what is in the tree holds the new worker between its lock and its row.
  const bin = join(world.ralph.home, "bin");
  await Deno.mkdir(bin);
  await Deno.writeTextFile(
    join(bin, "git"),
    `#!/bin/sh
case "$*" in *" status "*) while [ ! -e '${bin}/go' ]; do sleep 0.02; done ;; esac
PATH=\${PATH#*:} exec git "$@"
`,
    { mode: 0o755 },
  );
  const env = { PATH: `${bin}:${Deno.env.get("PATH")}` };
  const running = world.ralph(["run", "one", "--server", world.server.url], {
    cwd: world.project.root,
    env,
  });
  await until(() => workerLives(world.lock()), { what: "the worker's lock" });
  const go = () => Deno.writeTextFileSync(join(bin, "go"), "");
  const [code, said] = await stopHere(world, { onWait: go });
  go();
  await running;
  assert.equal(code, 0, said);
  assert.match(said, /^stopped `one` \(session 2\)/);
  const { id, status } = await world.row("one");
  assert.deepEqual([id, status], [2, "stopped"]);
  assert(prompts() - before <= 1);
});

for (const [how, ms] of [["for 3 s", 3_000], ["all the time", Infinity]] as const) {
  Deno.test(`stop while the database is locked ${how} ends the turn and the worker`, async () => {
    await using world = await fakeWorld();
    await world.run("one");
    await world.atWork();
    const { workerPid } = await world.row("one");
    const db = new DatabaseSync(world.database);
    db.exec("BEGIN IMMEDIATE");
    const release = () => db.isOpen && db.close();
    const timer = ms === Infinity ? undefined : setTimeout(release, ms);
    const { code, stdout } = await world.cli("stop", "one", "--json");
    clearTimeout(timer);
    const told = JSON.parse(stdout);
    assert(isGone(workerPid));
    assert.equal(told.turn, "aborted");
    assert(turnEnded(world.fake));
    if (ms === Infinity) {
      assert.equal(code, 7);
      assert.match(told.notStored, /another program has kept it locked/);
    } else {
      assert.deepEqual([code, told.status, told.notStored], [0, "stopped", null]);
    }
    release();
  });
}

Deno.test("stop while the worker waits for a server that is away", async () => {
  await using world = await fakeWorld();
  await world.run("one");
  await world.atWork();
  const { workerPid } = await world.row("one");
  await world.server.kill();
  await until(async () => /waiting for server/.test((await world.row("one")).activity ?? ""), {
    what: "the worker to wait",
  });
  const told = await world.stop("one");
  assert.deepEqual([told.status, told.turn], ["stopped", "not confirmed"]);
  assert.match(told.turnDetail ?? "", /connection refused/);
  assert(told.tookMs < GENEROUS_MS, `${told.tookMs} ms`);
  assert(isGone(workerPid));
});

for (
  const [what, on] of [
    ["OpenCode session", "POST /session"],
    ["prompt", "POST /session/:id/prompt_async"],
    ["prices", "GET /config/providers"],
  ]
) {
  Deno.test(`stop while the server holds back its answer about the ${what}`, async () => {
    await using world = await fakeWorld();
    const fault = world.fake.fault({ on, times: Infinity, act: withhold });
    const { workerPid } = await world.run("one");
    await until(() => fault.struck > 0, { what: "the request" });
    world.fake.fault({ times: Infinity, act: withhold });
    const told = await world.stop("one");
    assert.equal(told.status, "stopped");
    assert.equal(told.turn, what === "prompt" ? "not confirmed" : "none");
    assert(told.tookMs < GENEROUS_MS, `${told.tookMs} ms`);
    assert(isGone(workerPid));
  });
}

Deno.test("a stop that meets the end of the session: either holds, and what is said is recorded", async () => {
  await using world = await fakeWorld();
  world.fake.setScript(tickingAgent());
  for (let meet = 0; meet < 5; meet++) {
    await world.run("one");
    await until(
      () => world.fake.ledger.filter(({ type }) => type === "turn_ended").length > meet,
      {
        what: "the turn to end",
      },
    );
    const { code, stdout } = await world.cli("stop", "one");
    assert.equal(code, 0);
    const { status } = await world.row("one");
    const said = {
      stopped: /^stopped `one`.*\n(.*\n)* +status +stopped, stored/,
      completed:
        /^`one` (\(session \d+\) ended before it could be stopped: |is not running \(completed)/,
    }[status];
    assert(said, status);
    assert.match(stdout, said);
    await world.project.git("reset", "--quiet", "--hard", "HEAD~1").catch(() => {});
  }
});

Deno.test("Ctrl-C in the foreground ends the turn, records it, and leaves by the signal's code", async () => {
  await using world = await fakeWorld();
  const { child, text } = foreground(world);
  await world.atWork();
  child.kill("SIGINT");
  assert.equal((await child.status).code, 130);
  assert.match(await text, /stopping: what is at work is being ended; again to end at once/);
  const { status, reason } = await world.row("one");
  assert.deepEqual([status, reason], ["stopped", "user_stop"]);
  assert(turnEnded(world.fake));
});

Deno.test("a terminal that goes away ends the foreground's worker, and its session can go on", async () => {
  await using world = await fakeWorld();
  const { child } = foreground(world);
  await world.atWork();
  child.kill("SIGHUP");
  assert.equal((await child.status).code, 143);
  const { status, reason } = await world.row("one");
  assert.deepEqual([status, reason], ["failed", "worker_ended"]);
  assert(turnEnded(world.fake));
});

Deno.test("a second Ctrl-C ends at once, and stop ends the turn that was left", async () => {
  await using world = await fakeWorld();
  const { child, text } = foreground(world);
  await world.atWork();
  const lost = world.fake.fault({
    on: "POST /session/:id/abort",
    times: Infinity,
    act: answer(200, "true"),
  });
  child.kill("SIGINT");
  await until(() => lost.struck > 0, { what: "the abort" });
  const began = performance.now();
  child.kill("SIGINT");
  const { signal } = await child.status;
  // promised in docs/reliability.md
  assert(performance.now() - began < 1_000);
  assert.equal(signal, "SIGINT");
  await text;
  lost.remove();
  const { code, stdout } = await world.cli("stop", "one");
  assert.equal(code, 0);
  assert.match(stdout, /`one` is not running \(failed .* ago\)\n +turn +was left at work; aborted/);
  assert(turnEnded(world.fake));
});

Deno.test("after a worker was killed in a gate, stop ends what the gate has left", async () => {
  await using world = await fakeWorld();
  inGate(world.fake);
  const { workerPid } = await world.run("gated");
  await world.made("runs");
  Deno.kill(workerPid, "SIGKILL");
  const [, , apart] = await world.pids();
  await until(() => isGone(workerPid), { what: "the worker to be gone" });
  assert.equal(isGone(apart), false, "what left the gate's group lives on");
  const { code } = await world.cli("stop", "gated");
  assert.equal(code, 0);
  for (const pid of await world.pids()) assert(isGone(pid), `${pid} runs on`);
});

Deno.test("a worker that systemd ends with SIGTERM ends the turn first, and its session can go on", async () => {
  await using world = await fakeWorld();
  await world.run("one");
  await world.atWork();
  const { workerPid } = await world.row("one");
  const began = performance.now();
  Deno.kill(workerPid, "SIGTERM");
  await until(() => isGone(workerPid), { what: "the worker to end" });
  assert(performance.now() - began < GENEROUS_MS);
  const { status, reason } = await world.row("one");
  assert.deepEqual([status, reason], ["failed", "worker_ended"]);
  assert(turnEnded(world.fake));
});

Deno.test("a worker that is asked to end while its server is silent has gone within 6 s", async () => {
  await using world = await fakeWorld();
  await world.run("one");
  await world.atWork();
  const { workerPid } = await world.row("one");
  const silent = world.fake.fault({ times: Infinity, act: withhold });
  const began = performance.now();
  Deno.kill(workerPid, "SIGTERM");
  await until(() => isGone(workerPid), { what: "the worker to end" });
  // promised in docs/reliability.md
  assert(performance.now() - began < 6_000, `${performance.now() - began} ms`);
  assert.equal((await world.row("one")).reason, "worker_ended");

  silent.remove();
  assert(!turnEnded(world.fake), "the agent is at work");
  const { code, stdout } = await world.cli("stop", "one");
  assert.equal(code, 0);
  assert.match(stdout, /`one` is not running \(failed .* ago\)\n +turn +was left at work; aborted/);
  assert(turnEnded(world.fake));
});

Deno.test("a sub-agent in the background that a worker left when its server was silent is ended by stop", async () => {
  await using world = await fakeWorld();
  const { fake } = world;
  fake.setScript(({ isSubagent, step }) => {
    if (isSubagent) return hang();
    const input = { description: "d", prompt: "p", subagent_type: "general", background: true };
    return step === 0 ? call({ name: "task", input }) : say("gone ahead");
  });
  await world.run("one");
  await until(() => fake.ledger.some(({ type }) => type === "turn_ended"), {
    what: "the agent to end before its sub-agent",
  });
  const atWork = () =>
    fake.ledger.filter(({ type }) => type === "turn_began").length -
    fake.ledger.filter(({ type }) => type === "turn_ended").length;
  const { workerPid } = await world.row("one");
  const silent = fake.fault({ times: Infinity, act: withhold });
  Deno.kill(workerPid, "SIGTERM");
  await until(() => isGone(workerPid), { what: "the worker to end" });
  silent.remove();
  assert.equal(atWork(), 1, "the sub-agent is at work");
  assert.match(
    (await world.cli("stop", "one")).stdout,
    /`one` is not running \(failed .* ago\)\n +turn +was left at work; aborted/,
  );
  await until(() => atWork() === 0, { what: "the sub-agent's turn to end" });
});

Deno.test("a stop of a worker that is ending by a signal says what was not confirmed", async () => {
  await using world = await fakeWorld();
  await world.run("one");
  await world.atWork();
  const { workerPid } = await world.row("one");
  const silent = world.fake.fault({ times: Infinity, act: withhold });
  Deno.kill(workerPid, "SIGTERM");
  await until(() => silent.struck > 0, { what: "the abort" });
  const told = await world.stop("one");
  assert.deepEqual([told.reason, told.turn], ["worker_ended", "not confirmed"]);
});

/** `ralph stop one` in this process. `onWait` is called when it first waits for something. */
async function stopHere(
  { ralph, project }: FakeWorld,
  { onWait }: { onWait: () => void },
): Promise<[code: number, said: string]> {
  let said = "";
  const stream: Stream = {
    write: (text) => void (said += text),
    line: (text = "") => void (said += `${text}\n`),
    isTerminal: false,
    width: () => 100,
    colors: PLAIN,
  };
  let waited = false;
  const context = commandContext({
    output: { out: stream, err: stream, inputIsTerminal: false },
    clock: {
      ...systemClock,
      after(ms, callback) {
        if (!waited) onWait();
        waited = true;
        return systemClock.after(ms, callback);
      },
    },
    environment: (name) => name === "HOME" ? ralph.home : undefined,
    mainUrl: new URL("../../main.ts", import.meta.url).href,
    cwd: () => project.root,
  });
  const code = await execute(["stop", "one"], context);
  return [code, said];
}

function foreground(world: FakeWorld) {
  const child = world.ralph.start(["run", "one", "-f", "--server", world.server.url], {
    cwd: world.project.root,
  });
  const stdout = new Response(child.stdout).text();
  const stderr = new Response(child.stderr).text();
  return { child, text: Promise.all([stdout, stderr]).then((both) => both.join("")) };
}
