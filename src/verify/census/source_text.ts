/** The text of a test file, and the same without what is not code. */
import type { TestLanguage } from "./file_names.ts";
import { type Places, placesOf } from "./places.ts";

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
  /** `;`, `{` and `}`: where statements end. */
  readonly statements: Places;
  /** `{` and `;`: where what follows a function's head begins. */
  readonly blocks: Places;
  /**
   * A part of it. Parts lie in each other no deeper than people write them: once all that were asked
   * for come to `OVERLAPS_MAX` times the text, they are empty.
   */
  part(start: number, end: number): { start: number; body: string; code: string };
}

/** Deeper is nobody's test, and would take the square of the time. */
export const DEPTH_MAX = 20;
/** How often each sign of a text may be read as part of a test, on the average. */
const OVERLAPS_MAX = DEPTH_MAX;
/** What is read in vain, of each kind of string, for those that never end: some 50 ms (measured). */
const VAIN_CHARS_MAX = 16 * 1024 ** 2;
const NAME_MAX = 300;

/** A test's name behind those of the groups around it, outermost first. */
export const joinNames = (names: readonly string[]): string =>
  names.map((name) => name.slice(0, NAME_MAX)).join(" > ");

/** How a kind begins, what follows, and whether it ends with its line. */
type Syntax = readonly [opener: string, rest: string, isOneLine?: boolean];

const { raw } = String;
const LINE_COMMENT: Syntax = ["//", raw`[^\n]*`];
const BLOCK_COMMENT: Syntax = [raw`/\*`, raw`[^]*?(?:\*/|(?![^]))`];
const HASH_COMMENT: Syntax = ["#", raw`[^\n]*`];
/** Not in `$#` or `${#list}`. */
const WORD_COMMENT: Syntax = [raw`(?<=^|[\s;&|()])#`, raw`[^\n]*`];
const DOUBLE: Syntax = ['"', raw`(?:\\[^]|[^"\\\n])*"`, true];
const DOUBLE_LONG: Syntax = ['"', raw`(?:\\[^]|[^"\\])*"`];
const SINGLE: Syntax = ["'", raw`(?:\\[^]|[^'\\\n])*'`, true];
const SINGLE_LONG: Syntax = ["'", raw`(?:\\[^]|[^'\\])*'`];
const THREE_DOUBLE: Syntax = ['"""', raw`[^]*?"""`];
const THREE_SINGLE: Syntax = ["'''", raw`[^]*?'''`];
/** A string within an insertion within a template is as deep as it goes. */
const TEMPLATE: Syntax = [
  "`",
  "(?:\\\\[^]|\\$\\{(?:[^{}`]|`(?:\\\\[^]|[^`\\\\])*`|\\{[^{}]*\\})*\\}|(?!\\$\\{)[^`\\\\])*`",
];
/** A slash that cannot mean a division. */
const REGEXP: Syntax = [
  raw`/(?![*/])(?<=(?:^|[(,=:[!&|?{};+\-*%~^<>\n]|\b(?:return|typeof|case|of|in))[ \t]*/)`,
  raw`(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+/`,
  true,
];

/** By language: what is a comment, and what is a string. */
const SYNTAX: Readonly<Record<TestLanguage, readonly [readonly Syntax[], readonly Syntax[]]>> = {
  javascript: [[LINE_COMMENT, BLOCK_COMMENT], [DOUBLE, SINGLE, TEMPLATE, REGEXP]],
  python: [[HASH_COMMENT], [THREE_DOUBLE, THREE_SINGLE, DOUBLE, SINGLE]],
  go: [[LINE_COMMENT, BLOCK_COMMENT], [DOUBLE, SINGLE, ["`", "[^`]*`"]]],
  rust: [
    [LINE_COMMENT, BLOCK_COMMENT],
    [
      [raw`\br(?<hashes>#*)"`, raw`[^]*?"\k<hashes>`],
      DOUBLE_LONG,
      ["'", raw`(?:\\[^']+|[^'\\])'`],
    ],
  ],
  jvm: [[LINE_COMMENT, BLOCK_COMMENT], [THREE_DOUBLE, DOUBLE, SINGLE]],
  csharp: [
    [LINE_COMMENT, BLOCK_COMMENT],
    [THREE_DOUBLE, ['@"', raw`(?:[^"]|"")*"`], DOUBLE, SINGLE],
  ],
  ruby: [[["^=begin", "[^]*?^=end"], HASH_COMMENT], [DOUBLE_LONG, SINGLE_LONG]],
  php: [
    [LINE_COMMENT, [raw`#(?!\[)`, raw`[^\n]*`], BLOCK_COMMENT],
    [DOUBLE_LONG, SINGLE_LONG],
  ],
  shell: [[WORD_COMMENT], [DOUBLE_LONG, SINGLE_LONG]],
};

