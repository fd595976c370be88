/**
 * Runs every scenario with ralph and with the plain loops, and prints the tables as markdown.
 * Exit code 1 when ralph does anything else than the scenarios expect.
 */
import { parseArgs } from "node:util";
import { OPENCODE2, type ServerVersion, VERSIONS } from "../support/install.ts";
import { DRIVERS } from "./drivers.ts";
import { deviations } from "./expectation.ts";
import { measure } from "./measure.ts";
import { SCENARIOS } from "./scenarios.ts";
import { tables } from "./table.ts";

const { values } = parseArgs({
  options: {
    version: { type: "string", default: VERSIONS.at(-1) },
    only: { type: "string", default: "" },
    "at-once": { type: "string", default: `${navigator.hardwareConcurrency + 1}` },
  },
});
const versions = [...VERSIONS, ...OPENCODE2 === undefined ? [] : ["2"] as const];
const version = versions.find((one) => one === values.version);
const scenarios = SCENARIOS.filter(({ id, theme }) => `${theme} ${id}`.includes(values.only));
const atOnce = Number(values["at-once"]);
if (!version || scenarios.length === 0 || !(atOnce >= 1)) {
  console.error(
    `usage: run.ts [--version ${versions.join("|")}] [--only <part of a name>] [--at-once <n>]`,
  );
  Deno.exit(2);
}
Deno.exit(await main(version));

async function main(version: ServerVersion): Promise<number> {
  const started = performance.now();
  let ended = 0;
  const runs = await measure({
    scenarios,
    // the plain loops speak the first generation's HTTP alone
    drivers: version === "2" ? DRIVERS.slice(0, 1) : DRIVERS,
    version,
    atOnce,
    onRun: ({ scenario, driver, verdict }) =>
      console.error(`${++ended}  ${scenario.id}, ${driver}: ${verdict}`),
  });
  console.log(tables(runs));
  const seconds = Math.round((performance.now() - started) / 1000);
  console.error(`${runs.length} runs on OpenCode ${version} in ${seconds} s`);

  const ofRalph = runs.filter(({ driver }) => driver === "ralph");
  const wrong = ofRalph.filter((run) => deviations(run).length > 0);
  for (const run of wrong) console.error(`${run.scenario.id}: ${deviations(run).join("; ")}`);
  return wrong.length === 0 ? 0 : 1;
}
