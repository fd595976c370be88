/** What `--help` says, in lines of a narrow terminal. Loaded when help is asked for. */
import { hanging, width, wrap } from "../../terminal/table.ts";

/**
 * The text in lines of so many columns. Prose flows, what stands beside a term goes on below itself,
 * and a line that is only a command stays whole, since it is pasted.
 */
export function fittedHelp(text: string, columns: number): string {
  const lines = text.split("\n");
  const fitted: string[] = [];
  for (let at = 0; at < lines.length;) {
    const prose = lines.slice(at).findIndex((line) => line === "" || line.startsWith(" "));
    const end = prose === -1 ? lines.length : at + prose;
    if (end > at) {
      const block = lines.slice(at, end);
      const fits = block.every((line) => width(line) <= columns);
      fitted.push(...fits ? block : wrap(block.join(" "), columns));
      at = end;
    } else fitted.push(...fittedLine(lines[at++], columns));
  }
  return fitted.join("\n");
}

/** One that is indented: a term and what it means, or a command. */
function fittedLine(line: string, columns: number): string[] {
  const pair = /^( +\S.*? {2,})(\S.*)$/.exec(line);
  if (pair === null || width(line) <= columns) return [line];
  return hanging(pair[1], pair[2], columns);
}
