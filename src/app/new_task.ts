/** Where a new task goes, and how its PRD gets there. */
import * as path from "node:path";
import { RalphError } from "../error.ts";
import { createFile } from "../host/files/atomic_write.ts";
import { fileExists } from "../host/files/read_file.ts";
import { systemTree } from "../host/files/system_tree.ts";
import { whyNotWritten } from "../host/files/why_not_written.ts";
import { findProjectRoot, listTasks } from "../task/find.ts";
import { checkTaskName } from "../task/name.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import type { Context } from "./context.ts";

/** The root of the project that the person is in. Throws `RalphError`: `what` cannot be done outside of one. */
export function rootForNewTask({ cwd }: Pick<Context, "cwd">, what: string): string {
  const root = findProjectRoot(cwd(), systemTree);
  if (root !== undefined) return root;
  throw new RalphError(
    "not_found",
    `cannot ${what}: ${plain(cwd(), 200)} is not in a git repository`,
    [{ text: "to make the folder you are in one", command: "git init" }],
  );
}

/** The folder that the task gets, and the project's root. Throws `RalphError` where it can have none. */
export function newTaskPlace(
  context: Pick<Context, "cwd">,
  name: string,
): { root: string; folder: string } {
  checkTaskName(name);
  const root = rootForNewTask(context, `make the task \`${name}\``);
  const files = listTasks(root, systemTree).flatMap((task) => [task, ...task.copies ?? []]);
  const other = files.find((file) => file.name === name && file.dir === file.prdPath);
  if (other !== undefined) {
    throw new RalphError(
      "conflict",
      `cannot make the task \`${name}\`: ${plain(other.dir, 200)} is one of that name`,
      [{ text: "run it", command: `ralph run ${shellWord(name)}` }],
    );
  }
  const tasks = path.join(root, "tasks");
  requireFolder(tasks);
  const folder = path.join(tasks, name);
  if (systemTree.kind(folder) !== undefined) throw isThere(name, folder);
  return { root, folder };
}

/** Throws `RalphError` (`conflict`) for what is there and is no folder, such as a link that leads nowhere. */
export function requireFolder(tasks: string): void {
  if (systemTree.kind(tasks) === "directory" || !fileExists(tasks)) return;
  throw new RalphError("conflict", `cannot make a task: ${plain(tasks, 200)} is no folder`, [
    { text: "see what it is", command: `ls -ld ${shellWord(tasks)}` },
  ]);
}

const isThere = (name: string, folder: string) =>
  new RalphError("conflict", `cannot make the task \`${name}\`: ${folder} exists`, [
    { text: "see what is in it", command: `ls ${shellWord(folder)}` },
  ]);

/** Makes the task's folder, and writes its PRD. Throws `RalphError`; nothing half-made is left then. */
export function writeNewTask(prd: string, { name, text }: { name: string; text: string }): void {
  const folder = path.dirname(prd);
  const tasks = path.dirname(folder);
  const made: string[] = [];
  try {
    if (!fileExists(tasks)) {
      Deno.mkdirSync(tasks, { recursive: true });
      made.push(tasks);
    }
    Deno.mkdirSync(folder);
    made.push(folder);
    createFile(prd, new TextEncoder().encode(text), { mode: 0o666 & ~Deno.umask() });
  } catch (error) {
    for (const one of made.toReversed()) removeIfEmpty(one);
    if (error instanceof Deno.errors.AlreadyExists) throw isThere(name, folder);
    const reason = error instanceof Error ? error.message : String(error);
    throw new RalphError("failed", `cannot make the task \`${name}\`: ${plain(reason, 300)}`, [
      whyNotWritten(folder, error),
    ]);
  }
}

/** Whoever has put something there meanwhile keeps it. */
function removeIfEmpty(folder: string): void {
  try {
    Deno.removeSync(folder);
  } catch {
    // It stays.
  }
}
