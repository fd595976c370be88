/** What people type for a command of another name. Pure: the start path loads it. */

const NAMES: Readonly<Record<string, string>> = { ls: "tasks", start: "run", pause: "checkpoint" };

/** For the list of commands. */
export const OTHER_NAMES =
  "Other names: ls (tasks), start (run), pause (checkpoint), version (--version),\n" +
  "help <command> (<command> --help)";

/** Words that may mean several things, or more than they say: suggested, and never taken for it. */
const LIKELY: Readonly<Record<string, string>> = {
  update: "upgrade",
  list: "tasks",
  kill: "stop",
  cancel: "stop",
  halt: "stop",
  continue: "run",
  log: "logs",
  tail: "logs",
  check: "doctor",
  setup: "init",
  ps: "status",
  top: "watch",
  create: "new",
  add: "new",
  rm: "clean",
  remove: "clean",
  delete: "clean",
  test: "verify",
};

/** The command that somebody who typed this word had in mind; undefined where nobody knows. */
export const likely = (word: string): string | undefined =>
  Object.hasOwn(LIKELY, word) ? LIKELY[word] : undefined;

/** The command line that is meant. */
export function meant([first, ...rest]: readonly string[]): readonly string[] {
  switch (first) {
    case undefined:
      return [];
    case "help":
      return [...meant(rest), "--help"];
    case "version":
    case "-v":
      return ["--version", ...rest];
    case "__complete": {
      // the last word is not whole yet
      const [dashes, ...words] = rest;
      const [name, ...after] = words;
      if (dashes !== "--" || name === undefined) return [first, ...rest];
      if (name === "help" && after.length === 1) return [first, dashes, ...after];
      return [first, dashes, ...words.length > 1 && name !== "help" ? meant(words) : words];
    }
    case "resume": {
      // alone it is the command of a machine that has booted; with a task it is a person's
      const [task] = rest;
      return task !== undefined && !task.startsWith("-")
        ? ["run", "--resume", ...rest]
        : [first, ...rest];
    }
    default:
      return [Object.hasOwn(NAMES, first) ? NAMES[first] : first, ...rest];
  }
}
