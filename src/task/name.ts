import { RalphError } from "../error.ts";
import { plain } from "../terminal/plain.ts";

/** NAME_MAX of Linux, in bytes (`limits.h`). */
const NAME_BYTES_MAX = 255;
const SHOWN_MAX = 80;

/**
 * Throws `RalphError` (`usage`) for a name that cannot be a task's: a task is one folder, and its
 * name is printed, typed and compared by people. Everything else that a folder can be called is
 * allowed, spaces and emoji too.
 */
export function checkTaskName(name: string): void {
  const problem = taskNameProblem(name);
  if (!problem) return;
  throw new RalphError(
    "usage",
    `\`${plain(name, SHOWN_MAX)}\` cannot be a task's name: ${problem}`,
    [
      { text: "a name is that of a folder in `tasks/`, such as `my-feature`" },
    ],
  );
}

/** Whether the name needs no quotes in any shell, so that a hint may hold it as a command. */
export function isPlainWord(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name);
}

/** Why the name cannot be a task's, as the end of a sentence; undefined when it can. */
export function taskNameProblem(name: string): string | undefined {
  if (name.trim() === "") return "it is empty";
  if (new TextEncoder().encode(name).length > NAME_BYTES_MAX) {
    return `it is longer than ${NAME_BYTES_MAX} bytes`;
  }
  if (plain(name) !== name) return "it holds control characters or invisible ones";
  if (name === "." || name === "..") return "it stands for another folder";
  if (name.includes("/")) return "it holds a `/`";
  if (name.startsWith("-")) return "it begins with `-`, as an option does";
  return undefined;
}
