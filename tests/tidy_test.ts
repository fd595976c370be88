/** The source keeps its shape: which room may use which, and which calls belong to one place. */
import assert from "node:assert/strict";
import * as path from "node:path";

const root = path.join(import.meta.dirname ?? "", "..");

/** What a room may import of the others; type-only imports are marked by `type:`. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  "main.ts": ["src/cli/main.ts"],
  "src/clock.ts": [],
  "src/error.ts": [],
  "src/version.ts": ["deno.json"],
  "src/terminal": [],
  "src/task": ["src/error.ts", "src/terminal/plain.ts"],
  "src/opencode": ["src/error.ts", "src/clock.ts", "src/terminal/plain.ts"],
  "src/registry": ["src/error.ts", "src/terminal/shell_word.ts"],
  "src/settings": ["src/error.ts", "src/task", "src/terminal/plain.ts"],
  "src/verify": [
    "src/error.ts",
    "src/clock.ts",
    "src/terminal/plain.ts",
    "src/task",
    "type:src/host",
  ],
  "src/doctor": [
    "src/error.ts",
    "src/clock.ts",
    "src/terminal",
    "src/opencode/versions.ts",
    "type:src/host",
    "type:src/opencode",
    "type:src/registry",
  ],
  "src/host": [
    "src/error.ts",
    "src/clock.ts",
    "src/terminal/plain.ts",
    "src/terminal/shell_word.ts",
    "type:src/task",
  ],
  "src/loop": [
    "src/error.ts",
    "src/clock.ts",
    "src/terminal/plain.ts",
    "src/task",
    "src/opencode",
    "src/registry",
    "src/settings",
    "src/verify",
    "type:src/host",
  ],
  "src/cli": ["src"],
};

/** Calls with one place each, and what to use elsewhere. */
const BANNED: readonly { call: RegExp; allowed: RegExp; instead: string }[] = [
  { call: /\bDeno\.exit(Code)?\b/, allowed: /^main\.ts$/, instead: "return an exit code" },
  { call: /\bconsole\./, allowed: /^$/, instead: "write to the Output of cli/output.ts" },
  { call: /\bDeno\.(stdout|stderr|stdin)\b/, allowed: /^src\/cli\/output\.ts$/, instead: "Output" },
  {
    call:
      /\b(Date\.now|performance\.now|setTimeout|setInterval|AbortSignal\.timeout)\b|new Date\(\)/,
    allowed: /^src\/host\/clock\.ts$/,
    instead: "the Clock that is passed in",
  },
  { call: /\bfetch\(/, allowed: /^src\/opencode\//, instead: "the OpenCode client" },
  {
    call: /\bDeno\.env\b|\bprocess\.env\b/,
    allowed: /^src\/host\/environment\.ts$/,
    instead: "environment()",
  },
  {
    call: /\bMath\.random\b|\brandom(UUID|Bytes|Values)\b/,
    allowed: /^src\/host\//,
    instead: "an argument",
  },
  {
    call: /\bnode:sqlite\b/,
    allowed: /^src\/(registry\/|cli\/version\.ts)/,
    instead: "the registry",
  },
];

interface Import {
  from: string;
  to: string;
  typeOnly: boolean;
}

function sources(folder: string): string[] {
  return [...Deno.readDirSync(path.join(root, folder))].flatMap(({ name, isDirectory }) => {
    const file = path.posix.join(folder, name);
    return isDirectory ? sources(file) : file.endsWith(".ts") ? [file] : [];
  });
}

function importsOf(file: string, text: string): Import[] {
  const found = text.matchAll(
    /^(?:import|export)\s+(type\s)?[^;"']*?from\s+"(\.[^"]+)"|import\("(\.[^"]+)"\)/gm,
  );
  return [...found].map(([, type, from, dynamic]) => ({
    from: file,
    to: path.posix.join(path.posix.dirname(file), from ?? dynamic),
    typeOnly: type !== undefined,
  }));
}

function allowed({ from, to, typeOnly }: Import): boolean {
  const room = Object.keys(MAY_IMPORT).find((room) => isIn(from, room));
  assert(room, `${from} is in no room that this test knows`);
  return isIn(to, room) ||
    MAY_IMPORT[room].some((place) =>
      place.startsWith("type:") ? typeOnly && isIn(to, place.slice(5)) : isIn(to, place)
    );
}

function isIn(file: string, place: string): boolean {
  return file === place || file.startsWith(`${place}/`);
}

/** The code without its comments, so that these may speak of what is banned. */
function code(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, "");
}

const files = ["main.ts", ...sources("src")].map((file) => {
  const text = Deno.readTextFileSync(path.join(root, file));
  return { file, text, code: code(text) };
});

Deno.test("rooms import only what they may", () => {
  const imports = files.flatMap(({ file, code }) => importsOf(file, code));
  assert(imports.length > 50, "the imports were not found");
  const wrong = imports.filter((one) => !allowed(one)).map(({ from, to }) => `${from} → ${to}`);
  assert.deepEqual(wrong, []);
});

Deno.test("calls to the outside stay in their place", () => {
  const wrong = files.flatMap(({ file, code }) =>
    BANNED.filter(({ call, allowed }) => call.test(code) && !allowed.test(file))
      .map(({ call, instead }) => `${file}: ${call.exec(code)?.[0]} (use ${instead})`)
  );
  assert.deepEqual(wrong, []);
});

Deno.test("every source file is used", () => {
  const used = new Set(
    files.flatMap(({ file, code }) => importsOf(file, code)).map(({ to }) => to),
  );
  const unused = files.map(({ file }) => file).filter((file) =>
    file !== "main.ts" && !used.has(file)
  );
  assert.deepEqual(unused, []);
});
