/** Which files a list of globs means, as in a `.gitignore`: later ones win, `!` takes files out. */
// @ts-types="@types/picomatch"
import picomatch from "picomatch";
import { RalphError } from "../error.ts";
import { plain } from "../terminal/plain.ts";

const OPTIONS: picomatch.PicomatchOptions = {
  dot: true,
  // `[!a]` and `[[:digit:]]`
  posix: true,
  keepQuotes: true,
  nonegate: true,
  // `a/**` is not `a`
  strictSlashes: true,
  // These two throw for what would mean something else, or nothing, without a word.
  strictBrackets: true,
  debug: true,
  windows: false,
  // a file's name may hold a line break
  flags: "s",
  expandRange() {
    throw new Error("`{a..b}` is no range here: name each, as in `{a,b}`");
  },
};

/**
 * A test for paths relative to the project root. `*` and `?` stay within a name, `**` spans folders,
 * `[…]` is one character of a set, `{a,b}` one of several, and `@(a|b)`, `?(a)`, `*(a)` and `+(a)`
 * are known. A glob without `/` means that name in any folder, one that begins with `/` stands at the
 * project root, and one that names a folder means all that is in it. Answers undefined for a path
 * that no glob says anything of. Throws `RalphError` (`usage`) for one that has a `globProblem`.
 */
export function globMatcher(globs: readonly string[]): (path: string) => boolean | undefined {
  const rules = globs.map((glob) => {
    const problem = globProblem(glob);
    if (problem !== undefined) {
      throw new RalphError("usage", `\`${plain(glob, 80)}\` of \`protect\` must be ${problem}`);
    }
    return { takesOut: glob.startsWith("!"), patterns: globPatterns(glob) };
  });
  return (path) => {
    const rule = rules.findLast(({ patterns }) => patterns.some((one) => one.test(path)));
    return rule && !rule.takesOut;
  };
}

/** What a glob that cannot be used must be instead, to complete `must be …`; undefined for others. */
export function globProblem(glob: string): string | undefined {
  const segments = glob.replace(/^!/, "").split("/");
  if (segments.every((one) => one === "" || one === ".")) return "a glob that names something";
  if (segments.includes("..")) return "a glob without `..`";
  try {
    globPatterns(glob);
    return undefined;
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    // The regular expression that the glob becomes says nothing to who wrote the glob.
    const why = said.replace(/^Invalid regular expression: \/.*\/\w*: /s, "");
    return `a well-formed glob (${plain(why, 200)})`;
  }
}

/** Whether a glob is the name of one file: then it is that file's absence too that is protected. */
export function isLiteral(glob: string): boolean {
  return !/[*?[\]{}!\\]|[@+]\(/.test(glob) && !glob.endsWith("/");
}

/** For what the glob names, and for what is in it. Throws when it is malformed. */
function globPatterns(glob: string): readonly RegExp[] {
  const named = glob.replace(/^!/, "");
  const anchored = named.replace(/^\.?\//, "");
  const body = anchored.replace(/\/$/, "");
  const inAnyFolder = anchored === named && !body.includes("/");
  const whole = (inAnyFolder ? "**/" : "") + withoutExpressions(body);
  return [whole, `${whole}/**`].map((one) => picomatch.makeRe(one, OPTIONS));
}

/** picomatch takes `|` and bare parentheses for parts of an expression: `(group)/a.ts` is a path. */
function withoutExpressions(glob: string): string {
  const open: boolean[] = [];
  return glob.replaceAll(/\\[^]|\[(?:\\[^]|[^\]\\])+\]|[?*+@!]?\(|[)|\\]/g, (found) => {
    if (found === ")") return open.pop() ? found : `\\${found}`;
    if (found === "|") return open.at(-1) ? found : `\\${found}`;
    if (found === "\\") return "\\\\";
    if (found.startsWith("\\") || !found.endsWith("(")) return found;
    // picomatch 4.0.7 leaves out all that begins with the name: `!(data)/a` misses `database/a`
    if (found === "!(") throw new Error("`!(…)` is not known: take files out with a `!glob` after");
    const isGroup = found !== "(";
    open.push(isGroup);
    return isGroup ? found : `\\${found}`;
  });
}
