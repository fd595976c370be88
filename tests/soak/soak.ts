/**
 * The soak: simulated nights, one seed after the other, each checked after every worker.
 *
 *     deno task soak [--iterations N] [--minutes M] [--from SEED]
 *     deno task soak --seed N        one night, and all that happened in it
 *     deno task soak --hours H       one worker for H simulated hours, and what it takes
 *
 * Exits with 1 when a night failed, and prints its seed and the command that plays it again.
 */
import { parseArgs } from "node:util";
import { measureLongNight } from "./long_night.ts";
import { NightFailure, type NightReport, runNight } from "./night.ts";

const HOUR_MS = 3_600_000;

type Report = Omit<NightReport, "log">;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    from: { type: "string", default: "1" },
    iterations: { type: "string", default: "3000" },
    minutes: { type: "string", default: "60" },
    hours: { type: "string" },
  },
});

if (values.hours !== undefined) await longNight(Number(values.hours));
else if (values.seed !== undefined) await replay(Number(values.seed));
else await soak();

async function replay(seed: number): Promise<void> {
  try {
    const { log, ...report } = await runNight(seed);
    console.log(log.join("\n"));
    console.log(report);
  } catch (error) {
    if (error instanceof NightFailure) console.log(error.log.join("\n"));
    throw error;
  }
}

async function soak(): Promise<void> {
  const iterationsMax = Number(values.iterations);
  const end = performance.now() + Number(values.minutes) * 60_000;
  const begun = performance.now();
  const reports: Report[] = [];
  const failed: number[] = [];
  let iterations = 0;
  for (
    let seed = Number(values.from);
    iterations < iterationsMax && performance.now() < end;
    seed++
  ) {
    try {
      const { log: _, ...report } = await runNight(seed);
      reports.push(report);
      iterations += report.iterations;
    } catch (error) {
      if (!(error instanceof NightFailure)) throw error;
      failed.push(seed);
      console.log(`${error.message}\nplay it again: deno task soak --seed ${seed}\n`);
    }
    if (seed % 25 === 0) console.log(`${seed}: ${iterations} iterations${memory()}`);
  }
  summarize(reports, { seconds: (performance.now() - begun) / 1000 });
  if (failed.length > 0) {
    console.log(`nights that failed: ${failed.join(", ")}`);
    Deno.exit(1);
  }
}

async function longNight(hours: number): Promise<void> {
  const { samples, tables } = await measureLongNight(hours);
  console.table(samples.map((each) => ({ ...each, hour: Math.round(each.hour) })));
  console.table(tables);
  const [first, last] = [samples[0], samples[samples.length - 1]];
  const grown = last.databaseKib + last.walKib - first.databaseKib - first.walKib;
  const bytes = grown * 1024 / (last.iterations - first.iterations);
  console.log(`the database grows by ${Math.round(bytes)} bytes for each iteration`);
}

function summarize(reports: readonly Report[], { seconds }: { seconds: number }): void {
  const sum = (of: (report: Report) => number) =>
    reports.reduce((total, report) => total + of(report), 0);
  const ends: Record<string, number> = {};
  for (const report of reports) {
    for (const [how, count] of Object.entries(report.ends)) ends[how] = (ends[how] ?? 0) + count;
  }
  console.log(
    `${reports.length} nights, ${sum(({ workers }) => workers)} workers, ` +
      `${sum((report) => report.iterations)} iterations, ` +
      `${Math.round(sum(({ simulatedMs }) => simulatedMs) / HOUR_MS)} simulated hours ` +
      `in ${Math.round(seconds)} s${memory()}`,
  );
  const longest = Math.max(0, ...reports.map(({ longestIterationMs }) => longestIterationMs));
  console.log(`longest iteration: ${(longest / HOUR_MS).toFixed(1)} simulated hours`);
  console.log("how workers ended:", ends);
}

/** After a collection, where the task's options allow one. */
function memory(): string {
  (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, rss } = Deno.memoryUsage();
  return `, heap ${Math.round(heapUsed / 2 ** 20)} MiB, rss ${Math.round(rss / 2 ** 20)} MiB`;
}
