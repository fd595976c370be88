/**
 * A worker that works for days of simulated time: what it takes of memory, files and disk. Someone
 * opens the stories again as soon as they pass, so that the work never ends.
 */
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { sleep } from "../../src/clock.ts";
import type { Emit } from "../../src/loop/event.ts";
import type { SessionEnd } from "../../src/loop/loop.ts";
import { DEFAULT_SETTINGS, mergeSettings } from "../../src/settings/settings.ts";
import { createVirtualClock } from "../support/fake_clock.ts";
import type { LedgerEntry } from "../support/fake_state.ts";
import { temporaryFolder } from "../support/folder.ts";
import { FOLDER } from "../reliability/world.ts";
import { createNight, live } from "./night.ts";
import { PRD } from "./project.ts";
import { TROUBLES } from "./trouble.ts";

const HOUR = 3_600_000;
const SEED = 1;
const MANY = 1_000_000;
const KIB = 1024;
const SAMPLES = 12;
/** Until someone starts a worker that ended. */
const PAUSE_MS = 60_000;

export interface Sample {
  readonly hour: number;
  readonly sessions: number;
  readonly iterations: number;
  readonly heapKib: number;
  readonly rssKib: number;
  /** Of the whole process. */
  readonly openFiles: number;
  /** Of those, the night's own. */
  readonly ownFiles: number;
  readonly databaseKib: number;
  readonly walKib: number;
  readonly logKib: number;
  /** Files in the folder that outlives the worker. */
  readonly keptFiles: number;
}

/** The worker lives on, whatever happens to the rest. */
const NO_END = { worker_killed: 0, stop: 0, checkpoint: 0, leave: 0 };

export interface LongNight {
  /** Taken at even intervals, the first at the start. */
  readonly samples: readonly Sample[];
  /** What the database holds at the end: rows and KiB of text by table. */
  readonly tables: readonly {
    readonly table: string;
    readonly rows: number;
    readonly kib: number;
  }[];
}

/**
 * Works for `hours` simulated hours. With `--v8-flags=--expose-gc` the heap is measured after a
 * collection; otherwise it is as it happens to be.
 */
export async function measureLongNight(hours: number): Promise<LongNight> {
  using folder = temporaryFolder("ralph-long-night-", FOLDER);
  const clock = createVirtualClock();
  const troubles = { ...TROUBLES, ...NO_END };
  const night = createNight(SEED, {
    stories: 1,
    clock,
    folder: folder.path,
    note: () => {},
    troubles,
  });
  const prd = night.project.read(PRD) ?? "";
  const settings = mergeSettings([DEFAULT_SETTINGS, {
    finish: "tree",
    limits: {
      modelCalls: 80,
      iterations: MANY,
      errors: MANY,
      noProgress: MANY,
      serverAwayMs: 2 * HOUR,
    },
  }]);
  const samples: Sample[] = [];
  const stop = new AbortController();
  let iterations = 0;
  let sessions = 0;

  function sample(): void {
    (globalThis as { gc?: () => void }).gc?.();
    const { heapUsed, rss } = Deno.memoryUsage();
    const { database, log, kept } = night.places;
    const open = openFiles();
    samples.push({
      hour: clock.monotonic() / HOUR,
      sessions,
      iterations,
      heapKib: Math.round(heapUsed / KIB),
      rssKib: Math.round(rss / KIB),
      openFiles: open.length,
      ownFiles: open.filter((file) => file.startsWith(folder.path)).length,
      databaseKib: kibOf(database),
      walKib: kibOf(`${database}-wal`),
      logKib: kibOf(log) + kibOf(`${log}.1`),
      keptFiles: countFiles(kept),
    });
  }

  function every(): void {
    sample();
    if (clock.monotonic() >= hours * HOUR) stop.abort();
    else clock.after(hours * HOUR / SAMPLES, every);
  }
  clock.after(0, every);
  const emit: Emit = ({ type }) => {
    if (type === "session_started") sessions++;
    if (type !== "iteration_ended") return;
    iterations++;
    night.project.write(PRD, prd);
    // what the fake server keeps is not what is measured
    (night.fake.ledger as LedgerEntry[]).length = 0;
  };
  await clock.run((async () => {
    let last: SessionEnd | undefined;
    while (!stop.signal.aborted) {
      last = (await live(night, { settings, stop, emit, last })).end;
      await sleep(clock, PAUSE_MS, stop.signal);
    }
  })());
  night.trouble.end();
  return { samples, tables: tablesOf(night.places.database) };
}

/** What each file descriptor of this process leads to (proc(5)). */
function openFiles(): readonly string[] {
  return [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }) => {
    try {
      return [Deno.readLinkSync(`/proc/self/fd/${name}`)];
    } catch {
      return []; // the one that the listing itself had open
    }
  });
}

function kibOf(file: string): number {
  try {
    return Math.round(Deno.statSync(file).size / KIB);
  } catch {
    return 0;
  }
}

function countFiles(folder: string): number {
  return [...Deno.readDirSync(folder)].reduce(
    (sum, { name, isDirectory }) => sum + (isDirectory ? countFiles(join(folder, name)) : 1),
    0,
  );
}

function tablesOf(path: string): LongNight["tables"] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    return tables.map(({ name }) => {
      const rows = database.prepare(`SELECT * FROM "${name}"`).all();
      const kib = Math.round(JSON.stringify(rows).length / KIB);
      return { table: String(name), rows: rows.length, kib };
    });
  } finally {
    database.close();
  }
}
