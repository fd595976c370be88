/** From what a person typed to a task: `my-feature`, `tasks/my-feature`, `.`, a path to its PRD. */
import * as path from "node:path";
import { type Hint, RalphError } from "../error.ts";
import { plain } from "../terminal/plain.ts";
import { checkTaskName, isPlainWord, taskNameProblem } from "./name.ts";
import { nearest } from "./nearest.ts";

const TASKS = "tasks";
/** What makes a folder a task. The first PRD that is there is the one that counts. */
const TASK_FILES: readonly string[] = ["prd.json", "prd.md", "prompt.md"];
const FOLDER_HINT: Hint = {
  text: `a task is a folder with its PRD in it: \`${TASKS}/<name>/prd.md\``,
};
/** Names listed in a hint: more do not help, and there can be hundreds. */
const LISTED_MAX = 12;
const SHOWN_MAX = 200;

/** The file system as this room sees it. Paths are absolute. */
export interface Tree {
  /** The path with every link followed; undefined when it does not exist. */
  realPath(path: string): string | undefined;
  /** Of what the path leads to, links followed; undefined for neither, or when it does not exist. */
  kind(path: string): "file" | "directory" | undefined;
  /** The names in a folder, in any order; none when it cannot be read. */
  list(path: string): readonly string[];
}

export interface Task {
  /** The folder's name. */
  name: string;
  /** Real path of the folder. */
  dir: string;
  /** Real path of the folder's git root; in a worktree that of the worktree. */
  projectRoot: string;
  /** Real path of `prd.json`, else of `prd.md`. */
  prdPath?: string;
  /** Real path of `prompt.md`. */
  promptPath?: string;
}

/**
 * The task that `argument` means. A name without `/` is a folder in `tasks/` at the git root of
 * `cwd`, and nothing else. Anything else is a path to the folder or to its PRD, from `cwd` or else
 * from the git root. Throws `RalphError`: `usage` for what cannot be a task, `not_found` else.
 */
export function findTask(argument: string, options: { cwd: string; tree: Tree }): Task {
  const isPath = argument.includes("/") || argument === "." || argument === "..";
  return isPath ? findByPath(argument, options) : findByName(argument, options);
}

/**
 * The tasks of a project, sorted by name: the folders in `tasks/` with a PRD or a `prompt.md`. A
 * folder whose name cannot be a task's is left out, and one reached by two names comes once.
 */
