/** One report, as text and as JSON. */
import { plain } from "../terminal/plain.ts";
import { forShell } from "../terminal/shell_word.ts";
import { hanging, width } from "../terminal/table.ts";
import { plural } from "../terminal/format.ts";
import { commandJson } from "../terminal/json_text.ts";
import { GROUPS, type Level } from "./check.ts";
import type { Result } from "./run_checks.ts";

/** How much is shown: what is wrong, or all checks, or these with their ids and times too. */
type Detail = "wrong" | "all" | "times";

/** How the levels are shown. */
export interface Look {
  /** Of the terminal; commands, which are to be pasted, may be longer. */
  columns: number;
  /** The user's, by name: its commands are to be pasted there. */
  shell?: string;
  /** The command that shows all checks. */
  more?: string;
  /** Whether only some checks were asked for: nothing is said of the others then. */
  isPart?: boolean;
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
export function reportLines(
  results: readonly Result[],
  look: Look,
  detail: Detail = "wrong",
): string[] {
  const { bold, dim } = look.colors;
  const shown = results.filter(({ level }) =>
    detail !== "wrong" || level === "fail" || level === "warn"
  );
  const lines: string[] = [];
  for (const group of GROUPS) {
    const ofGroup = shown.filter((result) => result.group === group);
    if (ofGroup.length > 0) lines.push(bold(group));
    const waiting = detail === "all" ? ofGroup.filter(isWaiting) : [];
    const isFolded = (one: Result) => waiting.length > 1 && isWaiting(one);
    for (const one of ofGroup) if (!isFolded(one)) lines.push(...resultLines(one, look, detail));
    if (waiting.length > 1) lines.push(...waitingLines(waiting, look));
  }
  const verdict = verdictLine(results, look.isPart ?? false) +
    (shown.length < results.length ? ` \`${look.more ?? "ralph doctor -v"}\` shows them all.` : "");
  return [
    ...lines,
    ...(lines.length > 0 ? [""] : []),
    ...hanging("", verdict, look.columns),
    ...(detail === "times" ? [dim("times are without waiting")] : []),
  ];
}

/** It looks at nothing until another check is well. */
const isWaiting = ({ level, ...result }: Result) =>
  level === "skip" && "because" in result && result.because.startsWith("needs ");

/** One entry for all of a group that wait for others: the failure above is what matters. */
function waitingLines(waiting: readonly Result[], { marks, colors, columns }: Look): string[] {
  const titles = waiting.map(({ title }) => title).join(", ");
  const title = padded(`${waiting.length} checks wait`);
  const head = `  ${colors.dim(marks.skip)} ${title} `;
  return hanging(head, colors.dim(plain(titles, FOUND_MAX)), columns);
}

const padded = (title: string) => title + " ".repeat(Math.max(0, TITLE_COLUMNS - width(title)));

function resultLines(
  result: Result,
  { marks, colors, columns, shell }: Look,
  detail: Detail,
): string[] {
  const paint = {
    ok: colors.green,
    warn: colors.yellow,
    fail: colors.red,
    skip: colors.dim,
  }[result.level];
  const time = detail === "times" ? colors.dim(` (${result.id}, ${Math.round(result.ms)} ms)`) : "";
  const found = plain(
    result.level === "skip" ? `skipped: ${result.because}` : result.found,
    FOUND_MAX,
  );
  const head = hanging(
    `  ${paint(marks[result.level])} ${padded(result.title)} `,
    (result.level === "skip" ? colors.dim(found) : found) + time,
    columns,
  );
  if (result.level === "ok" || result.level === "skip") return head;
  const indent = "      ";
  return [
    ...head,
    ...hanging(indent, plain(result.because, FOUND_MAX), columns),
    ...result.remedy.flatMap(({ text, command }) =>
      command === undefined ? hanging(`${indent}→ `, text, columns) : [
        ...hanging(indent, colors.dim(`# ${text}`), columns),
        `${indent}$ ${colors.bold(forShell(command, shell))}`,
      ]
    ),
  ];
}

/** `1 failure, 2 warnings, 3 skipped`. */
function verdictLine(results: readonly Result[], isPart: boolean): string {
  const countOf = (level: Level) => results.filter((result) => result.level === level).length;
  const parts = [
    plural(countOf("fail"), "failure"),
    plural(countOf("warn"), "warning"),
    `${countOf("skip")} skipped`,
  ].filter((part) => !part.startsWith("0 "));
  const fine = plural(countOf("ok"), "check");
  if (parts.length > 0) return `${fine} fine, ${parts.join(", ")}.`;
  return isPart || results.length === 0 ? `${fine} fine.` : `All is well: ${fine}.`;
}

/** The same for programs. */
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
  return commandJson({ ok: !hasFailed(results, { strict: false }), checks }, 2);
}

/** Whether the exit code is 1: a failure, or with `strict` a warning. */
export function hasFailed(results: readonly Result[], { strict }: { strict: boolean }): boolean {
  return results.some(({ level }) => level === "fail" || (strict && level === "warn"));
}
