/**
 * Speed and size, each side by side with what it is compared to, in one run: `deno task bench`, or
 * `deno task bench start` for one of them. `RALPH_BINARY=dist/ralph` measures the binary in `loop`,
 * `stop`, `load` and `doctor`; `start`, `store` and `watch` always do, and the first two compile an
 * empty program: see "The binary" in docs/contributing.md for where that cannot download its runtime.
 *
 *   start   the binary's start against an empty program compiled the same way
 *   store   the commands that read, with much on record
 *   watch   the live screen's first paint, and what it costs while thirty sessions work
 *   loop    the loop's iterations against a bare script that does the same turns; memory
 *   stop    how long `ralph stop` takes in each state, on both versions of OpenCode
 *   tree    what many files, and many tests in one file, cost in each iteration
 *   load    many sessions at once on one server: time, CPU, memory, and whether all is on record;
 *           `--parallel 1` as the tasks of one repository, `--minutes` ends it
 *   doctor  how long `ralph doctor` takes, all well and with a server that hangs
 *
 * `--stories 5` and the like, by the names below, set how many; `--smallest` sets the least of all.
 */
import { parseArgs } from "node:util";
import { benchDoctor } from "./doctor.ts";
import { benchLoad } from "./load.ts";
import { benchLoop } from "./loop.ts";
import { benchStart } from "./start.ts";
import { benchStop } from "./stop.ts";
import { benchStore } from "./store.ts";
import { benchTree } from "./tree.ts";
import { benchWatch } from "./watch.ts";

const BENCHES = {
  start: benchStart,
  store: benchStore,
  watch: benchWatch,
  loop: benchLoop,
  stop: benchStop,
  tree: benchTree,
  load: benchLoad,
  doctor: benchDoctor,
};

const USUAL = {
  starts: 40,
  sessions: 10_000,
  seconds: 60,
  rounds: 3,
  stories: 20,
  stops: 10,
  slowStops: 5,
  checkups: 15,
  files: 100_000,
  tests: 16_000,
  looks: 5,
  atOnce: 50,
  think: 0,
  turns: 0,
  parallel: 0,
  minutes: 15,
};
const LEAST: typeof USUAL = {
  starts: 1,
  sessions: 10, // one of each task
  seconds: 5,
  rounds: 1,
  stories: 2,
  stops: 1,
  slowStops: 1,
  checkups: 1,
  files: 10,
  tests: 100,
  looks: 1,
  atOnce: 2,
  think: 0,
  turns: 0,
  parallel: 0,
  minutes: 5,
};

const { values, positionals } = parseArgs({
  options: {
    smallest: { type: "boolean" },
    ...Object.fromEntries(Object.keys(USUAL).map((name) => [name, { type: "string" as const }])),
  },
  allowPositionals: true,
});
const unknown = positionals.find((name) => !(name in BENCHES));
if (unknown !== undefined) throw new Error(`there is no bench \`${unknown}\``);

const given: Record<string, unknown> = values;
const counts = { ...(values.smallest ? LEAST : USUAL) };
for (const name of Object.keys(USUAL) as (keyof typeof USUAL)[]) {
  if (given[name] === undefined) continue;
  counts[name] = Number(given[name]);
  if (!(counts[name] >= LEAST[name])) throw new Error(`--${name} is at least ${LEAST[name]}`);
}

for (const [name, bench] of Object.entries(BENCHES)) {
  if (positionals.length === 0 || positionals.includes(name)) await bench(counts);
}
