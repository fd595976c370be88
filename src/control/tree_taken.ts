import { RalphError } from "../error.ts";
import type { Task } from "../task/task_files.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";

/**
 * The error for a task whose working tree another task's session has: each would commit the other's
 * half-done work, and move the branch under its feet. `other`: undefined where nothing says which.
 */
export function treeTaken(
  { name, projectRoot: root }: Task,
  other: { task: string; taskDir: string; who: string } | undefined,
): RalphError {
  const who = other === undefined
    ? "another task"
    : `\`${plain(other.task, 80)}\` (${plain(other.who, 80)})`;
  return new RalphError(
    "conflict",
    `cannot start \`${name}\`: ${who} is at work in the same working tree, ${plain(root, 200)}`,
    [
      ...other === undefined ? [] : [
        { text: "see what it does", command: `ralph status ${shellWord(other.taskDir)}` },
        { text: "wait until it has ended", command: `ralph wait ${shellWord(other.taskDir)}` },
        {
          text: "or run this one after it",
          command: `ralph run ${shellWord(other.taskDir)} ${shellWord(name)}`,
        },
        { text: "or stop it", command: `ralph stop ${shellWord(other.taskDir)}` },
      ],
      {
        text: "or work beside it, in a working tree of its own",
        command: `ralph run ${shellWord(name)} --worktree`,
      },
    ],
  );
}
