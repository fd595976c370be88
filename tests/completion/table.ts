/** The measurement as markdown. */
import type { Run } from "./measure.ts";
import { THEMES } from "./scenario.ts";

/** Totals for each driver, what is out of reach counted apart; then every scenario, by theme. */
export function tables(runs: readonly Run[]): string {
  const drivers = [...new Set(runs.map(({ driver }) => driver))];
  const isBeyond = ({ scenario }: Run) => scenario.theme === "out of reach";
  const beyond = runs.filter(isBeyond);
  const themes = THEMES.map((theme) => ({
    theme,
    ofTheme: runs.filter(({ scenario }) => scenario.theme === theme),
  })).filter(({ ofTheme }) => ofTheme.length > 0);
  return [
    totals(runs.filter((run) => !isBeyond(run)), drivers),
    ...beyond.length > 0 ? ["Out of reach, counted apart:", totals(beyond, drivers)] : [],
    ...themes.map(({ theme, ofTheme }) => `### ${capital(theme)}\n\n${details(ofTheme, drivers)}`),
  ].join("\n\n");
}

function totals(runs: readonly Run[], drivers: readonly string[]): string {
  const rows = drivers.map((driver) => {
    const ofDriver = runs.filter((run) => run.driver === driver);
    const sum = (value: (run: Run) => number) =>
      ofDriver.reduce((total, run) => total + value(run), 0);
    const count = (is: (run: Run) => boolean) => `${ofDriver.filter(is).length}`;
    return [
      driver,
      `${ofDriver.length}`,
      count(({ verdict }) => verdict === "false completion"),
      count(({ verdict }) => verdict === "missed completion"),
      count(({ said, verdict }) => said.completed && verdict === "right"),
      `${sum(({ needless }) => needless)}`,
      `${sum(({ iterations }) => iterations)}`,
      sum(({ tokens }) => tokens).toLocaleString("en"),
      dollars(sum(({ costUsd }) => costUsd)),
    ];
  });
  return table([
    "driver",
    "scenarios",
    "false completions",
    "missed completions",
    "true completions",
    "needless iterations",
    "iterations",
    "tokens",
    "cost",
  ], rows);
}

function details(runs: readonly Run[], drivers: readonly string[]): string {
  const scenarios = [...new Set(runs.map(({ scenario }) => scenario))];
  const rows = scenarios.map((scenario) => [
    `\`${scenario.id}\`: ${scenario.about}`,
    ...drivers.map((driver) => {
      const run = runs.find((run) => run.scenario === scenario && run.driver === driver);
      return run ? cell(run) : "cannot run it";
    }),
  ]);
  return table(["the agent", ...drivers], rows);
}

function cell({ verdict, said, iterations, needless, costUsd }: Run): string {
  const end = verdict === "right" ? said.reason : `**${verdict}** (${said.reason})`;
  const wasted = needless > 0 ? `, ${needless} needless` : "";
  return `${end}; ${iterations} it.${wasted}; ${dollars(costUsd)}`;
}

/** A table in markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((text) => text.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function dollars(usd: number): string {
  return `$${usd.toFixed(3)}`;
}

function capital(text: string): string {
  return text[0].toUpperCase() + text.slice(1);
}