/** One kind of comment or string. */
interface Kind {
  readonly isString: boolean;
  /** How it begins, and all of it: both are sticky. */
  readonly opener: RegExp;
  readonly whole: RegExp;
  readonly isOneLine: boolean;
}

const KINDS = new Map<TestLanguage, readonly Kind[]>();
/** What a comment or a string of any language can begin with. */
const FIRST_SIGN = /["'`/#@=]|\br(?=#*")/g;

/** Blanks what is no code in this language. Of a string its first and last sign stay. */
export function openTestSource(text: string, language: TestLanguage): TestSource {
  const code = codeOf(text, kindsOf(language));
  let brackets: ReadonlyMap<number, number> | undefined;
  let left = OVERLAPS_MAX * text.length;
  return {
    text,
    code,
    closing: (open) => (brackets ??= matchBrackets(code)).get(open) ?? code.length,
    statements: placesOf(code, /[;{}]/g),
    blocks: placesOf(code, /[;{]/g),
    part(start, end) {
      left -= Math.max(0, end - start);
      if (left < 0) return { start, body: "", code: "" };
      return { start, body: text.slice(start, end), code: code.slice(start, end) };
    },
  };
}

/**
 * One pass over the text, rather than one pattern for all kinds: what begins a string that never ends
 * would be looked through to the end of the text again and again.
 */
function codeOf(text: string, kinds: readonly Kind[]): string {
  const vain = new Map<Kind, number>();
  const pieces: string[] = [];
  let from = 0;
  FIRST_SIGN.lastIndex = 0;
  for (let sign = FIRST_SIGN.exec(text); sign; sign = FIRST_SIGN.exec(text)) {
    const { index } = sign;
    for (const kind of kinds) {
      const spent = vain.get(kind) ?? 0;
      if (spent > VAIN_CHARS_MAX || !matchAt(kind.opener, text, index)) continue;
      const found = matchAt(kind.whole, text, index)?.[0];
      if (found !== undefined) {
        pieces.push(text.slice(from, index), blanked(found, kind));
        from = FIRST_SIGN.lastIndex = index + found.length;
        break;
      }
      const lineEnd = kind.isOneLine ? text.indexOf("\n", index) : -1;
      vain.set(kind, spent + (lineEnd < 0 ? text.length : lineEnd) - index);
    }
  }
  return pieces.join("") + text.slice(from);
}

function matchAt(sticky: RegExp, text: string, index: number): RegExpExecArray | null {
  sticky.lastIndex = index;
  return sticky.exec(text);
}

const blanked = (found: string, { isString }: Kind) =>
  !isString || found.length < 2
    ? blank(found)
    : found[0] + blank(found.slice(1, -1)) + found[found.length - 1];

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

function kindsOf(language: TestLanguage): readonly Kind[] {
  const known = KINDS.get(language);
  if (known) return known;
  const [comments, strings] = SYNTAX[language];
  const sticky = (pattern: string) => new RegExp(pattern, "my");
  const kinds = [...comments, ...strings].map(([opener, rest, isOneLine = false], i): Kind => ({
    isString: i >= comments.length,
    opener: sticky(opener),
    whole: sticky(opener + rest),
    isOneLine,
  }));
  KINDS.set(language, kinds);
  return kinds;
}
