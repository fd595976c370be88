/**
 * A whole world in this process, for tests of what holds when things go wrong: the real loop, the
 * real registry file, a real PRD in a real git repository, real gates; a fake OpenCode server in
 * the place of the real one, and a clock whose hours pass at once.
 *
 *     await using world = await createWorld({ stories: 3 });
 *     const worker = world.work();                       // as `ralph run` does
 *     const end = await world.clock.run(worker.end);     // undefined when it was killed
 *     await assertNothingLost(world);                    // nothing_lost.ts
 *
 * A worker dies by `worker.kill()`, as by SIGKILL, at any time or at a step: see `life.ts`. The next
 * `world.work()` finds the database as the dead one left it, the write-ahead log included. Faults of
 * the server are those of `world.fake`. What is put together here is what `src/cli/worker.ts` puts
 * together; the process itself, its signals and its log are tested in `crash_process_test.ts`.
 */
import assert from "node:assert/strict";
import { join, relative } from "node:path";
import { runBounded } from "../../src/host/bounded_process.ts";
import { textEndsIfAny } from "../../src/host/files.ts";
import { treeChange, treeState } from "../../src/host/git.ts";
import { judgeTools } from "../../src/host/judge_tools.ts";
import { takeLock } from "../../src/host/lock.ts";
import { type SessionFolder, sessionFolder } from "../../src/host/session_folder.ts";
import type { Emit, LoopEvent } from "../../src/loop/event.ts";
import { createGateRunner } from "../../src/loop/gate_runner.ts";
import { beginSession, type Begun } from "../../src/loop/session.ts";
import { createRecorder, type Recorder } from "../../src/loop/recorder.ts";
import { keptTree, storeTree } from "../../src/loop/stored_tree.ts";
import { keepTests } from "../../src/loop/tests_kept.ts";
import { createTurns } from "../../src/loop/turn.ts";
import { createVerification, type Verification } from "../../src/loop/verification.ts";
import { prdWork, type Work } from "../../src/loop/work.ts";
import { runLoop, type SessionEnd } from "../../src/loop/worker.ts";
import { createClient } from "../../src/opencode/client.ts";
import { migrationOf } from "../../src/registry/migrations.ts";
import { openRegistry, type Registry } from "../../src/registry/registry.ts";
import { DEFAULT_SETTINGS, type Limits, mergeSettings } from "../../src/settings/settings.ts";
import type { Task } from "../../src/task/find.ts";
import { gateEnvironment } from "../../src/verify/gate_environment.ts";
import type { PrdFiles } from "../../src/verify/prd_keeper.ts";
import { assignment, commit, edit, tick, write } from "../support/agent.ts";
import { createVirtualClock, type VirtualClock } from "../support/fake_clock.ts";
import { createFakeOpenCode, type FakeOpenCode } from "../support/fake_opencode.ts";
import type { FakeScript } from "../support/fake_script.ts";
import { hostTools, type Tools } from "../support/fake_tools.ts";
import type { Timings } from "../support/fake_turn_context.ts";
import { makeProject, type Project } from "../support/project.ts";
import { call, say } from "../support/scripted_model.ts";
import {
  createLife,
  Killed,
  type Life,
  mortalClock,
  mortalDatabase,
  mortalFiles,
  mortalTransport,
} from "./life.ts";

export interface WorldOptions {
  /** How many stories the PRD has; each has a gate that wants `work/<id>.txt`. Default: 3. */
  readonly stories?: number;
  /** What the agents do. Default: `honestAgent`. */
  readonly script?: FakeScript;
  readonly version?: string;
  readonly timings?: Partial<Timings>;
  readonly limits?: Partial<Limits>;
}

