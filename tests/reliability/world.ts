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
import { dirname, join, relative, resolve } from "node:path";
import type { Clock } from "../../src/clock.ts";
import { runBounded } from "../../src/host/bounded_process.ts";
import { systemClock } from "../../src/host/clock.ts";
import { textEndsIfAny } from "../../src/host/files.ts";
import { type TreeChange, treeChange, type TreeState, treeState } from "../../src/host/git.ts";
import { judgeTools } from "../../src/host/judge_tools.ts";
import { takeLock } from "../../src/host/lock.ts";
import { type SessionFolder, sessionFolder } from "../../src/host/session_folder.ts";
import type { Emit, LoopEvent } from "../../src/loop/event.ts";
import { createGateRunner, type GateRunner } from "../../src/loop/gate_runner.ts";
import { beginSession, type Begun } from "../../src/loop/session.ts";
import { createRecorder, type Recorder } from "../../src/loop/recorder.ts";
import { keptTree, storeTree } from "../../src/loop/stored_tree.ts";
import { keepTests, type TestsKept } from "../../src/loop/tests_kept.ts";
import { createTurns } from "../../src/loop/turn.ts";
import { createVerification, type Verification } from "../../src/loop/verification.ts";
import { prdWork, type Work } from "../../src/loop/work.ts";
import { runLoop, type SessionEnd } from "../../src/loop/worker.ts";
import { createClient } from "../../src/opencode/client.ts";
import { migrationOf } from "../../src/registry/migrations.ts";
import { openRegistry, type Registry } from "../../src/registry/registry.ts";
import { DEFAULT_SETTINGS, type Limits, mergeSettings } from "../../src/settings/settings.ts";
import type { Task } from "../../src/task/find.ts";
import type { Gate } from "../../src/task/gate.ts";
import { gateEnvironment } from "../../src/verify/gate_environment.ts";
import type { JudgeOrder } from "../../src/verify/judge_files.ts";
import { type PrdFiles, removeHalfWritten } from "../../src/verify/prd_keeper.ts";
import { assignment, edit, tick, write } from "../support/agent.ts";
import { createVirtualClock, type VirtualClock } from "../support/fake_clock.ts";
import { createFakeOpenCode, type FakeOpenCode } from "../support/fake_opencode.ts";
import type { FakeModelRequest, FakeScript } from "../support/fake_script.ts";
import { hostTools, type Tools } from "../support/fake_tools.ts";
import type { Timings } from "../support/fake_turn_context.ts";
import { makeProject } from "../support/project.ts";
import { call, say, type ToolCall } from "../support/scripted_model.ts";
import {
  createLife,
  Killed,
  type Life,
  mortalClock,
  mortalDatabase,
  mortalFiles,
  mortalTransport,
} from "./life.ts";
import { fileGates, filesChange, filesState, noTests } from "./no_processes.ts";

export interface WorldOptions {
  /** How many stories the PRD has; each has a gate that wants `work/<id>.txt`. Default: 3. */
  readonly stories?: number;
  /** What the agents do. Default: `honestAgent`. */
  readonly script?: FakeScript;
  readonly version?: string;
  readonly timings?: Partial<Timings>;
  readonly limits?: Partial<Limits>;
  /**
   * False: git and gates are those of `no_processes.ts`, and the project is no repository. A session
   * then takes milliseconds. Default: true.
   */
  readonly processes?: boolean;
}

export interface World extends AsyncDisposable {
  readonly clock: VirtualClock;
  readonly fake: FakeOpenCode;
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
  /** As a person does who wants a pause after the iteration. */
  checkpoint(): void;
}

