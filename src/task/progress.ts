const BETWEEN = "\n\n---\n\n";
const REST_LEFT_OUT = "\n(the rest is left out)";

/** What begins an entry: its heading, or the line that closes the one before. */
const BORDER = /^(?=## )|^-{3,}[ \t]*$/m;
const PATTERNS = /^## .*patterns/i;
const HEADER = /^# [^\n]*(?:\n+Started:[^\n]*)?$/i;

/**
 * What of a progress.txt goes into a prompt, in at most `maxLength` UTF-16 units: all of it when it
 * fits, else the patterns and the last entries, each of them with half of the room for sure, and a line
 * that says how many entries are left out. Only when not even the last one fits is it cut inside, at
 * a line end. The file is the agents' own and may hold anything.
 */
export function progressView(text: string, maxLength: number): string {
  const whole = text.replaceAll(/\r\n?/g, "\n").trim();
  if (whole.length <= maxLength) return whole;

  const parts = whole.split(BORDER).map((part) => part.trim()).filter((part) => part !== "");
  if (HEADER.test(parts.at(0) ?? "")) parts.shift();
  const isPatterns = (part: string) => PATTERNS.test(part);
  const entries = parts.filter((part) => !isPatterns(part));
  const wanted = entries.reduce((sum, entry) => sum + BETWEEN.length + entry.length, 0);
  const patterns = cut(
    parts.filter(isPatterns).join("\n\n"),
    maxLength - Math.min(wanted, Math.ceil(maxLength / 2)),
  );
  const room = maxLength - (patterns === "" ? 0 : patterns.length + BETWEEN.length);
  return [patterns, ...lastEntries(entries, room)].filter((part) => part !== "").join(BETWEEN);
}

/** As many of the last entries as fit with what stands between them, a line on the others first. */
function lastEntries(entries: readonly string[], room: number): readonly string[] {
  if (entries.join(BETWEEN).length <= room) return entries;
  const noteOn = (count: number) => `(earlier entries left out: ${count})`;
  let left = room - noteOn(entries.length).length;
  let first = entries.length;
  while (first > 0 && BETWEEN.length + entries[first - 1].length <= left) {
    first--;
    left -= BETWEEN.length + entries[first].length;
  }
  if (first < entries.length) return [noteOn(first), ...entries.slice(first)];
  if (entries.length <= 1) return entries.map((entry) => cut(entry, room));
  const last = cut(entries[first - 1], left - BETWEEN.length);
  return last === "" ? [] : [noteOn(first - 1), last];
}

/** The beginning of a text that is too long, up to a line end where there is one. */
function cut(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const room = maxLength - REST_LEFT_OUT.length;
  if (room <= 0) return "";
  const lineEnd = text.lastIndexOf("\n", room);
  const kept = lineEnd > 0 ? text.slice(0, lineEnd) : text.slice(0, room);
  // not half of a character
  return kept.replace(/[\ud800-\udbff]$/, "").trimEnd() + REST_LEFT_OUT;
}

/** Of what was written before, as much may remain of a text that was written over. */
const REMAINS_MAX = 0.1;

/**
 * The older text in front of the newer one, where next to nothing of it remains in that; undefined where
 * enough does, as after a consolidation. Layout is no part of a text: headings, bullets, where lines break.
 */
export function withOlderInFront(older: string, newer: string): string | undefined {
  const notes = [...new Set(older.split("\n").filter((line) => !/^\s*#/.test(line)).map(bare))]
    .filter((note) => /[\p{L}\p{N}]/u.test(note));
  const now = newer.split("\n").map(bare).join(" ");
  const remaining = notes.filter((note) => now.includes(note)).length;
  if (notes.length === 0 || remaining > notes.length * REMAINS_MAX) return undefined;
  const [front, rest] = [older.trimEnd(), newer.trim()];
  return rest === "" ? `${front}\n` : `${front}\n\n${rest}\n`;
}

const bare = (line: string) =>
  line.trim().replace(/^(?:[-*+>]|\d+[.)]) +/, "").replaceAll(/[*_`]/g, "").replaceAll(/\s+/g, " ");
