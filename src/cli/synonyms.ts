/** What people type for a command of another name. Pure: the start path loads it. */

const NAMES: Readonly<Record<string, string>> = { ls: "tasks", start: "run", pause: "checkpoint" };

/** The command line that is meant. */
export function meant([first, ...rest]: readonly string[]): readonly string[] {
  switch (first) {
    case undefined:
      return [];
    case "help":
      return [...rest, "--help"];
    case "version":
    case "-v":
      return ["--version", ...rest];
    case "resume": {
      // alone it is the command of a machine that has booted; with a task it is a person's
      const [task] = rest;
      return task !== undefined && !task.startsWith("-") ? ["run", ...rest] : [first, ...rest];
    }
    default:
      return [Object.hasOwn(NAMES, first) ? NAMES[first] : first, ...rest];
  }
}
