/** One report, as text and as JSON. */
import { plain } from "../terminal/plain.ts";
import { width } from "../terminal/table.ts";
import { plural } from "../terminal/format.ts";
import { jsonText } from "../terminal/json_text.ts";
import { GROUPS, type Level } from "./check.ts";
import type { Result } from "./run_checks.ts";

/** How the levels are shown. */
export interface Look {
  marks: Readonly<Record<Level, string>>;
  colors: {
    green(text: string): string;
    yellow(text: string): string;
    red(text: string): string;
    dim(text: string): string;
    bold(text: string): string;
  };
}

export const MARKS = {
  symbols: { ok: "✓", warn: "!", fail: "✗", skip: "–" },
  words: { ok: "ok  ", warn: "warn", fail: "FAIL", skip: "skip" },
} as const;

const TITLE_COLUMNS = 26;
const FOUND_MAX = 300;

/** The lines for people: groups, a line for each check, and what fixes it under its failure. */
export function reportLines(results: readonly Result[], look: Look, verbose = false): string[] {
  const { bold, dim } = look.colors;
  const lines: string[] = [];
  for (const group of GROUPS) {
    const ofGroup = results.filter((result) => result.group === group);
    if (ofGroup.length === 0) continue;
    lines.push(bold(group));
    const waiting = verbose ? [] : ofGroup.filter(isWaiting);
    const shown = waiting.length > 1 ? ofGroup.filter((one) => !isWaiting(one)) : ofGroup;
    for (const result of shown) lines.push(...resultLines(result, look, verbose));
    if (waiting.length > 1) lines.push(waitingLine(waiting, look));
  }
  return [
    ...lines,
    "",
    verdictLine(results),
    ...(verbose ? [dim("times are without waiting")] : []),
  ];
}

/** It looks at nothing until another check is well. */
const isWaiting = ({ level, ...result }: Result) =>
  level === "skip" && "because" in result && result.because.startsWith("needs ");

/** One line for all of a group that wait for others: the failure above is what matters. */
function waitingLine(waiting: readonly Result[], { marks, colors }: Look): string {
  const titles = waiting.map(({ title }) => title).join(", ");
  const count = `${waiting.length} checks wait`;
  const title = count + " ".repeat(Math.max(0, TITLE_COLUMNS - count.length));
  return `  ${colors.dim(marks.skip)} ${title} ${colors.dim(plain(titles, FOUND_MAX))}`;
}

function resultLines(result: Result, { marks, colors }: Look, verbose: boolean): string[] {
  const paint = {
    ok: colors.green,
    warn: colors.yellow,
    fail: colors.red,
    skip: colors.dim,
  }[result.level];
  const title = result.title + " ".repeat(Math.max(0, TITLE_COLUMNS - width(result.title)));
  const time = verbose ? colors.dim(` (${result.id}, ${Math.round(result.ms)} ms)`) : "";
  const found = plain(
    result.level === "skip" ? `skipped: ${result.because}` : result.found,
    FOUND_MAX,
  );
  const head = `  ${paint(marks[result.level])} ${title} ${
    result.level === "skip" ? colors.dim(found) : found
  }${time}`;
  if (result.level === "ok" || result.level === "skip") return [head.trimEnd()];
  const indent = "      ";
  return [
    head,
    indent + plain(result.because, FOUND_MAX),
    ...result.remedy.flatMap(({ text, command }) =>
      command === undefined
        ? [`${indent}→ ${text}`]
        : [`${indent}${colors.dim(`# ${text}`)}`, `${indent}$ ${colors.bold(command)}`]
    ),
  ];
}

/** `1 failure, 2 warnings, 3 skipped`. */
function verdictLine(results: readonly Result[]): string {
  const countOf = (level: Level) => results.filter((result) => result.level === level).length;
  const parts = [
    plural(countOf("fail"), "failure"),
    plural(countOf("warn"), "warning"),
    `${countOf("skip")} skipped`,
  ].filter((part) => !part.startsWith("0 "));
  const fine = plural(countOf("ok"), "check");
  return parts.length === 0 ? `All is well: ${fine}.` : `${fine} fine, ${parts.join(", ")}.`;
}

/** The same for programs. `schema` counts up when a field changes its meaning. */
export function reportJson(results: readonly Result[]): string {
  const checks = results.map((result) => ({
    id: result.id,
    group: result.group.toLowerCase(),
    title: result.title,
    level: result.level,
    found: "found" in result ? result.found : null,
    because: "because" in result ? result.because : null,
    remedy: "remedy" in result ? result.remedy : [],
    ms: Math.round(result.ms),
  }));
  return jsonText({ schema: 1, ok: !hasFailed(results, { strict: false }), checks }, 2);
}

/** Whether the exit code is 1: a failure, or with `strict` a warning. */
export function hasFailed(results: readonly Result[], { strict }: { strict: boolean }): boolean {
  return results.some(({ level }) => level === "fail" || (strict && level === "warn"));
}
