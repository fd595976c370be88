import { plain } from "./plain.ts";

/** What is said of an error that no code expected: that it is a bug, and its stack. Safe to show. */
export function bugText(error: unknown): string {
  const text = error instanceof Error ? error.stack ?? error.message : String(error);
  const lines = text.split("\n").map((line) => plain(line, 300));
  return `error: this is a bug in ralph\n\n${lines.join("\n")}\n`;
}
