/**
 * A simulated night: a task, an agent and all that can go wrong, drawn from a seed. The loop, the
 * database and the files are real; the server is the fake one, and hours pass in moments. The same
 * seed is the same night.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { workerLives } from "../../src/host/lock/lock.ts";
import { sleep } from "../../src/clock.ts";
import type { Emit, LoopEvent } from "../../src/loop/event.ts";
import type { SessionEnd } from "../../src/loop/loop.ts";
import { StoreError } from "../../src/store/database.ts";
import { openStore } from "../../src/store/store.ts";
import { DEFAULT_SETTINGS, mergeSettings, type Settings } from "../../src/settings/settings.ts";
import { migrations } from "../support/migrations.ts";
import { createVirtualClock, type VirtualClock } from "../support/fake_clock.ts";
import { createFakeOpenCode } from "../support/fake_opencode.ts";
import { temporaryFolder } from "../support/folder.ts";
import { createLife, Killed } from "../reliability/life.ts";
import { assertNothingLostAt } from "../reliability/nothing_lost.ts";
import { recordOfFake } from "../reliability/server_record.ts";
import { FOLDER } from "../reliability/world.ts";
import { createAgent } from "./agent.ts";
import { assertOneTurnAtATime, certain, exceptLateTicks } from "./checks.ts";
import { makeNightProject } from "./project.ts";
import { createRandom, type Random } from "./random.ts";
import { createStopping, type Stopping } from "./stopping.ts";
import { createTrouble, type TROUBLES } from "./trouble.ts";
import { type Places, work } from "./worker.ts";
import { VERSIONS } from "../support/install.ts";

export interface NightReport {
  readonly seed: number;
  readonly workers: number;
  readonly iterations: number;
  readonly simulatedMs: number;
  readonly longestIterationMs: number;
  /** How many workers ended how: a reason, or `killed`. */
  readonly ends: Readonly<Record<string, number>>;
  /** Of all that happened: equal for equal nights. */
  readonly hash: string;
  /** What happened, and when: one line each. */
  readonly log: readonly string[];
}

