/**
 * The source keeps its shape: which folder may use which, which calls belong to one place, and that
 * nothing in it is too long, unused or unsafe to paste. What each check sees is in `tests/tidy/`.
 */
import assert from "node:assert/strict";
import { unusedExports } from "./tidy/exports.ts";
import { longFunctions } from "./tidy/functions.ts";
import { unsafeHints } from "./tidy/hints.ts";
import { circles, type Import, importsOf } from "./tidy/imports.ts";
import { sourcesIn } from "./tidy/source.ts";

/** Belong to all folders: errors, time, what is asked once, and foreign text made safe to show. */
const BASE = [
  "src/abort_signal.ts",
  "src/clock.ts",
  "src/error.ts",
  "src/event_loop.ts",
  "src/json.ts",
  "src/no_secrets.ts",
  "src/once.ts",
  "src/stored_json.ts",
  "src/terminal/plain.ts",
  "src/terminal/plural.ts",
  "src/terminal/shell_word.ts",
];

/** What `app`, `control` and `worker` stand on. */
const BELOW_APP = [
  ...BASE,
  "src/doctor",
  "src/host",
  "src/loop",
  "src/opencode",
  "src/settings",
  "src/store",
  "src/task",
  "src/telemetry",
  "src/terminal",
  "src/verify",
  "src/version.ts",
];

/** What a folder may import of the others; type-only imports are marked by `type:`. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  "main.ts": ["src/cli/main.ts"],
  "src/abort_signal.ts": [],
  "src/clock.ts": ["src/abort_signal.ts"],
  "src/error.ts": [],
  "src/json.ts": [],
  "src/once.ts": [],
  "src/stored_json.ts": ["src/error.ts", "src/terminal/plain.ts"],
  "src/version.ts": ["deno.json"],
  "src/terminal": [],
  "src/task": [...BASE],
  "src/opencode": [...BASE],
  "src/store": [...BASE, "src/host/files/atomic_write.ts", "src/host/files/read_file.ts"],
  "src/settings": [...BASE, "src/task"],
  "src/host": [...BASE, "type:src/task"],
  "src/verify": [
    ...BASE,
    "src/host/files/atomic_write.ts",
    "src/settings",
    "src/task",
    "src/terminal/finding_words.ts",
    "type:src/host",
    "type:src/store",
  ],
  "src/doctor": [
    ...BASE,
    "src/terminal",
    "src/opencode/commands.ts",
    "src/opencode/versions.ts",
    "type:src/host",
    "type:src/opencode",
    "type:src/store",
  ],
  "src/loop": [
    ...BASE,
    "src/task",
    "src/opencode",
    "src/store",
    "src/settings",
    "src/verify",
    "src/terminal/finding_words.ts",
    "type:src/host",
  ],
  "src/plan": [...BASE, "src/task", "src/verify/prd"],
  "src/telemetry": [...BASE, "type:src/loop", "type:src/store"],
  "src/report": [...BASE, "src/store", "src/terminal", "src/version.ts", "type:src/host"],
  "src/app": [...BELOW_APP],
  "src/control": [...BELOW_APP, "src/app"],
  "src/queue": [...BELOW_APP, "src/app", "src/control"],
  "src/worker": [...BELOW_APP, "src/app", "src/control"],
  "src/cli": ["src"],
};

/** Calls with one place each, and what to use elsewhere. */
const BANNED: readonly { call: RegExp; allowed: RegExp; instead: string }[] = [
  { call: /\bDeno\.exit(Code)?\b/, allowed: /^main\.ts$/, instead: "return an exit code" },
  { call: /\bconsole\./, allowed: /^$/, instead: "write to the Output of cli/output/streams.ts" },
  {
    call: /\bDeno\.(stdout|stderr|stdin)\b/,
    allowed: /^src\/(cli\/output\/streams|host\/process\/own_session)\.ts$/,
    instead: "Output",
  },
  {
    call:
      /\b(Date\.now|performance\.now|setTimeout|setInterval|AbortSignal\.timeout)\b|new Date\(\)/,
    allowed: /^src\/host\/system\/clock\.ts$/,
    instead: "the Clock that is passed in",
  },
  {
    // A constant is no 1, as a rule.
    call:
      /\$\{(?![A-Z_]+\})[^{}]*\} (iterations|stories|tokens|tasks|sessions|commits|files|times|lines|characters|calls|turns|faults|tests)\b/,
    allowed: /^src\/doctor\/project\.ts$/,
    instead: "plural() of terminal/plural.ts",
  },
  {
    call: /\bfetch\(/,
    allowed: /^src\/(opencode\/|host\/system\/post\.ts)/,
    instead: "the OpenCode client",
  },
  {
    call: /\bDeno\.env\b|\bprocess\.env\b/,
    allowed: /^src\/host\/system\/environment\.ts$/,
    instead: "environment()",
  },
  {
    call: /\bMath\.random\b|\brandom(UUID|Bytes|Values)\b/,
    allowed: /^src\/host\//,
    instead: "an argument",
  },
  {
    call: /\bnode:sqlite\b/,
    allowed: /^src\/(store\/|cli\/commands\/version\.ts)/,
    instead: "the store",
  },
];

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

const program = sourcesIn("main.ts", "src");
const imports = program.flatMap(importsOf);

Deno.test("rooms import only what they may", () => {
  assert(imports.length > 500, "the imports were not found");
  const wrong = imports.filter((one) => !allowed(one)).map(({ at, to }) => `${at} → ${to}`);
  assert.deepEqual([...new Set(wrong)], []);
});

Deno.test("no files import one another in a circle", () => {
  assert.deepEqual(circles(imports), []);
});

Deno.test("calls to the outside stay in their place", () => {
  const wrong = program.flatMap(({ file, text }) =>
    BANNED.filter(({ call, allowed }) => call.test(code(text)) && !allowed.test(file))
      .map(({ call, instead }) => `${file}: ${call.exec(code(text))?.[0]} (use ${instead})`)
  );
  assert.deepEqual(wrong, []);
});

Deno.test("no test changes PATH or the user's folders for those that run at the same time", () => {
  const changes = /\bDeno\.env\.(set|delete)\("(?!TZ")|\bDeno\.umask\(\d/;
  const wrong = sourcesIn("tests").filter(({ text }) => changes.test(code(text)));
  assert.deepEqual(wrong.map(({ file }) => file), [], "use inOwnProcess");
});

Deno.test("every source file is used", () => {
  const used = new Set(imports.map(({ to }) => to));
  const unused = program.map(({ file }) => file)
    .filter((file) => file !== "main.ts" && !used.has(file));
  assert.deepEqual(unused, []);
});

Deno.test("every export is used by another file of the program", () => {
  const unused = unusedExports([...program, ...sourcesIn("tools")], sourcesIn("tests", "bench"));
  assert.deepEqual(unused, []);
});

Deno.test("no function has more than 70 lines", () => {
  assert.deepEqual([...program, ...sourcesIn("tools", "bench")].flatMap(longFunctions), []);
});

Deno.test("no source file has the name of a test", () => {
  const named = program.map(({ file }) => file)
    .filter((file) => /(^|\/)(test_[^/]*|tests?|[^/]*_tests?)\.ts$/.test(file));
  assert.deepEqual(named, []);
});

Deno.test("a hint has only words for the shell in its command", () => {
  assert.deepEqual(program.flatMap(unsafeHints), []);
});
