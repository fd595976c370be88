/**
 * The named scripts of `package.json` (`scripts`) and `deno.json` (`tasks`): reading them, and
 * putting single ones back into a file whose rest has changed.
 */

export type EntryField = "scripts" | "tasks";
/** Of one file, by name, as JSON text; null for one that was not there. */
export type Entries = Readonly<Record<string, string | null>>;

/** The entries of a file by name, each as JSON text; undefined when the text is not such a file. */
export function readEntries(text: string, field: EntryField): Map<string, string> | undefined {
  const document = readJsonc(text);
  if (!isObject(document)) return undefined;
  const entries = document[field] ?? {};
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
 * The file with these entries as they were and all else as it is now; comments are lost. Undefined
 * when it is not such a file any more.
 */
export function putBackEntries(
  text: string,
  { field, entries }: { field: EntryField; entries: Entries },
): string | undefined {
  const document = readJsonc(text);
  if (!isObject(document)) return undefined;
  const present = isObject(document[field]) ? document[field] : {};
  const wanted = Object.entries(entries).flatMap(([name, json]) =>
    json === null ? [] : [[name, JSON.parse(json)] as const]
  );
  const gone = new Set(Object.keys(entries).filter((name) => entries[name] === null));
  const kept = Object.entries(present).filter(([name]) => !gone.has(name));
  const put = { ...document, [field]: Object.fromEntries([...kept, ...wanted]) };
  const indent = /^[ \t]+/m.exec(text)?.[0] ?? "  ";
  return JSON.stringify(put, null, indent) + (text.endsWith("\n") ? "\n" : "");
}

/** JSON with comments and commas at the end, as Deno reads it; undefined when it is neither. */
function readJsonc(text: string): unknown {
  const json = text.replace(/^\ufeff/, "").replaceAll(
    /("(?:\\[^]|[^"\\])*")|\/\/[^\n]*|\/\*[^]*?\*\//g,
    (_, string) => string ?? " ",
  ).replaceAll(/("(?:\\[^]|[^"\\])*")|,(?=\s*[}\]])/g, (_, string) => string ?? "");
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
