/** Which files a list of globs means, as in a `.gitignore`: later ones win, `!` takes files out. */

/**
 * A test for paths relative to the project root. `*` and `?` stay within a name, `**` spans folders,
 * `[…]` is one character of a set, `{a,b}` one of several. A glob without `/` means that name in any
 * folder, and one that names a folder means all that is in it.
 * Answers undefined for a path that no glob says anything of.
 */
export function globMatcher(globs: readonly string[]): (path: string) => boolean | undefined {
  const rules = globs.map((glob) => {
    const takesOut = glob.startsWith("!");
    return { takesOut, pattern: globPattern(takesOut ? glob.slice(1) : glob) };
  });
  return (path) => {
    const rule = rules.findLast(({ pattern }) => pattern.test(path));
    return rule && !rule.takesOut;
  };
}

/** Whether a glob is the name of one file: then it is that file's absence too that is protected. */
export function isLiteral(glob: string): boolean {
  return !/[*?[\]{}!\\]/.test(glob) && !glob.endsWith("/");
}

function globPattern(glob: string): RegExp {
  const anchored = glob.replace(/^\.?\//, "");
  const inAnyFolder = !anchored.replace(/\/$/, "").includes("/") && anchored === glob;
  const body = anchored.replace(/\/$/, "").replaceAll(
    /(?:\*\*\/)+|\*\*|\*|\?|\[(!?)((?:\\.|[^\]\\])+)\]|\{([^{}]*)\}|\\?([^])/g,
    (found, negated, set, choices, character) => {
      if (found.startsWith("**/")) return "(?:.*/)?";
      if (found === "**") return ".*";
      if (found === "*") return "[^/]*";
      if (found === "?") return "[^/]";
      if (set !== undefined) return `[${negated ? "^" : ""}${set.replaceAll(/[[\]^\\]/g, "\\$&")}]`;
      if (choices !== undefined) return `(?:${choices.split(",").map(escaped).join("|")})`;
      return escaped(character);
    },
  );
  return new RegExp(`^${inAnyFolder ? "(?:.*/)?" : ""}${body}(?:/.*)?$`, "su");
}

const escaped = (text: string) => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
