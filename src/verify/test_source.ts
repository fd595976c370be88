/** The text of a test file, and the same without what is not code. */
import type { TestLanguage } from "./test_files.ts";

/** A test as it stands in a text. */
export interface FoundTest {
  /** With the names of the groups that it is in: `cart > adds`. */
  readonly name: string;
  readonly skipped: boolean;
  /** What the test does: the original text, and with nothing but code. */
  readonly body: string;
  readonly code: string;
}

/** A text as it is, and with comments and the insides of strings blanked: places are the same. */
export interface TestSource {
  readonly text: string;
  readonly code: string;
  /** Where the bracket at `open` is closed; the end of the text when it never is. */
  closing(open: number): number;
}

const LINE_COMMENT = String.raw`\/\/[^\n]*`;
const BLOCK_COMMENT = String.raw`\/\*[^]*?(?:\*\/|$)`;
const HASH_COMMENT = String.raw`#[^\n]*`;
/** Not in `$#` or `${#list}`. */
const WORD_COMMENT = String.raw`(?<=^|[\s;&|()])#[^\n]*`;
const DOUBLE = String.raw`"(?:\\[^]|[^"\\\n])*"`;
const DOUBLE_LONG = String.raw`"(?:\\[^]|[^"\\])*"`;
const SINGLE = String.raw`'(?:\\[^]|[^'\\\n])*'`;
const SINGLE_LONG = String.raw`'(?:\\[^]|[^'\\])*'`;
/** A string within an insertion within a template is as deep as it goes. */
const TEMPLATE =
  "`(?:\\\\[^]|\\$\\{(?:[^{}`]|`(?:\\\\[^]|[^`\\\\])*`|\\{[^{}]*\\})*\\}|(?!\\$\\{)[^`\\\\])*`";
/** A slash that cannot mean a division. */
const REGEXP = String
  .raw`(?<=(?:^|[(,=:[!&|?{};+\-*%~^<>\n]|\b(?:return|typeof|case|of|in))[ \t]*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/`;

/** By language: what is a comment, and what is a string. */
const SYNTAX: Readonly<Record<TestLanguage, readonly [readonly string[], readonly string[]]>> = {
  javascript: [[LINE_COMMENT, BLOCK_COMMENT], [DOUBLE, SINGLE, TEMPLATE, REGEXP]],
  python: [[HASH_COMMENT], ['"""[^]*?"""', "'''[^]*?'''", DOUBLE, SINGLE]],
  go: [[LINE_COMMENT, BLOCK_COMMENT], [DOUBLE, SINGLE, "`[^`]*`"]],
  rust: [
    [LINE_COMMENT, BLOCK_COMMENT],
    [String.raw`\br(?<hashes>#*)"[^]*?"\k<hashes>`, DOUBLE_LONG, String.raw`'(?:\\[^']+|[^'\\])'`],
  ],
  jvm: [[LINE_COMMENT, BLOCK_COMMENT], ['"""[^]*?"""', DOUBLE, SINGLE]],
  csharp: [[LINE_COMMENT, BLOCK_COMMENT], ['"""[^]*?"""', '@"(?:[^"]|"")*"', DOUBLE, SINGLE]],
  ruby: [["^=begin[^]*?^=end", HASH_COMMENT], [DOUBLE_LONG, SINGLE_LONG]],
  php: [[LINE_COMMENT, String.raw`#(?!\[)[^\n]*`, BLOCK_COMMENT], [DOUBLE_LONG, SINGLE_LONG]],
  shell: [[WORD_COMMENT], [DOUBLE_LONG, SINGLE_LONG]],
};

const PATTERNS = new Map<TestLanguage, RegExp>();

/** Blanks what is no code in this language. Of a string its first and last sign stay. */
export function openTestSource(text: string, language: TestLanguage): TestSource {
  const code = text.replace(patternOf(language), (found, ...groups) => {
    const { string } = groups.at(-1);
    return string === undefined || found.length < 2
      ? blank(found)
      : found[0] + blank(found.slice(1, -1)) + found[found.length - 1];
  });
  let brackets: ReadonlyMap<number, number> | undefined;
  return {
    text,
    code,
    closing: (open) => (brackets ??= matchBrackets(code)).get(open) ?? code.length,
  };
}

/** By the place of each opening bracket that of its closing one, of whatever kind it is. */
function matchBrackets(code: string): ReadonlyMap<number, number> {
  const matched = new Map<number, number>();
  const open: number[] = [];
  for (const { 0: bracket, index } of code.matchAll(/[()[\]{}]/g)) {
    if ("([{".includes(bracket)) {
      open.push(index);
    } else {
      const opened = open.pop();
      if (opened !== undefined) matched.set(opened, index);
    }
  }
  return matched;
}

const blank = (text: string) => text.replaceAll(/[^\n]/g, " ");

function patternOf(language: TestLanguage): RegExp {
  const known = PATTERNS.get(language);
  if (known) return known;
  const [comments, strings] = SYNTAX[language];
  const made = new RegExp(
    `(?<comment>${comments.join("|")})|(?<string>${strings.join("|")})`,
    "gm",
  );
  PATTERNS.set(language, made);
  return made;
}
