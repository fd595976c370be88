/** Several of ralph's commands at once on one task: each caller is told what happened. */
import assert from "node:assert/strict";
import { join } from "node:path";
import picocolors from "picocolors";
import { commandContext } from "../../src/cli/command_context.ts";
import { execute } from "../../src/cli/main.ts";
import type { Stream } from "../../src/cli/output/streams.ts";
import { openUserStore, pathsOf, signalPath } from "../../src/app/store.ts";
import { systemHost } from "../../src/worker/system_host.ts";
import { work } from "../../src/worker/worker.ts";
import { RalphError } from "../../src/error.ts";
import { type Lock, takeLock } from "../../src/host/lock/lock.ts";
import { taskKey } from "../../src/host/files/paths.ts";
import { readRequest } from "../../src/host/files/signal_files.ts";
import type { Reason, Status, WorkerSettings } from "../../src/store/model.ts";
import { makeProject } from "../support/project.ts";
import { isGone, makeWorld, prd } from "./processes.ts";

const AT_ONCE = 20;

Deno.test("twenty runs of one task at once: one wins, the others exit 5 and name its session", async () => {
  await using world = await makeWorld();
  const { cli, url, row, sql, fake, modelCalls } = world;
  await world.run("one");
  await modelCalls(1);
  await cli("stop", "one");
  const results = await Promise.all(
    Array.from({ length: AT_ONCE }, () => cli("run", "one", "--server", url)),
  );
  const codes = results.map(({ code }) => code).sort();
  const said = results.map(({ stderr }) => stderr).join("\n");
  assert.deepEqual(codes, [0, ...Array(AT_ONCE - 1).fill(5)], said);
  const { id, status } = await row("one");
  assert.deepEqual([id, status], [2, "running"]);
  for (const { code, stderr } of results) {
    if (code === 5) assert.match(stderr, /^error: `one` is running already \(session 2, /m, said);
  }
  await modelCalls(2);
  assert.equal(sql("SELECT 1 FROM sessions WHERE status = 'running'").length, 1);
  assert.equal(fake.ledger.filter(({ type }) => type === "prompt").length, 2);
});

/**
 * No process, since above Linux's largest number, 2^22 (proc(5)): the commands of a worker that is gone
 * are killed by its number, and the tests that run beside this one share this process's.
 */
const NOBODY = 4_194_305;
const WORKER: WorkerSettings = {
  maxIterations: 10,
  serverUrl: "http://127.0.0.1:9",
  serverPort: 9,
  workerPid: NOBODY,
  workerVersion: "0.1.0",
  accepted: false,
};

/**
 * A task whose worker this test is: it holds the lock and writes the row. `meanwhile`: what it does
 * each time the command under test waits, in turn. Nothing here takes real time.
 */
async function makeTask() {
  await using stack = new AsyncDisposableStack();
  const project = stack.use(await makeProject({ files: { "tasks/one/prd.md": prd(1) } }));
  const home = await Deno.makeTempDir({ prefix: "ralph-home-" });
  stack.defer(() => Deno.remove(home, { recursive: true }));
  let now = Date.UTC(2026, 10, 20, 12);
  const written = { out: "", err: "" };
  const meanwhile: (() => unknown)[] = [];
  const stream = (name: keyof typeof written): Stream => ({
    write: (text) => written[name] += text,
    line: (text = "") => written[name] += `${text}\n`,
    isTerminal: false,
    width: () => 100,
    colors: picocolors.createColors(false),
  });
  const context = commandContext({
    output: { out: stream("out"), err: stream("err"), inputIsTerminal: false },
    clock: {
      now: () => now,
      monotonic: () => now,
      after(ms, callback) {
        queueMicrotask(async () => {
          now += ms;
          await meanwhile.shift()?.();
          callback();
        });
        return () => {};
      },
    },
    environment: (name) => name === "HOME" ? home : undefined,
    mainUrl: new URL("../../main.ts", import.meta.url).href,
    cwd: () => project.root,
  });
  const taskDir = join(project.root, "tasks/one");
  const task = { taskName: "one", taskDir, projectRoot: project.root };
  const key = taskKey({ name: "one", dir: taskDir });
  const store = openUserStore(context);
  stack.defer(() => store.close());
  Deno.mkdirSync(pathsOf(context).locks, { recursive: true });
  const start = { settings: "{}", tree: null, choices: null };
  let lock: Lock | undefined;
  stack.defer(() => lock?.release());
  const owned = stack.move();
  return {
    context,
    store,
    taskDir,
    meanwhile,
    async lock() {
      lock = await takeLock(join(pathsOf(context).locks, `${key}.lock`), context.clock);
      assert(lock);
    },
    release() {
      lock?.release();
      lock = undefined;
    },
    begin: (workerPid = NOBODY) => store.startSession(task, { ...WORKER, workerPid }, start),
    goOn: (sessionId: number) => store.continueSession(sessionId, WORKER, start),
    /** What the worker of this run would read. */
    asked(lease: { sessionId: number; epoch: number }) {
      const { startedAt } = store.session(lease.sessionId) ?? { startedAt: "" };
      return readRequest(signalPath(context, key).path, { ...lease, startedAt });
    },
    signals: () => [...Deno.readDirSync(signalPath(context, key).folder)].map(({ name }) => name),
    row() {
      const { id, status, reason, epoch } = store.lastSession(taskDir) ?? {};
      return [id, status, reason, epoch];
    },
    async command(...args: string[]) {
      written.out = written.err = "";
      const code = await execute(args, context);
      return { code, ...written };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

type Lease = { sessionId: number; epoch: number };
type Task = Awaited<ReturnType<typeof makeTask>>;

const end = (task: Task, lease: Lease, how: [Exclude<Status, "running">, Reason, string]) => {
  const [status, reason, detail] = how;
  task.store.endSession(lease, { status, reason, detail });
};
const stopped = (task: Task, lease: Lease) => {
  assert.equal(task.asked(lease), "stop", "the worker can read what was asked");
  end(task, lease, ["stopped", "user_stop", "stopped by a person"]);
};
const completed = (task: Task, lease: Lease) =>
  end(task, lease, ["completed", "all_stories_pass", "the story passes"]);

interface Order {
  name: string;
  command: string[];
  /** What was there before. */
  before?: (task: Task, lease: Lease) => void | Promise<unknown>;
  /** What the worker does, step by step, while the command waits. */
  worker?: (task: Task, lease: Lease) => (() => void)[];
  code: number;
  says: RegExp;
  /** Id, status, reason and epoch of the task's last session afterwards. */
  row: [number, Status, Reason | null, number];
  /** Requests that are there afterwards. */
  left?: number;
}

const ORDERS: Order[] = [
  {
    name: "stop, then the worker reads it",
    command: ["stop"],
    worker: (task, lease) => [() => stopped(task, lease), task.release],
    code: 0,
    says: /^stopped `one` \(session 1\) in [^]*status +stopped, stored/,
    row: [1, "stopped", "user_stop", 1],
  },
  {
    name: "stop, but the worker ended by itself before it read that",
    command: ["stop"],
    worker: (task, lease) => [() => completed(task, lease), task.release],
    code: 0,
    says: /^`one` \(session 1\) ended before it could be stopped: the story passes/,
    row: [1, "completed", "all_stories_pass", 1],
  },
  {
    name: "stop, but the worker dies before it reads that: the session is stopped in its place",
    command: ["stop"],
    worker: (task) => [task.release],
    code: 0,
    says: /^stopped `one`/,
    row: [1, "stopped", "user_stop", 1],
  },
  {
    name: "stop, but the session was paused, and another run has gone on with it since",
    command: ["stop"],
    worker: (task, lease) => [() => {
      end(task, lease, ["checkpointed", "checkpoint", "paused"]);
      task.goOn(1);
    }],
    code: 5,
    says:
      /^error: the worker of `one` has ended, and another `ralph run` has gone on with it since/,
    row: [1, "running", null, 2],
  },
  {
    name: "stop --force, but another run has begun since: that one is not killed",
    command: ["stop", "--force"],
    worker: (task, lease) => [() => {
      completed(task, lease);
      task.begin();
    }],
    code: 5,
    says: /another `ralph run` has gone on/,
    row: [2, "running", null, 1],
  },
  {
    name: "stop while a worker is about to begin: it is waited for, and stopped",
    command: ["stop"],
    before: (task, lease) => completed(task, lease),
    worker: (task) => {
      let next: Lease;
      return [() => next = task.begin(), () => stopped(task, next), task.release];
    },
    code: 0,
    says: /^stopped `one` \(session 2\)/,
    row: [2, "stopped", "user_stop", 1],
  },
  {
    name: "stop while the worker has recorded its end and is not gone yet",
    command: ["stop"],
    before: (task, lease) => completed(task, lease),
    worker: (task) => [task.release],
    code: 0,
    says: /^`one` is not running \(completed /,
    row: [1, "completed", "all_stories_pass", 1],
  },
  {
    name: "stop after a checkpoint: it takes its place",
    command: ["stop"],
    before: (task) => task.command("checkpoint"),
    worker: (task, lease) => [() => stopped(task, lease), task.release],
    code: 0,
    says: /^stopped `one`/,
    row: [1, "stopped", "user_stop", 1],
  },
  {
    name: "checkpoint",
    command: ["checkpoint"],
    code: 0,
    says: /^`one` will pause after iteration 0/,
    row: [1, "running", null, 1],
    left: 1,
  },
  {
    name: "checkpoint twice",
    command: ["checkpoint"],
    before: (task) => task.command("checkpoint"),
    code: 0,
    says: /^`one` will pause after iteration 0/,
    row: [1, "running", null, 1],
    left: 1,
  },
  {
    name: "checkpoint while the worker has recorded its end and is not gone yet",
    command: ["checkpoint"],
    before: (task, lease) => completed(task, lease),
    worker: (task) => [task.release],
    code: 3,
    says: /^`one` is not running \(completed /,
    row: [1, "completed", "all_stories_pass", 1],
  },
  {
    name: "checkpoint, where the request of an earlier run was left behind",
    command: ["checkpoint"],
    async before(task, lease) {
      await task.command("checkpoint");
      end(task, lease, ["checkpointed", "checkpoint", "paused"]);
      task.goOn(1);
    },
    code: 0,
    says: /^`one` will pause/,
    row: [1, "running", null, 2],
    left: 1,
  },
];

for (const { name, command, before, worker, code, says, row, left = 0 } of ORDERS) {
  Deno.test(`each caller is told what happened: ${name}`, async () => {
    await using task = await makeTask();
    await task.lock();
    const lease = task.begin();
    await before?.(task, lease);
    task.meanwhile.push(...worker?.(task, lease) ?? []);
    const result = await task.command(...command);
    assert.equal(result.code, code, result.out + result.err);
    assert.match(result.out + result.err, says);
    assert.deepEqual(task.row(), row);
    assert.equal(task.signals().length, left, "requests that are left");
    assert.deepEqual(task.meanwhile, [], "the worker did all its steps");
  });
}

Deno.test("a checkpoint does not take the place of a stop that the worker has not read yet", async () => {
  await using task = await makeTask();
  await task.lock();
  const lease = task.begin();
  let late: Awaited<ReturnType<Task["command"]>> | undefined;
  task.meanwhile.push(
    async () => {
      late = await task.command("checkpoint");
    },
    () => stopped(task, lease),
    task.release,
  );
  await task.command("stop");
  const { code, err } = late ?? assert.fail("the checkpoint was asked for");
  assert.equal(code, 5, err);
  assert.match(err, /^error: `one` is being stopped: it cannot pause any more/);
  assert.deepEqual(task.row(), [1, "stopped", "user_stop", 1]);
});

Deno.test("a run that finds the lock taken names the session that its holder records, never an older one", async () => {
  await using task = await makeTask();
  completed(task, task.begin());
  await task.lock();
  task.meanwhile.push(() => task.begin());
  const order = { taskDir: task.taskDir, flags: {}, accepted: false };
  const run = work(systemHost(task.context), order, {
    signal: new AbortController().signal,
    emit: () => {},
  });
  await assert.rejects(run, (error) => {
    assert(error instanceof RalphError);
    assert.equal(error.kind, "conflict");
    assert.match(error.message, /^`one` is running already \(session 2, /);
    return true;
  });
});

Deno.test("a run that finds the lock taken by something that records nothing says so after 10 s", async () => {
  await using task = await makeTask();
  await task.lock();
  const order = { taskDir: task.taskDir, flags: {}, accepted: false };
  const begun = task.context.clock.monotonic();
  const run = work(systemHost(task.context), order, {
    signal: new AbortController().signal,
    emit: () => {},
  });
  await assert.rejects(run, /another process holds its lock, and has recorded nothing within 10 s/);
  assert(task.context.clock.monotonic() - begun < 12_000);
});

Deno.test("stop --force ends no process that only has the number of the worker", async () => {
  await using task = await makeTask();
  const stranger = new Deno.Command("sleep", { args: ["60"] }).spawn();
  try {
    await task.lock();
    task.begin(stranger.pid);
    const { code, err } = await task.command("stop", "--force");
    assert.equal(code, 5, err);
    assert.match(err, new RegExp(`process ${stranger.pid}, which it was, does not hold its lock`));
    assert.equal(isGone(stranger.pid), false, "the stranger lives");
    assert.deepEqual(task.row(), [1, "running", null, 1]);
  } finally {
    stranger.kill("SIGKILL");
    await stranger.status;
  }
});