export interface World extends AsyncDisposable {
  readonly clock: VirtualClock;
  readonly fake: FakeOpenCode;
  readonly project: Project;
  readonly task: Task & { readonly prdPath: string };
  /** Path of the database. */
  readonly database: string;
  /** Path of the task's lock. */
  readonly lock: string;
  /** What the agents' tools wrote last, by path, the PRD aside. */
  readonly written: ReadonlyMap<string, string>;
  /** Starts or continues the task's session. Only one worker at a time, as the lock has it. */
  work(options?: WorkOptions): Worker;
}

export interface WorkOptions {
  /** Told each step of the worker before it is taken; may kill it. */
  readonly onStep?: (name: string) => void;
}

export interface Worker {
  /** How its session ended; undefined when the worker was killed. Throws what the worker throws. */
  readonly end: Promise<SessionEnd | undefined>;
  /** What it told so far. */
  readonly events: readonly LoopEvent[];
  kill(): void;
  /** As a person does, or with `LEAVE` as a shutdown does. */
  stop(reason?: symbol): void;
}

/** Nothing here has to outlive the machine: in memory each fsync is free. */
const FOLDER = (await Deno.stat("/dev/shm").catch(() => undefined))?.isDirectory
  ? "/dev/shm"
  : undefined;
const TASK = "t";

const folder = new URL("../../migrations/", import.meta.url);
const MIGRATIONS = [...Deno.readDirSync(folder)]
  .map(({ name }) => migrationOf(name, Deno.readTextFileSync(new URL(name, folder))))
  .filter((migration) => migration !== undefined)
  .sort((a, b) => a.number - b.number);

