/** Runs the scenarios that no gate catches with each scripted reviewer, and prints a table as markdown. */
import { parseArgs } from "node:util";
import { type Version, VERSIONS } from "../support/install.ts";
import { DRIVERS } from "./drivers.ts";
import { measure, type Run } from "./measure.ts";
import { REVIEWED, SCRIPTED, UNREVIEWED } from "./reviewers.ts";
import { table } from "./table.ts";

const { values } = parseArgs({
  options: {
    version: { type: "string", default: VERSIONS.at(-1) },
    only: { type: "string", default: "" },
    scenario: { type: "string", default: "" },
    "at-once": { type: "string", default: `${navigator.hardwareConcurrency + 1}` },
  },
});
const [RALPH] = DRIVERS;
const version = values.version as Version;
const atOnce = Number(values["at-once"]);
const wanted = SCRIPTED.filter(({ name }) => name.includes(values.only));

const rows: string[][] = [];
const details: string[][] = [];
for (const reviewer of values.only === "" ? [undefined, ...wanted] : wanted) {
  const all = reviewer ? REVIEWED : UNREVIEWED;
  const scenarios = all.filter(({ id }) => id.includes(values.scenario));
  const runs = await measure({
    ...{ scenarios, drivers: [RALPH], version, atOnce, reviewer },
    onRun: ({ scenario, verdict, said, problems }) =>
      console.error(
        `${reviewer?.name ?? "none"}, ${scenario.id}: ${verdict} (${said.reason}) ${problems}`,
      ),
  });
  const name = reviewer ? `${reviewer.name}: ${reviewer.about}` : "none";
  rows.push(rowOf(name, runs));
  details.push([name, ...runs.map(({ said }) => said.reason)]);
}
const HEAD = ["reviewer", "scenarios", "false completions", "missed completions"]
  .concat("true completions", "iterations", "reviews", "ended as");
const shown = UNREVIEWED.map(({ id }) => id).filter((id) => id.includes(values.scenario));
console.log(table(HEAD, rows));
console.log(`\n${table(["reviewer", ...shown], details)}`);

function rowOf(name: string, runs: readonly Run[]): string[] {
  const count = (is: (run: Run) => boolean) => `${runs.filter(is).length}`;
  const sum = (of: (run: Run) => number) => `${runs.reduce((all, run) => all + of(run), 0)}`;
  const ends = Map.groupBy(runs, ({ said }) => said.reason);
  return [
    name,
    `${runs.length}`,
    count(({ verdict }) => verdict === "false completion"),
    count(({ verdict }) => verdict === "missed completion"),
    count(({ said, verdict }) => said.completed && verdict === "right"),
    sum(({ iterations }) => iterations),
    sum(({ reviews }) => reviews),
    [...ends].map(([reason, of]) => `${of.length} \`${reason}\``).join(", "),
  ];
}
