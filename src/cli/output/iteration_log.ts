/** What a session's log has of one iteration. Pure. */

/** Only the loop begins a line so: what an agent or a tool said is indented. */
const HEADER = /^\S+ iteration (\d+)\/\d+ {2}/;

/**
 * From the line that begins it up to the next iteration, the end of the session included; none when
 * the log has no more of it.
 */
export function iterationLog(lines: readonly string[], number: number): readonly string[] {
  const numberOf = (line: string) => HEADER.exec(line)?.[1];
  const begin = lines.findIndex((line) => numberOf(line) === String(number));
  if (begin < 0) return [];
  const end = lines.findIndex((line, i) => i > begin && numberOf(line) !== undefined);
  return lines.slice(begin, end < 0 ? undefined : end);
}