/** Nothing here has to outlive the machine: in memory each fsync is free. */
export const FOLDER = (await Deno.stat("/dev/shm").catch(() => undefined))?.isDirectory
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
  const root = await makeTask(home, options);
  const dir = join(root, "tasks", TASK);
  const task = { name: TASK, dir, projectRoot: root, prdPath: join(dir, "prd.json") };
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
  const place = {
    database: join(home, "sessions.db"),
    lock: join(home, "lock"),
    outside: options.processes === false ? withoutProcesses(root) : withProcesses(root, clock),
  };
  const owned = stack.move();

  function work({ onStep = () => {} }: WorkOptions = {}): Worker {
    const events: LoopEvent[] = [];
    const stopping = new AbortController();
    let checkpointAsked = false;
    const life = createLife(onStep);
    const running = runWorker(
      { life, clock, fake, task, settings, home, files: prdTimes.files, ...place },
      {
        signal: stopping.signal,
        emit: (event) => events.push(event),
        checkpointAsked: () => checkpointAsked,
      },
    );
    running.catch(() => {}); // of a dead worker nobody hears
    return {
      end: Promise.race([running, life.over]),
      events,
      kill: life.end,
      stop: (reason) => stopping.abort(reason),
      checkpoint: () => void (checkpointAsked = true),
    };
  }

  return {
    clock,
    fake,
    task,
    database: place.database,
    lock: place.lock,
    written,
    work,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Does its story and ticks it. */
export const honestAgent: FakeScript = (request) => {
  const { story } = assignment(request.prompt);
  if (request.step > 0) return say(`${story} is done.`);
  return call(write(`work/${story}.txt`, story), tickStory(request));
};

/** The edit by which an agent says that its story is done. */
export function tickStory({ prompt, directory }: FakeModelRequest): ToolCall {
  const { story, prd } = assignment(prompt);
  return edit(prd, tick(Deno.readTextFileSync(join(directory, prd)), story));
}

/** The project's root. */
async function makeTask(
  home: string,
  { stories = 3, processes = true }: WorldOptions,
): Promise<string> {
  const files = { [`tasks/${TASK}/prd.json`]: prdText(stories) };
  // It ends with the folder that it is in.
  if (processes) return (await makeProject({ parent: home, files })).root;
  const root = join(home, "project");
  for (const [file, text] of Object.entries(files)) {
    await Deno.mkdir(dirname(join(root, file)), { recursive: true });
    await Deno.writeTextFile(join(root, file), text);
  }
  return root;
}

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
        const file = resolve(context.directory, String(input.filePath));
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

/** What a worker has git, gates and the count of tests for. */
interface Outside {
  state(known?: TreeState): Promise<TreeState | undefined>;
  change(
    between: { before: TreeState; after: TreeState; ignore: string },
  ): Promise<TreeChange | undefined>;
  judge(options: JudgeOptions): { runner: GateRunner; tests: TestsKept };
}

interface JudgeOptions {
  order: Pick<JudgeOrder, "folder" | "session" | "protect" | "agentFiles">;
  gateMs: number;
  clock: Clock;
  onStart: (gate: Gate) => void;
  /** What counting the tests stored, and where it stores. */
  counted: Uint8Array | undefined;
  keepCount: (bytes: Uint8Array) => void;
}

/** The real ones; time stands still meanwhile. */
function withProcesses(root: string, { during }: VirtualClock): Outside {
  return {
    state: (known) => during(treeState(root, known)),
    change: (between) => during(treeChange(root, between)),
    judge({ order, gateMs, clock, onStart, counted, keepCount }) {
      const tools = judgeTools(clock);
      const runner = createGateRunner({
        order: { root, ...order },
        judgeTools: tools,
        env: gateEnvironment(Deno.env.get),
        run: runBounded,
        clock,
        defaultTimeoutMs: gateMs,
        onStart,
      });
      const tests = keepTests({
        root,
        tools,
        stored: counted && new TextDecoder().decode(counted),
        store: (text) => keepCount(new TextEncoder().encode(text)),
      });
      return {
        runner: {
          keep: (gates) => during(runner.keep(gates)),
          run: (gates, signal) => during(runner.run(gates, signal)),
        },
        tests: {
          begin: () => during(tests.begin()),
          lost: () => during(tests.lost()),
          accept: tests.accept,
        },
      };
    },
  };
}

function withoutProcesses(root: string): Outside {
  return {
    state: () => Promise.resolve(filesState(root)),
    change: (between) => Promise.resolve(filesChange(between)),
    judge: ({ onStart }) => ({ runner: fileGates(root, onStart), tests: noTests }),
  };
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
  outside: Outside;
}

/** What `work` of `src/cli/worker.ts` does, with the ports of `life.ts`. */
async function runWorker(
  place: Place,
  { signal, emit, checkpointAsked }: {
    signal: AbortSignal;
    emit: Emit;
    checkpointAsked: () => boolean;
  },
): Promise<SessionEnd> {
  const { life, task, settings, fake, outside } = place;
  const clock = mortalClock(place.clock, life);
  // In real time: what another test starts in this process may hold a copy of the dead worker's lock
  // for a moment, between fork and exec.
  const lock = await place.clock.during(takeLock(place.lock, systemClock));
  assert(lock, "another worker has the lock");
  life.atEnd(lock.release);
  const registry = openAsItWasLeft(place, clock);
  const streamEnd = new AbortController();
  const client = createClient({
    url: fake.url,
    directory: task.projectRoot,
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
      { registry, client, clock, treeState: () => outside.state() },
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
          state: (_root, known) => outside.state(known),
          change: (_root, between) => outside.change(between),
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
        verification: verificationOf(place, { clock, begun, folder, registry, recorder, work }),
        treeBefore: keptTree(folder),
        said: begun.said,
        begun,
        checkpointAsked,
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
export function openAsItWasLeft(
  { database, life }: Pick<Place, "database" | "life">,
  { now, monotonic }: Pick<Clock, "now" | "monotonic">,
): Registry {
  const registry = mortalDatabase(
    life,
    () => openRegistry({ path: database, migrations: MIGRATIONS, now, monotonic }),
  );
  const files = [database, `${database}-wal`];
  life.atEnd(() => {
    for (const file of files) Deno.copyFileSync(file, `${file}.left`);
    registry.close();
    for (const file of files) Deno.renameSync(`${file}.left`, file);
  });
  return registry;
}

export function mortalFolder(folder: SessionFolder, life: Life): SessionFolder {
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
  const mortal = mortalFiles(files, life);
  removeHalfWritten(mortal, prdPath);
  const kept = begun.underWay && folder.read("prd");
  return prdWork({
    files: mortal,
    task,
    prdPath,
    keep: ({ bytes }) => folder.write("prd", bytes),
    keptAs: join(folder.path, "prd"),
    interrupted: kept && { path: prdPath, bytes: kept, mode: 0o644 },
  });
}

function verificationOf(
  { task, home, outside }: Place,
  { clock, begun, folder, registry, recorder, work }: {
    clock: Clock;
    begun: Begun;
    folder: SessionFolder;
    registry: Registry;
    recorder: Recorder;
    work: Work;
  },
): Verification {
  const { lease, settings } = begun;
  const taskFolder = relative(task.projectRoot, task.dir);
  const { gates, claims } = registry.findings(lease.sessionId);
  const judge = outside.judge({
    order: {
      folder: join(home, "kept", "judge"),
      session: `${lease.sessionId}`,
      protect: settings.protect,
      agentFiles: [join(taskFolder, "prd.json"), join(taskFolder, "progress.txt")],
    },
    gateMs: settings.limits.gateMs,
    clock,
    onStart: ({ name }) =>
      recorder.note((registry) => registry.setActivity(lease, `running gate ${name}`)),
    counted: folder.read("tests.json"),
    keepCount: (bytes) => folder.write("tests.json", bytes),
  });
  return createVerification({
    ...judge,
    testsCount: true,
    work,
    gates: settings.verify,
    tree: {
      state: outside.state,
      change: (between) => outside.change({ ...between, ignore: taskFolder }),
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
