/**
 * The named scripts of `package.json` (`scripts`) and `deno.json` (`tasks`): reading them, and
 * putting single ones back into a file whose rest has changed.
 */
import { applyEdits, modify } from "jsonc-parser";
import { parseJsonc } from "../jsonc.ts";

export type EntryField = "scripts" | "tasks";
/** Of one file, by name, as JSON text; null for one that was not there. */
export type Entries = Readonly<Record<string, string | null>>;

/** The entries of a file by name, each as JSON text; undefined when the text is not such a file. */
export function readEntries(text: string, field: EntryField): Map<string, string> | undefined {
  const document = parseJsonc(text);
  if (!isObject(document)) return undefined;
  const { [field]: entries = {} } = document;
  if (!isObject(entries)) return undefined;
  return new Map(Object.entries(entries).map(([name, value]) => [name, JSON.stringify(value)]));
}

/** The shell lines that an entry runs, and the names of the entries that it says it needs. */
export function linesOfEntry(json: string | undefined): readonly string[] {
  const value = json === undefined ? undefined : JSON.parse(json);
  if (typeof value === "string") return [value];
  if (!isObject(value)) return [];
  const { command, dependencies } = value;
  const needed = Array.isArray(dependencies) ? dependencies : [];
  return [command, ...needed].filter((line) => typeof line === "string");
}

/**
 * The file with these entries as they were and all else as it is now. Undefined when that cannot be
 * done: it is not such a file any more, or one of the names stands there twice.
 */
export function putBackEntries(
  text: string,
  { field, entries }: { field: EntryField; entries: Entries },
): string | undefined {
  const present = readEntries(text, field);
  if (!present) return undefined;
  const indent = /^[ \t]+/m.exec(text)?.[0] ?? "  ";
  const formattingOptions = { insertSpaces: !indent.startsWith("\t"), tabSize: indent.length };
  let put = text;
  for (const [name, json] of Object.entries(entries)) {
    if ((present.get(name) ?? null) === json) continue;
    const value = json === null ? undefined : JSON.parse(json);
    put = applyEdits(put, modify(put, [field, name], value, { formattingOptions }));
  }
  const restored = readEntries(put, field);
  const isRestored = restored && Object.entries(entries)
    .every(([name, json]) => (restored.get(name) ?? null) === json);
  return isRestored ? put : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