/** What went wrong in a night, and all that led to it. */
export class NightFailure extends Error {
  constructor(seed: number, readonly log: readonly string[], options: { cause: unknown }) {
    const { cause } = options;
    super(`night ${seed}: ${cause instanceof Error ? cause.message : cause}`, options);
  }
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const WORKERS_MAX = 25;
/** Of a stop: aborts give up after 15 s, a server that does not answer takes a request's limit. */
const STOP_MAX_MS = 2 * MINUTE;

/** Runs the night of `seed` to its end. Throws `NightFailure` when something was lost or hung. */
export async function runNight(seed: number): Promise<NightReport> {
  const clock = createVirtualClock();
  const log: string[] = [];
  const note: Note = (text) => {
    const time = new Date(clock.monotonic()).toISOString().slice(8, 23).replace("T", " ");
    log.push(`${time} ${text}`);
  };
  using folder = temporaryFolder("ralph-night-", FOLDER);
  try {
    const report = await clock.run(nightOf(seed, { clock, folder: folder.path, note }));
    return { ...report, log };
  } catch (error) {
    throw new NightFailure(seed, log, { cause: error });
  }
}

async function nightOf(
  seed: number,
  { clock, folder, note }: { clock: VirtualClock; folder: string; note: Note },
): Promise<Omit<NightReport, "log">> {
  const random = createRandom(seed, "night");
  const stories = random.between(1, 12);
  const night = createNight(seed, { stories, clock, folder, note });
  const settings = settingsOf(random);
  const hash = createHash("sha256");
  const withoutFolder = (value: unknown) => JSON.stringify(value).replaceAll(folder, "");
  const ends: Record<string, number> = {};
  let begunAt = 0;
  let longestIterationMs = 0;

  function emit(event: LoopEvent): void {
    hash.update(withoutFolder(event));
    if (event.type === "iteration_started") begunAt = clock.monotonic();
    if (event.type === "iteration_ended") {
      longestIterationMs = Math.max(longestIterationMs, clock.monotonic() - begunAt);
    }
    if (TOLD.test(event.type)) note(`  ${withoutFolder(event).slice(0, 400)}`);
  }

  let last: SessionEnd | undefined;
  let workers = 0;
  while (workers < WORKERS_MAX && last?.status !== "completed") {
    workers++;
    const dieAt = random.chance(0.4) ? random.between(1, random.pick([40, 150, 800])) : undefined;
    note(`worker ${workers}${dieAt === undefined ? "" : ` dies at step ${dieAt}`}`);
    const { end, how, words } = await live(night, { settings, emit, dieAt, last });
    last = end;
    ends[how] = (ends[how] ?? 0) + 1;
    note(`worker ${workers} ended: ${words}`);
    if (how === "no_database") await sleep(clock, random.between(1, 5) * MINUTE);
    assertOneTurnAtATime(night.fake.ledger);
    // what the agent did to the PRD is put right by the next worker
    if (!end && (random.chance(0.5) || !night.project.hasPrd())) continue;
    if (!end) look(night.places, clock.now);
    await clock.during(check(night));
  }
  night.trouble.end();
  const rows = rowsOf(night.places.database);
  hash.update(withoutFolder(night.fake.ledger));
  hash.update(withoutFolder(rows));
  return {
    seed,
    workers,
    iterations: rows.length,
    simulatedMs: clock.monotonic(),
    longestIterationMs,
    ends,
    hash: hash.digest("hex").slice(0, 16),
  };
}

type Note = (text: string) => void;
/** The events that a failure's log has. */
const TOLD = /session|iteration|claim|warning/;

/** What there is in a night beside its workers. */
export function createNight(
  seed: number,
  { stories, clock, folder, note, troubles }: {
    stories: number;
    clock: VirtualClock;
    folder: string;
    note: Note;
    troubles?: typeof TROUBLES;
  },
) {
  const places: Places = {
    database: join(folder, "sessions.db"),
    lock: join(folder, "night.lock"),
    log: join(folder, "night.log"),
    kept: join(folder, "kept"),
  };
  const project = makeNightProject(join(folder, "project"), { stories, clock });
  const agent = createAgent(project, { random: createRandom(seed, "agent"), clock, note });
  const random = createRandom(seed, "server");
  const fake = createFakeOpenCode({
    clock,
    version: random.pick(VERSIONS),
    script: agent.script,
    tools: agent.tools,
    timings: { promptMs: random.pick([10, 10, 2_000, 7_000]) },
  });
  const trouble = createTrouble({
    random: createRandom(seed, "trouble"),
    clock,
    fake,
    project,
    note,
    troubles,
  });
  return { clock, places, project, agent, fake, trouble };
}

type Night = ReturnType<typeof createNight>;

/** How a worker went: `end` is undefined when it was killed, or gave up waiting for the database. */
interface Lived {
  end?: SessionEnd;
  how: string;
  words: string;
}

/** One worker's life, and the trouble that comes with it. Throws when it hangs. */
export async function live(
  { clock, places, project, fake, trouble }: Night,
  { settings, emit, stop = new AbortController(), dieAt, last }: {
    settings: Settings;
    emit: Emit;
    /** Ends it; trouble may. */
    stop?: AbortController;
    /** The step at which it is killed. */
    dieAt?: number;
    /** How the worker before it ended: a person acts on that. */
    last?: SessionEnd;
  },
): Promise<Lived> {
  let steps = 0;
  const life = createLife((name) => {
    if (++steps === dieAt) life.end();
    else trouble.onStep(name);
  });
  const stopping = createStopping(clock);
  let askCheckpoint = () => {};
  const over = new AbortController();
  const accompanied = trouble.accompany(
    { life, stopping, stop, askCheckpoint: () => askCheckpoint() },
    over.signal,
  );
  const working = work({
    life,
    stopping,
    clock,
    signal: stop.signal,
    onWatch: (ask) => askCheckpoint = ask,
    settings,
    said: last?.reason === "blocked_on_human" ? "here is the key" : undefined,
    accepted: last?.reason === "unproven",
    project,
    places,
    fake,
    emit,
  });
  try {
    const ended = Promise.race([working, life.over]);
    const end = await within(boundOf(settings), ended, { clock, stop, stopping });
    if (!end) return { how: "killed", words: "killed" };
    return { end, how: end.reason, words: `${end.status} (${end.reason}): ${end.detail}` };
  } catch (error) {
    if (error instanceof Killed) return { how: "killed", words: "killed" };
    if (!(error instanceof StoreError)) throw error;
    return { how: "no_database", words: error.message };
  } finally {
    over.abort();
    await accompanied;
  }
}

/** Of a server that is away nothing can be asked: then the next worker's end is checked. */
async function check({ places, project, agent, fake, trouble }: Night): Promise<void> {
  if (!trouble.serverIsUp) return;
  const { task: { projectRoot: root, dir: taskDir, prdPath } } = project;
  const { written } = agent;
  const server = certain(await recordOfFake(fake, root));
  await assertNothingLostAt({ ...places, root, taskDir, prdPath, server, written })
    .catch(exceptLateTicks);
}

/** As `ralph status` does: who finds that a worker is dead says so. */
function look({ database: path, lock }: Places, now: () => number): void {
  const store = openStore({ path, migrations, now });
  try {
    workerLives(lock, () => {
      for (const session of store.running()) store.markWorkerDied(session, "killed");
    });
  } finally {
    store.close();
  }
}

function settingsOf(random: Random): Settings {
  return mergeSettings([DEFAULT_SETTINGS, {
    // Without git nothing is ever committed.
    finish: "tree",
    limits: {
      iterations: random.between(2, 10),
      modelCalls: 80,
      costUsd: random.chance(0.2) ? random() * 0.2 : undefined,
      durationMs: random.chance(0.2) ? random.between(1, 10) * HOUR : undefined,
    },
  }]);
}

/** The sum of all limits of all iterations, and as much again for what interrupts them. */
function boundOf({ limits }: Settings): number {
  const { turnMs, silenceMs, rateLimitMs, serverAwayMs, iterations } = limits;
  return 2 * (iterations + 2) * (turnMs + silenceMs + rateLimitMs + serverAwayMs + HOUR);
}

/** Rejects when `working` takes longer than it may, by itself or after a stop. */
function within<T>(
  ms: number,
  working: Promise<T>,
  { clock, stop, stopping }: {
    clock: VirtualClock;
    stop: AbortController;
    stopping: Stopping;
  },
): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (why: string) => () => reject(new Error(`the worker hangs: ${why}`));
    const cancels = [clock.after(ms, late(`it took longer than ${ms / HOUR} hours`))];
    stop.signal.addEventListener("abort", expectEnd);
    function expectEnd(): void {
      const limit = Math.max(stopping.until, clock.monotonic()) + STOP_MAX_MS;
      cancels.push(clock.after(limit - clock.monotonic(), () => {
        if (stopping.until + STOP_MAX_MS > limit) expectEnd();
        else late("it was told to end, and did not")();
      }));
    }
    working.then(resolve, reject).finally(() => {
      for (const cancel of cancels) cancel();
    });
  });
}

function rowsOf(path: string): unknown[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    return database.prepare("SELECT * FROM iterations JOIN sessions ON id = session_id").all();
  } finally {
    database.close();
  }
}
