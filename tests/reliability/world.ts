/**
 * A whole world in this process, for tests of what holds when things go wrong: the real loop, the
 * real store file, a real PRD in a real git repository, real gates; a fake OpenCode server in
 * the place of the real one, and a clock whose hours pass at once.
 *
 *     await using world = await createWorld({ stories: 3 });
 *     const worker = world.work();                       // as `ralph run` does
 *     const end = await world.clock.run(worker.end);     // undefined when it was killed
 *     await assertNothingLost(world);                    // nothing_lost.ts
 *
 * A worker dies by `worker.kill()`, as by SIGKILL, at any time or at a step: see `life.ts`. The next
 * `world.work()` finds the database as the dead one left it, the write-ahead log included. Faults of
 * the server are those of `world.fake`. The worker is that of `src/worker/`, with a host that can be
 * killed; the process itself and its signals are tested in `crash_process_test.ts`.
 */
// What the program loads when it needs it takes real time, and the virtual clock goes on meanwhile.
import "../../src/opencode/settings_fault.ts";
import "../../src/settings/glob.ts";
import assert from "node:assert/strict";
import { dirname, join, resolve } from "node:path";
import type { Clock } from "../../src/clock.ts";
import { type LogFile, openLogFile } from "../../src/host/files/log_file.ts";
import { type ProjectFiles, projectFiles } from "../../src/host/files/project_files.ts";
import { textEndsIfAny } from "../../src/host/files/read_file.ts";
import { type SessionFolder, sessionFolder } from "../../src/host/files/session_folder.ts";
import type { Request } from "../../src/host/files/signal_files.ts";
import { deliveryGit } from "../../src/host/git/deliver.ts";
import { linesInside } from "../../src/host/files/line_count.ts";
import { changesSince } from "../../src/host/git/changes_since.ts";
import { leftBranchAt } from "../../src/host/git/left_branch.ts";
import { treeChange, treeState } from "../../src/host/git/tree_state.ts";
import { type Lock, takeLock } from "../../src/host/lock/lock.ts";
import { takePlace } from "../../src/host/lock/places.ts";
import { runBounded } from "../../src/host/process/bounded_process.ts";
import { systemClock } from "../../src/host/system/clock.ts";
import type { LoopEvent } from "../../src/loop/event.ts";
import type { DeliveryGit } from "../../src/loop/iteration/delivery.ts";
import type { SessionEnd } from "../../src/loop/loop.ts";
import type { ServerPlaces } from "../../src/loop/server/turn_place.ts";
import { once } from "../../src/once.ts";
import { createClient } from "../../src/opencode/connect.ts";
import {
  DEFAULT_SETTINGS,
  type Limits,
  mergeSettings,
  type Settings,
} from "../../src/settings/settings.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import type { Task } from "../../src/task/task_files.ts";
import { gateEnvironment } from "../../src/verify/gates/gate_environment.ts";
import type { PrdFiles } from "../../src/verify/prd/prd_files.ts";
import type { WorkerHost } from "../../src/worker/host.ts";
import { work as runWorker } from "../../src/worker/worker.ts";
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
import { fileGate, filesChange, filesState, filesWithoutGit, withoutGit } from "./no_processes.ts";
import type { LoopTools } from "../../src/loop/context.ts";
import { migrations } from "../support/migrations.ts";

export interface WorldOptions {
  /** How many stories the PRD has; each has a gate that wants `work/<id>.txt`. Default: 3. */
  readonly stories?: number;
  /** What the agents do. Default: `honestAgent`. */
  readonly script?: FakeScript;
  /** Of the fake server. Default: the one in RALPH_FAKE, or the newest of the first generation. */
  readonly version?: string;
  readonly timings?: Partial<Timings>;
  readonly limits?: Partial<Limits>;
  readonly model?: Settings["model"];
  /** Who looks at what is said to be done. Default: nobody. */
  readonly review?: Settings["review"];
  /** Gates of the settings. Default: none. */
  readonly verify?: Settings["verify"];
  /** What commands of agents have left running. Default: nothing. */
  readonly leftRunning?: LoopTools["leftRunning"];
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
  /** A person changes the PRD. */
  edit(change: (text: string) => string): void;
  /** Starts or continues the task's session. Only one worker at a time, as the lock has it. */
  work(options?: WorkOptions): Worker;
}

