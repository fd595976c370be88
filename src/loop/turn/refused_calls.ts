/** Calls that the user's own rules refused, in words. */
import type { ToolRun } from "../../opencode/model.ts";
import { plain } from "../../terminal/plain.ts";
import { toolTitle } from "./narrator.ts";
import { plural } from "../../terminal/plural.ts";

const LISTED_MAX = 10;

/** Each call once, those that came most often first; empty when none was refused. */
export function refusedWords(toolRuns: readonly ToolRun[], projectRoot: string): string {
  const times = new Map<string, number>();
  for (const { refused, tool, input } of toolRuns) {
    if (!refused) continue;
    const title = plain(toolTitle({ title: "", input }, projectRoot), 120);
    const call = `${plain(tool, 40)} \`${title}\``;
    times.set(call, (times.get(call) ?? 0) + 1);
  }
  const calls = [...times].toSorted(([, a], [, b]) => b - a)
    .map(([call, count]) => count === 1 ? call : `${call} (${plural(count, "time")})`);
  const more = calls.length > LISTED_MAX ? [`${calls.length - LISTED_MAX} more`] : [];
  if (calls.length === 0) return "";
  return `refused by the user's own rules: ${[...calls.slice(0, LISTED_MAX), ...more].join(", ")}`;
}
