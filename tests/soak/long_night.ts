/**
 * A worker that works for days of simulated time: what it takes of memory, files and disk. Someone
 * opens the stories again as soon as they pass, so that the work never ends.
 */
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { sleep } from "../../src/clock.ts";
import type { Emit } from "../../src/loop/event.ts";
import type { SessionEnd } from "../../src/loop/worker.ts";
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
  readonly openFiles: number;
  readonly databaseKib: number;
  readonly walKib: number;
  readonly logKib: number;
  /** Files in the folder that outlives the worker. */
  readonly keptFiles: number;
}

/** The worker lives on, whatever happens to the rest. */
const NO_END = { worker_killed: 0, stop: 0, checkpoint: 0, leave: 0 };

/**
 * Works for `hours` simulated hours and prints a table. Run it with `--v8-flags=--expose-gc`, or the
 * heap is as it is between two collections.
 */
export async function runLongNight(hours: number): Promise<readonly Sample[]> {
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
    console.error(clock.monotonic() / HOUR, iterations, sessions);
    samples.push({
      hour: clock.monotonic() / HOUR,
      sessions,
      iterations,
      heapKib: Math.round(heapUsed / KIB),
      rssKib: Math.round(rss / KIB),
      openFiles: [...Deno.readDirSync("/proc/self/fd")].length,
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
  console.table(samples.map((each) => ({ ...each, hour: Math.round(each.hour) })));
  const [first, last] = [samples[1], samples[samples.length - 1]];
  const bytes = (last.databaseKib - first.databaseKib) * KIB / (last.iterations - first.iterations);
  console.log(`the database grows by ${Math.round(bytes)} bytes for each iteration`);
  for (const [name, size] of tableSizes(night.places.database)) {
    console.log(`  ${name}: ${size} KiB`);
  }
  return samples;
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

/** Rows of each table, and the bytes of their texts: what the growth consists of. */
function tableSizes(path: string): readonly [string, number][] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    return tables.map(({ name }) => {
      const rows = database.prepare(`SELECT * FROM "${name}"`).all();
      return [`${name}, ${rows.length} rows`, Math.round(JSON.stringify(rows).length / KIB)];
    });
  } finally {
    database.close();
  }
}