export interface WorkOptions {
  /** Told each step of the worker before it is taken; may kill it. */
  readonly onStep?: (name: string) => void;
  /** As `ralph resume` does. */
  readonly resumes?: boolean;
}

export interface Worker {
  /** How its session ended; undefined when the worker was killed. Throws what the worker throws. */
  readonly end: Promise<SessionEnd | undefined>;
  /** What it told so far. */
  readonly events: readonly LoopEvent[];
  kill(): void;
  /** As a person does, or with `SHUTDOWN` as a shutdown does. */
  stop(reason?: symbol): void;
  /** As a person does who wants a pause after the iteration. */
  checkpoint(): void;
}

/** Nothing here has to outlive the machine: in memory each fsync is free. */
export const FOLDER = (await Deno.stat("/dev/shm").catch(() => undefined))?.isDirectory
  ? "/dev/shm"
  : undefined;
const TASK = "t";

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
    version: options.version ?? Deno.env.get("RALPH_FAKE"),
    script: options.script ?? honestAgent,
    tools: toolsIn({ clock, written, prdPath: task.prdPath, noteTime: prdTimes.note }),
    timings: options.timings,
  });
  const { limits, model, verify, review } = options;
  // Without git nothing is ever committed.
  const finish = options.processes === false ? "tree" : undefined;
  const settings = mergeSettings([DEFAULT_SETTINGS, { limits, model, verify, review, finish }]);
  const place = {
    database: join(home, "sessions.db"),
    lock: join(home, "lock"),
    processes: options.processes ?? true,
    leftRunning: options.leftRunning,
  };
  const owned = stack.move();

  function work({ onStep = () => {}, resumes }: WorkOptions = {}): Worker {
    const events: LoopEvent[] = [];
    const stopping = new AbortController();
    const life = createLife(onStep);
    let tell: (request: Request) => void = () => {};
    const host = hostOf({
      life,
      clock,
      fake,
      task,
      settings,
      home,
      files: prdTimes.files,
      onWatch: (onRequest) => tell = onRequest,
      ...place,
    });
    const order = { taskDir: dir, flags: {}, accepted: false, resumes };
    const running = runWorker(host, order, {
      signal: stopping.signal,
      emit: (event) => events.push(event),
    });
    running.catch(() => {}); // of a dead worker nobody hears
    return {
      end: Promise.race([running, life.over]),
      events,
      kill: life.end,
      stop: (reason) => stopping.abort(reason),
      checkpoint: () => tell("checkpoint"),
    };
  }

  return {
    clock,
    fake,
    task,
    database: place.database,
    lock: place.lock,
    written,
    edit(change) {
      Deno.writeTextFileSync(task.prdPath, change(Deno.readTextFileSync(task.prdPath)));
      prdTimes.note();
    },
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
  // Not its real time: that has whole seconds, and a tool takes less.
  const content = () => textEndsIfAny(file);
  let seen = content();
  let changedAt = clock.now();
  const note = () => {
    const now = content();
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

/** What a worker has git, gates and the project's files for. */
type Outside = Pick<
  WorkerHost,
  | "changes"
  | "tree"
  | "leftBranchAt"
  | "deliveryGit"
  | "projectFiles"
  | "runGate"
  | "gateEnvironment"
>;

/** The real ones; time stands still meanwhile. */
function withProcesses({ during }: VirtualClock, clock: Clock): Outside {
  const files = projectFiles(clock);
  return {
    tree: {
      state: (root, known) => during(treeState(root, { clock, known })),
      change: (root, between) => during(treeChange(root, { clock, ...between })),
    },
    leftBranchAt: (root, branch) => during(leftBranchAt(root, branch, { clock })),
    changes: (root, options) => during(changesSince(root, { clock, ...options })),
    deliveryGit(signal, { handOn }) {
      const git = deliveryGit(clock, signal, { handOn });
      return {
        setup: git.setup,
        state: (root) => during(git.state(root)),
        bring: (...of) => during(git.bring(...of)),
        strayLinks: (...of) => during(git.strayLinks(...of)),
        whereabouts: (...of) => during(git.whereabouts(...of)),
        commit: (...of) => during(git.commit(...of)),
        lastMessage: (...of) => during(git.lastMessage(...of)),
      };
    },
    projectFiles: {
      ...files,
      listWorkTree: (...of) => during(files.listWorkTree(...of)),
      filesBetween: (...of) => during(files.filesBetween(...of)),
      copyWorkTree: (...of) => during(files.copyWorkTree(...of)),
      checkOutHead: (...of) => during(files.checkOutHead(...of)),
      amendInCopy: (...of) => during(files.amendInCopy(...of)),
      ignoredNow: (...of) => during(files.ignoredNow(...of)),
      cleanStart: (...of) => during(files.cleanStart(...of)),
      removeTree: (folder) => during(files.removeTree(folder)),
    },
    runGate: () => (command, options) => during(runBounded(command, options)),
    gateEnvironment: () => gateEnvironment(Deno.env.get),
  };
}

function withoutProcesses(root: string, clock: Clock): Outside {
  return {
    tree: {
      state: (root) => Promise.resolve(filesState(root)),
      change: (_root, between) => Promise.resolve(filesChange(between)),
    },
    leftBranchAt: () => Promise.resolve(undefined),
    changes: () => Promise.resolve([]),
    deliveryGit: () => withoutGit,
    projectFiles: filesWithoutGit(root, clock),
    runGate: () => fileGate(root),
    gateEnvironment: () => ({ variables: {}, withheld: [] }),
  };
}

interface Place {
  life: Life;
  clock: VirtualClock;
  fake: FakeOpenCode;
  task: World["task"];
  settings: Settings;
  home: string;
  files: PrdFiles;
  database: string;
  lock: string;
  processes: boolean;
  leftRunning: WorldOptions["leftRunning"];
  /** Takes what the worker wants to be told of a person's wishes. */
  onWatch: (tell: (request: Request) => void) => void;
}

/** The host of a worker that dies with its life. */
function hostOf(place: Place): WorkerHost {
  const { life, task, settings, fake, home } = place;
  const clock = mortalClock(place.clock, life);
  const outside = place.processes
    ? withProcesses(place.clock, clock)
    : withoutProcesses(task.projectRoot, clock);
  return {
    clock,
    process: { pid: Deno.pid, version: "world" },
    bootId: () => Promise.resolve(undefined),
    telemetry: () => Promise.resolve(undefined),
    findTask: () => task,
    configure: () => Promise.resolve({ settings, sources: {}, template: undefined }),
    prepareBranch: () => Promise.resolve(undefined),
    takeLock: () => mortalLock(place),
    serverPlaces: () => mortalPlaces({ ...place, clock, folder: join(home, "places") }),
    openStore: () => openAsItWasLeft(place, clock),
    openLog: () => mortalLog(openLogFile(join(home, "log")), life),
    keptFolder: () => mortalFolder(sessionFolder(join(home, "kept")), life),
    watchRequests(_task, { onRequest }) {
      place.onWatch(onRequest);
      return () => {};
    },
    openCode: (server) =>
      createClient({ ...server, clock, transport: mortalTransport(fake.fetch, life) }),
    prdFiles: mortalFiles(place.files, life),
    readText: textEndsIfAny,
    linesOf: (root) => (file) => linesInside(root, file),
    leftRunning: place.leftRunning ?? (() => Promise.resolve([])),
    runHook: () => Promise.resolve(undefined),
    ...outside,
    branchOf: () => undefined,
    whyOutsideSandbox: () => Promise.resolve(undefined),
    missingFilters: () => Promise.resolve([]),
    deliveryGit: (...of) => mortalGit(outside.deliveryGit(...of), life),
    projectFiles: mortalProjectFiles(outside.projectFiles, life),
  };
}

/** The real ones, of which a worker that dies leaves none. */
export function mortalPlaces(
  { folder, clock, life }: { folder: string; clock: Clock; life: Life },
): ServerPlaces {
  const places = (kind: keyof ServerPlaces): ServerPlaces["turn"] => async (order) => {
    const place = await takePlace({ ...order, folder: join(folder, kind), who: TASK, clock });
    const release = place && once(() => place.release());
    if (release) life.atEnd(release);
    return release && { release };
  };
  return { turn: places("turn"), load: places("load") };
}

/**
 * Taken in real time: what another test starts in this process may hold a copy of the dead worker's
 * lock for a moment, between fork and exec.
 */
export async function mortalLock(
  { clock, lock: path, life }: Pick<Place, "clock" | "lock" | "life">,
): Promise<Lock> {
  const lock = await clock.during(takeLock(path, systemClock));
  assert(lock, "another worker has the lock");
  life.atEnd(lock.release);
  return { ...lock, release: () => life.isOver || lock.release() };
}

/** Its file is closed with the process. */
export function mortalLog(log: LogFile, life: Life): LogFile {
  life.atEnd(log.close);
  return {
    path: log.path,
    write: (line) => life.isOver || log.write(line),
    close: () => life.isOver || log.close(),
  };
}

/** A killed process leaves the write-ahead log behind, which a mere `close` would take away. */
export function openAsItWasLeft(
  { database, life }: Pick<Place, "database" | "life">,
  { now, monotonic }: Pick<Clock, "now" | "monotonic">,
): Store {
  const store = mortalDatabase(
    life,
    () => openStore({ path: database, migrations: migrations, now, monotonic }),
  );
  const files = [database, `${database}-wal`];
  const close = store.close.bind(store);
  life.atEnd(() => {
    for (const file of files) Deno.copyFileSync(file, `${file}.left`);
    close();
    for (const file of files) Deno.renameSync(`${file}.left`, file);
  });
  return Object.assign(store, { close: () => life.isOver || close() });
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
    clear(kept) {
      check("clearing the session's folder");
      folder.clear(kept);
    },
  };
}

/** What it changes in the repository outlives the worker; a step before and after each. */
function mortalGit(git: DeliveryGit, life: Life): DeliveryGit {
  async function mortal<T>(what: string, act: () => Promise<T>): Promise<T> {
    if (!life.step(`before ${what}`)) throw new Killed();
    const done = await act();
    if (!life.step(`after ${what}`)) throw new Killed();
    return done;
  }
  return {
    setup: git.setup,
    state: git.state,
    lastMessage: git.lastMessage,
    strayLinks: git.strayLinks,
    whereabouts: git.whereabouts,
    bring: (...of) => mortal("bringing the branch", () => git.bring(...of)),
    commit: (...of) => mortal("a commit", () => git.commit(...of)),
  };
}

/** What is kept of the project's files outlives the worker; a step before each. */
export function mortalProjectFiles(files: ProjectFiles, life: Life): ProjectFiles {
  const check = (name: string) => {
    if (!life.step(`before ${name}`)) throw new Killed();
  };
  return {
    ...files,
    writeFile(file, bytes) {
      check("keeping a protected file");
      files.writeFile(file, bytes);
    },
    removeTree(folder) {
      check("removing a tree");
      return files.removeTree(folder);
    },
  };
}