export function listTasks(projectRoot: string, tree: Tree): readonly Task[] {
  const tasks = new Map<string, Task>();
  const once = listingOnce(tree);
  for (const name of once.list(path.join(projectRoot, TASKS))) {
    const task = inspect(path.join(projectRoot, TASKS, name), once);
    if (!(task instanceof RalphError)) tasks.set(task.dir, task);
  }
  return [...tasks.values()].toSorted((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

/** Reads each folder once: all tasks of a project look for their git root in the same ones. */
function listingOnce(tree: Tree): Tree {
  const lists = new Map<string, readonly string[]>();
  return {
    ...tree,
    list(folder) {
      const names = lists.get(folder) ?? tree.list(folder);
      lists.set(folder, names);
      return names;
    },
  };
}

/**
 * The git root that holds `start`, as a real path; undefined outside of git. `.git` is a file in a
 * worktree and in a submodule; git takes no folder `.git` without a `HEAD` in it (git 2.39,
 * measured).
 */
export function findProjectRoot(start: string, tree: Tree): string | undefined {
  let folder = tree.realPath(start);
  while (folder !== undefined) {
    if (tree.list(folder).includes(".git") && isGitRoot(folder, tree)) return folder;
    const parent = path.dirname(folder);
    folder = parent === folder ? undefined : parent;
  }
  return undefined;
}

function isGitRoot(folder: string, tree: Tree): boolean {
  const dotGit = path.join(folder, ".git");
  const kind = tree.kind(dotGit);
  return kind === "file" || kind === "directory" && tree.list(dotGit).includes("HEAD");
}

function findByName(name: string, { cwd, tree }: { cwd: string; tree: Tree }): Task {
  checkTaskName(name);
  const root = findProjectRoot(cwd, tree);
  if (root === undefined) throw notInGit(`task \`${plain(name)}\``, cwd);

  // The name is compared, never put into a path: only what is listed in tasks/ can be opened.
  const folder = path.join(root, TASKS);
  const entries = tree.list(folder);
  const alike = entries.filter((entry) => entry.normalize("NFC") === name.normalize("NFC"));
  const entry = entries.includes(name) ? name : alike.length === 1 ? alike[0] : undefined;
  if (entry !== undefined) return orThrow(inspect(path.join(folder, entry), tree));

  const tasks = listTasks(root, tree);
  // A link's task is listed by the name of the folder that it leads to.
  const linked = tasks.find((task) => task.name === name);
  if (linked) return linked;
  const reason = tree.kind(folder) === "directory"
    ? `there is no such folder in ${plain(folder, SHOWN_MAX)}`
    : `there is no folder \`${TASKS}/\` in ${plain(root, SHOWN_MAX)}`;
  throw notFound(`task \`${plain(name)}\``, { reason, name, tasks });
}

function findByPath(argument: string, { cwd, tree }: { cwd: string; tree: Tree }): Task {
  const shown = plain(argument, SHOWN_MAX);
  if (argument.includes("\0")) {
    throw new RalphError("usage", `\`${shown}\` cannot be a path: it holds a NUL character`);
  }
  const root = findProjectRoot(cwd, tree);
  const places = [path.resolve(cwd, argument)];
  if (root !== undefined) places.push(path.resolve(root, argument));
  const found = places
    .filter((place) => tree.kind(place) !== undefined)
    .map((place) => tree.kind(place) === "file" ? inspectFile(place, tree) : inspect(place, tree));
  const task = found.find((one) => !(one instanceof RalphError)) ?? found.at(0);
  if (task) return orThrow(task);
  throw notFound(`task at \`${shown}\``, {
    reason: "there is no such file or folder",
    name: path.basename(argument),
    tasks: root === undefined ? [] : listTasks(root, tree),
  });
}

/** The task that this file is the PRD or the prompt of, or why it is not. */
function inspectFile(file: string, tree: Tree): Task | RalphError {
  const task = inspect(path.dirname(file), tree);
  const isTask = !(task instanceof RalphError);
  const real = tree.realPath(file);
  if (isTask && (real === task.prdPath || real === task.promptPath)) return task;
  if (!isTask && TASK_FILES.includes(path.basename(file).toLowerCase())) return task;
  return new RalphError("usage", `${plain(file, SHOWN_MAX)} is not the PRD of a task`, [
    isTask && task.prdPath !== undefined
      ? { text: `the PRD beside it is ${plain(task.prdPath, SHOWN_MAX)}` }
      : FOLDER_HINT,
  ]);
}

/** The task in a folder that exists, or why there is none. */
function inspect(folder: string, tree: Tree): Task | RalphError {
  const dir = tree.realPath(folder);
  const shown = plain(folder, SHOWN_MAX);
  if (dir === undefined || tree.kind(dir) !== "directory") {
    return new RalphError("usage", `${shown} is no folder, and a task is one`, [
      FOLDER_HINT,
    ]);
  }
  const entries = tree.list(dir);
  const [json, markdown, promptPath] = TASK_FILES.map((file) =>
    fileIn({ dir, entries }, file, tree)
  );
  const prdPath = json ?? markdown;
  if (prdPath === undefined && promptPath === undefined) {
    return new RalphError(
      "not_found",
      `there is no task in ${shown}: it has no \`prd.json\`, no \`prd.md\` and no \`prompt.md\``,
      [
        { text: "write its user stories into a `prd.md` in that folder" },
        { text: "see how to begin with a PRD to fill in", command: "ralph new --help" },
      ],
    );
  }
  const name = path.basename(dir);
  const problem = taskNameProblem(name);
  if (problem !== undefined) {
    return new RalphError("usage", `${shown} cannot be a task because of its name: ${problem}`, [
      { text: "rename the folder" },
    ]);
  }
  const projectRoot = findProjectRoot(dir, tree);
  if (projectRoot === undefined) return notInGit(`task \`${name}\``, dir);
  return { name, dir, projectRoot, prdPath, promptPath };
}

/** Real path of the file of that name, in whatever letter case: people write `PRD.md` too. */
function fileIn(
  { dir, entries }: { dir: string; entries: readonly string[] },
  name: string,
  tree: Tree,
): string | undefined {
  const alike = entries.filter((entry) => entry.toLowerCase() === name);
  const entry = alike.includes(name) ? name : alike.toSorted().at(0);
  if (entry === undefined) return undefined;
  const file = path.join(dir, entry);
  return tree.kind(file) === "file" ? tree.realPath(file) : undefined;
}

function orThrow(found: Task | RalphError): Task {
  if (found instanceof RalphError) throw found;
  return found;
}

function notInGit(what: string, where: string): RalphError {
  return new RalphError(
    "not_found",
    `cannot find the project of ${what}: ${plain(where, SHOWN_MAX)} is not in a git repository`,
    [{ text: "to make the folder you are in one", command: "git init" }],
  );
}

function notFound(
  what: string,
  { reason, name, tasks }: { reason: string; name: string; tasks: readonly Task[] },
): RalphError {
  const names = tasks.map((task) => task.name);
  const near = nearest(name, names);
  const listed = names.slice(0, LISTED_MAX).join(", ");
  const more = names.length > LISTED_MAX ? ` and ${names.length - LISTED_MAX} more` : "";
  const hints: Hint[] = [];
  if (near !== undefined) hints.push({ text: `did you mean \`${near}\`?` });
  if (names.length > 0) hints.push({ text: `tasks here: ${listed}${more}` });
  if (near === undefined && isPlainWord(name)) {
    hints.push({ text: "to begin a task of that name", command: `ralph new ${name}` });
  }
  return new RalphError("not_found", `cannot find the ${what}: ${reason}`, hints);
}
