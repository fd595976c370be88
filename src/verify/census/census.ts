/**
 * Counting tests: which are there, which are skipped, and which assert something. Two censuses
 * compared say what an iteration took away. It is the text that is read: a test that was made weaker,
 * or that a setting or another file leaves out, is not seen.
 */
import * as path from "node:path";
import { letOthersRun } from "../../event_loop.ts";
import type { ProjectFiles } from "../../host/files/project_files.ts";
import { plain } from "../../terminal/plain.ts";
import { testLanguage } from "./file_names.ts";
import { readScript, readTests } from "./readers.ts";
import { plural } from "../../terminal/plural.ts";

interface CountedTest {
  readonly name: string;
  readonly skipped: boolean;
  /** How many that can fail. */
  readonly assertions: number;
  /** What else it calls, by name: a helper may assert too. */
  readonly calls: readonly string[];
  /** The words in it, names and values: how alike two bodies are. */
  readonly words: readonly string[];
}

/** By path from the project root; plain JSON. */
export type Census = Readonly<Record<string, CountedFile>>;

interface CountedFile {
  /** What the file was known by; see `fileKey`. */
  readonly key?: string;
  readonly tests: readonly CountedTest[];
}

/** Each test as `path: name`, safe to print. */
interface TestChanges {
  readonly deleted: readonly string[];
  /** They had assertions, and have none now. */
  readonly emptied: readonly string[];
  /** They ran before, and are left out now. */
  readonly skipped: readonly string[];
  /** All in one line, such as "2 tests deleted: …"; empty when nothing was taken away. */
  readonly words: string;
}

/** Longer files are generated. */
const FILE_BYTES_MAX = 1024 ** 2;
const WORDS_MAX = 60;
/** The share of common words from which on a test with a new name is the old one: one name changed. */
const ALIKE_MIN = 0.6;
/** Looks for a test that was renamed: what is not found within so many is missing. 0.5 s (measured). */
const COMPARISONS_MAX = 300_000;
const SHOWN_MAX = 5;
const NAME_MAX = 100;