/** Makes the world, with no worker in it. */
export async function createWorld(options: WorldOptions = {}): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const home = await Deno.makeTempDir({ prefix: "ralph-world-", dir: FOLDER });
  stack.defer(() => Deno.remove(home, { recursive: true }));
  const clock = createVirtualClock();
  const project = stack.use(
    await makeProject({
      parent: home,
      files: { [`tasks/${TASK}/prd.json`]: prdText(options.stories ?? 3) },
    }),
  );
  const dir = join(project.root, "tasks", TASK);
  const task = { name: TASK, dir, projectRoot: project.root, prdPath: join(dir, "prd.json") };
  const prdTimes = timesOf(task.prdPath, clock);
  const written = new Map<string, string>();
  const fake = createFakeOpenCode({
    clock,
    version: options.version,
    script: options.script ?? honestAgent,
    tools: toolsIn({ clock, written, prdPath: task.prdPath, noteTime: prdTimes.note }),
    timings: options.timings,
  });
  const settings = mergeSettings([DEFAULT_SETTINGS, { limits: options.limits }]);
  const place = { database: join(home, "sessions.db"), lock: join(home, "lock") };
  const owned = stack.move();

  function work({ onStep = () => {} }: WorkOptions = {}): Worker {
    const events: LoopEvent[] = [];
    const stopping = new AbortController();
    const life = createLife(onStep);
    const running = runWorker(
      { life, clock, fake, task, settings, home, files: prdTimes.files, ...place },
      { signal: stopping.signal, emit: (event) => events.push(event) },
    );
    running.catch(() => {}); // of a dead worker nobody hears
    return {
      end: Promise.race([running, life.over]),
      events,
      kill: life.end,
      stop: (reason) => stopping.abort(reason),
    };
  }

  return {
    clock,
    fake,
    project,
    task,
    ...place,
    written,
    work,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Does its story, ticks and commits it. */
export const honestAgent: FakeScript = ({ prompt, step, directory }) => {
  const { story, prd } = assignment(prompt);
  const text = Deno.readTextFileSync(join(directory, prd));
  if (step === 0) return call(write(`work/${story}.txt`, story), edit(prd, tick(text, story)));
  return step === 2 ? call(commit(`feat: ${story}`)) : say(`${story} is done.`);
};

function prdText(stories: number): string {
  const userStories = Array.from({ length: stories }, (_, index) => {
    const id = `US-${String(index + 1).padStart(3, "0")}`;
    return {
      id,
      title: `Story ${index + 1}`,
      acceptanceCriteria: ["done"],
      priority: index + 1,
      passes: false,
      verify: [["test", "-f", `work/${id}.txt`]],
    };
  });
  return JSON.stringify({ project: "world", userStories }, null, 2);
}

/** The real tools, in no time; what they write is remembered. */
function toolsIn({ clock, written, prdPath, noteTime }: {
  clock: VirtualClock;
  written: Map<string, string>;
  prdPath: string;
  noteTime: () => void;
}): Tools {
  return Object.fromEntries(
    Object.entries(hostTools).map(([name, tool]) => [
      name,
      async (input, context) => {
        const output = await clock.during(Promise.resolve(tool(input, context)));
        noteTime();
        const file = join(context.directory, String(input.filePath));
        if (name === "write" && file !== prdPath) written.set(file, String(input.content));
        return output;
      },
    ]),
  );
}

/** The file system, with the clock's time as that of the last change of one file. */
function timesOf(file: string, clock: VirtualClock): { files: PrdFiles; note: () => void } {
  const realTime = () => Deno.lstatSync(file).ctime?.getTime();
  let seen = realTime();
  let changedAt = clock.now();
  const note = () => {
    const now = realTime();
    if (now !== seen) changedAt = clock.now();
    seen = now;
  };
  const lstatSync: PrdFiles["lstatSync"] = (path) => {
    const info = Deno.lstatSync(path);
    return path === file ? { ...info, ctime: new Date(changedAt) } : info;
  };
  const { openSync, mkdirSync, renameSync, removeSync, chmodSync } = Deno;
  return { files: { openSync, mkdirSync, renameSync, removeSync, chmodSync, lstatSync }, note };
}

interface Place {
  life: Life;
  clock: VirtualClock;
  fake: FakeOpenCode;
  task: World["task"];
  settings: ReturnType<typeof mergeSettings>;
  home: string;
  files: PrdFiles;
  database: string;
  lock: string;
}

/** What `work` of `src/cli/worker.ts` does, with the ports of `life.ts`. */
async function runWorker(
  place: Place,
  { signal, emit }: { signal: AbortSignal; emit: Emit },
): Promise<SessionEnd> {
  const { life, task, settings, fake } = place;
  const root = task.projectRoot;
  const clock = mortalClock(place.clock, life);
  const state: typeof treeState = (...of) => place.clock.during(treeState(...of));
  const lock = await takeLock(place.lock, clock);
  assert(lock, "another worker has the lock");
  life.atEnd(lock.release);
  const registry = openAsItWasLeft(place, clock);
  const streamEnd = new AbortController();
  const client = createClient({
    url: fake.url,
    directory: root,
    clock,
    transport: mortalTransport(fake.fetch, life),
  });
  const turns = createTurns({ client, clock, signal: streamEnd.signal });
  turns.closed.catch(() => {}); // its handlers may have died
  try {
    const worker = {
      serverUrl: fake.url,
      serverPort: 1,
      workerPid: Deno.pid,
      workerVersion: "world",
      accepted: false,
    };
    const begun = await beginSession(
      { registry, client, clock, treeState: () => state(root) },
      { task, worker, settings, flags: {} },
    );
    const folder = mortalFolder(sessionFolder(join(place.home, "kept")), life);
    if (!begun.continues) folder.clear();
    const work = workOf(place, { begun, folder });
    const recorder = createRecorder({ registry, clock, emit, signal });
    const end = await runLoop(
      {
        client,
        turns,
        recorder,
        registry,
        tree: {
          state,
          change: (...of) => place.clock.during(treeChange(...of)),
        },
        readText: textEndsIfAny,
        clock,
        emit,
      },
      {
        lease: begun.lease,
        task,
        settings: begun.settings,
        work,
        verification: verificationOf(place, { begun, folder, registry, recorder, work }),
        treeBefore: keptTree(folder),
        said: begun.said,
        begun,
        checkpointAsked: () => false,
      },
      signal,
    );
    if (end.status !== "checkpointed" && end.reason !== "worker_ended") folder.clear();
    return end;
  } finally {
    if (!life.isOver) {
      streamEnd.abort();
      registry.close();
      lock.release();
    }
  }
}

/** A killed process leaves the write-ahead log behind, which a mere `close` would take away. */
function openAsItWasLeft({ database, life }: Place, clock: { now: () => number }): Registry {
  const registry = mortalDatabase(
    life,
    () => openRegistry({ path: database, migrations: MIGRATIONS, now: clock.now }),
  );
  const files = [database, `${database}-wal`];
  life.atEnd(() => {
    for (const file of files) Deno.copyFileSync(file, `${file}.left`);
    registry.close();
    for (const file of files) Deno.renameSync(`${file}.left`, file);
  });
  return registry;
}

function mortalFolder(folder: SessionFolder, life: Life): SessionFolder {
  const check = (name: string) => {
    if (!life.step(`before ${name}`)) throw new Killed();
  };
  return {
    ...folder,
    write(name, bytes) {
      check(`keeping ${name}`);
      folder.write(name, bytes);
    },
    clear() {
      check("clearing the session's folder");
      folder.clear();
    },
  };
}

function workOf(
  { task, files, life }: Place,
  { begun, folder }: { begun: Begun; folder: SessionFolder },
): Work {
  const { prdPath } = task;
  const kept = begun.underWay && folder.read("prd");
  return prdWork({
    files: mortalFiles(files, life),
    task,
    prdPath,
    keep: ({ bytes }) => folder.write("prd", bytes),
    interrupted: kept && { path: prdPath, bytes: kept, mode: 0o644 },
  });
}

function verificationOf(
  { clock, task, home }: Place,
  { begun, folder, registry, recorder, work }: {
    begun: Begun;
    folder: SessionFolder;
    registry: Registry;
    recorder: Recorder;
    work: Work;
  },
): Verification {
  const { lease, settings } = begun;
  const root = task.projectRoot;
  const taskFolder = relative(root, task.dir);
  const tools = judgeTools(clock);
  const { gates, claims } = registry.findings(lease.sessionId);
  const counted = folder.read("tests.json");
  const runner = createGateRunner({
    order: {
      root,
      folder: join(home, "kept", "judge"),
      session: `${lease.sessionId}`,
      protect: settings.protect,
      agentFiles: [join(taskFolder, "prd.json"), join(taskFolder, "progress.txt")],
    },
    judgeTools: tools,
    env: gateEnvironment(Deno.env.get),
    run: runBounded,
    clock,
    defaultTimeoutMs: settings.limits.gateMs,
    onStart: ({ name }) =>
      recorder.note((registry) => registry.setActivity(lease, `running gate ${name}`)),
  });
  const tests = keepTests({
    root,
    tools,
    stored: counted && new TextDecoder().decode(counted),
    store: (text) => folder.write("tests.json", new TextEncoder().encode(text)),
  });
  return createVerification({
    runner: {
      keep: (gates) => clock.during(runner.keep(gates)),
      run: (gates, signal) => clock.during(runner.run(gates, signal)),
    },
    tests: {
      begin: () => clock.during(tests.begin()),
      lost: () => clock.during(tests.lost()),
      accept: tests.accept,
    },
    testsCount: true,
    work,
    gates: settings.verify,
    tree: {
      state: (known) => clock.during(treeState(root, known)),
      change: (between) => clock.during(treeChange(root, { ...between, ignore: taskFolder })),
      start: begun.startTree,
      onStartMoved: (start) =>
        recorder.write((registry) => registry.setStartTree(lease, storeTree(start))),
    },
    claims: claims.filter(({ held }) => held !== false),
    passedBefore: gates.filter(({ passed }) => passed).map(({ gate }) => gate),
    accepted: begun.accepted,
    owesEvidence: begun.owesEvidence,
    taskFolder,
    acceptCommand: "ralph run t --accept",
  });
}