const ASSERTION =
  /(?:\b(?:assert|expect|should|verify|ensure|must|check|panic|throws|rejects|raises|fail)\w*|\bAssert\b|\brequire\.|\b_?refute\w*|\bt\.(?!run|step|test|skip|log|parallel|helper|cleanup|setenv|tempdir|name|todo|context|plan|end|diagnostic|before|after|mock|timeout|teardown)\w+\s*\()/gi;
/** Assertions that hold whatever the program does: of `true`, or of something and itself. */
const TRIVIAL = new RegExp(
  [
    String
      .raw`\bassert\w*!?(?:\.\w+)?\s*\(\s*(?:true|1|!0|(\w+)\s*,\s*\1)\s*(?:,\s*["'\x60][^()]*)?\)`,
    String
      .raw`\bexpect\s*\(\s*(?:true|1)\s*\)(?:\.to)?(?:\.be)?(?:\.(?:true|ok)\b|\.\w+\(\s*(?:true|1)?\s*\))`,
    String.raw`\bexpect\s*\(\s*(\w+)\s*\)\.(?:to\.)?\w+\(\s*\2\s*\)`,
    String.raw`\bassert\s+(?:true|1)\s*(?:$|[,;#])`,
  ].join("|"),
  "gim",
);
const CALL = /(?<![\w$])([\w$]+)\s*!?\(/g;
const NOT_CALLS: ReadonlySet<string> = new Set(
  `function if for while switch catch return async await in not and or log puts echo print println
  printf info debug warn error`.split(/\s+/),
);

/** Files read, or looked at, in a row before others get their turn. */
const READ_IN_A_ROW = 4;
const SEEN_IN_A_ROW = 200;

/**
 * Reads the test files of a project. A file that has not changed since `earlier` is not read again; with
 * `changed`, which has all that differ since then, the others are not looked at either.
 * Throws `RalphError` (`failed`) when git cannot list the files, and `signal.reason` when aborted.
 */
export async function takeCensus(
  root: string,
  { tools, earlier = {}, changed, signal }: {
    tools: Pick<ProjectFiles, "listWorkTree" | "fileKey" | "readFile">;
    earlier?: Census;
    changed?: readonly string[];
    signal?: AbortSignal;
  },
): Promise<Census> {
  const isTest = (file: string) => testLanguage(file) !== undefined;
  if (changed) {
    const counted = await countFiles(root, { files: changed.filter(isTest), tools, signal });
    const census = { ...earlier, ...Object.fromEntries(counted) };
    return Object.fromEntries(Object.entries(census).toSorted(([a], [b]) => a < b ? -1 : 1));
  }
  const { files } = await tools.listWorkTree(root, signal);
  const testFiles = files.filter(isTest).toSorted();
  return Object.fromEntries(await countFiles(root, { files: testFiles, tools, earlier, signal }));
}

async function countFiles(
  root: string,
  { files, tools, earlier = {}, signal }: {
    files: readonly string[];
    tools: Pick<ProjectFiles, "fileKey" | "readFile">;
    earlier?: Census;
    signal?: AbortSignal;
  },
): Promise<readonly [string, CountedFile][]> {
  const counted: [string, CountedFile][] = [];
  let read = 0;
  for (const [i, file] of files.entries()) {
    signal?.throwIfAborted();
    if (i % SEEN_IN_A_ROW === SEEN_IN_A_ROW - 1) await letOthersRun();
    const at = path.join(root, file);
    const key = tools.fileKey(at);
    const known = Object.hasOwn(earlier, file) ? earlier[file] : undefined;
    if (known && key !== undefined && known.key === key) {
      counted.push([file, known]);
      continue;
    }
    if (read++ % READ_IN_A_ROW === READ_IN_A_ROW - 1) await letOthersRun();
    counted.push([file, { key, tests: countTests(file, tools.readFile(at, FILE_BYTES_MAX)) }]);
  }
  return counted;
}

/** The tests in one file; none where nothing is to be read. */
export function countTests(file: string, bytes: Uint8Array | undefined): readonly CountedTest[] {
  const language = testLanguage(file);
  if (!language || !bytes || bytes.length > FILE_BYTES_MAX) return [];
  const text = new TextDecoder().decode(bytes);
  const tests = readTests(text, language);
  const script = tests.length === 0
    ? readScript(text, { name: path.posix.basename(file), language })
    : undefined;
  return (script ? [script] : tests).map((test) => {
    const code = test.code.replaceAll(TRIVIAL, " ");
    const rest = code.replaceAll(ASSERTION, " ");
    const called = [...rest.matchAll(CALL)].map(([, name]) => name);
    return {
      name: test.name,
      skipped: test.skipped,
      assertions: code.match(ASSERTION)?.length ?? 0,
      calls: [...new Set(called)].filter((name) => !NOT_CALLS.has(name)),
      words: wordsOf(test.body),
    };
  });
}

/** Long tests are distinguished by their beginning. */
function wordsOf(body: string): readonly string[] {
  return [...new Set(body.match(/[\w$]+/g))].slice(0, WORDS_MAX);
}

interface Placed extends CountedTest {
  readonly file: string;
}

/**
 * What was taken away between two censuses. A test counts as moved when a new one has its name, in
 * any file and any group, and as renamed when a new one has its body, or stands in the same file, has
 * much the same words and asserts as often.
 */
export function compareCensus(before: Census, after: Census): TestChanges {
  const { pairs, missing } = matchTests(placed(before), placed(after));
  const skipped = pairs.filter(([was, is]) => !was.skipped && is.skipped).map(([was]) => was);
  const emptied = pairs.filter(([was, is]) => !is.skipped && isEmptied(was, is))
    .map(([was]) => was);
  // one that was skipped proved nothing
  const deleted = missing.filter((test) => !test.skipped);
  const words = [
    inWords(deleted, "deleted"),
    inWords(emptied, "without assertions now"),
    inWords(skipped, "skipped now"),
  ].filter(Boolean).join("; ");
  return {
    deleted: deleted.map(shown),
    emptied: emptied.map(shown),
    skipped: skipped.map(shown),
    words,
  };
}

/** Pairs the tests of before with those of after, the surest matches first. */
function matchTests(before: readonly Placed[], after: readonly Placed[]) {
  const pairs: [Placed, Placed][] = [];
  let missing = before;
  let fresh = after;
  let left = COMPARISONS_MAX;
  const match = (
    key: (test: Placed) => string,
    fitTo: (was: Placed) => (is: Placed) => boolean = () => () => true,
  ) => {
    const groups = Map.groupBy(fresh, key);
    const taken = new Set<Placed>();
    // Where the first one stands that may not be taken, by key: else thousands are passed each time.
    const begins = new Map<string, number>();
    missing = missing.filter((test) => {
      const wanted = key(test);
      const group = groups.get(wanted) ?? [];
      const fits = fitTo(test);
      let begin = begins.get(wanted) ?? 0;
      while (begin < group.length && taken.has(group[begin])) begin++;
      begins.set(wanted, begin);
      for (let i = begin; i < group.length && (i === begin || left > 0); i++) {
        if (i > begin) left--;
        if (taken.has(group[i]) || !fits(group[i])) continue;
        taken.add(group[i]);
        pairs.push([test, group[i]]);
        return false;
      }
      return true;
    });
    fresh = fresh.filter((test) => !taken.has(test));
  };
  match(({ file, name }) => `${file}\0${name}`);
  match(({ name }) => name);
  match(({ name }) => name.slice(name.lastIndexOf(" > ") + 1));
  match(({ words }) => words.join(" "), ({ assertions }) => () => assertions > 0);
  match(({ file }) => file, (was) => {
    const isAlike = alikeTo(was);
    return (is) => is.assertions >= was.assertions && isAlike(is);
  });
  // a script that was made into tests
  match(({ file }) => file, (was) => {
    const isScript = was.name === path.posix.basename(was.file);
    return (is) => isScript && is.assertions > 0;
  });
  return { pairs, missing };
}

function alikeTo(was: CountedTest): (is: CountedTest) => boolean {
  const words = new Set(was.words);
  return (is) => {
    const common = is.words.filter((word) => words.has(word)).length;
    return common >= ALIKE_MIN * (words.size + is.words.length - common);
  };
}

function isEmptied(was: CountedTest, is: CountedTest): boolean {
  const known = new Set(was.calls);
  return was.assertions > 0 && is.assertions === 0 && is.calls.every((name) => known.has(name));
}

function placed(census: Census): readonly Placed[] {
  return Object.entries(census).flatMap(([file, { tests }]) =>
    tests.map((test) => ({ ...test, file }))
  );
}

function inWords(tests: readonly Placed[], how: string): string {
  if (tests.length === 0) return "";
  const more = tests.length > SHOWN_MAX ? `, and ${tests.length - SHOWN_MAX} more` : "";
  const names = tests.slice(0, SHOWN_MAX).map(shown).join(", ");
  return `${plural(tests.length, "test")} ${how}: ${names}${more}`;
}

const shown = ({ file, name }: Placed) => plain(`${file}: ${name}`, NAME_MAX);
