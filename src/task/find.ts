/** From what a person typed to a task: `my-feature`, `tasks/my-feature`, `.`, a path to its PRD. */
import * as path from "node:path";
import { type Hint, RalphError } from "../error.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { AmbiguousTask } from "./ambiguous_task.ts";
import { UnusableTask } from "./unusable_task.ts";
import { checkTaskName, isPlainWord } from "./name.ts";
import {
  inspect,
  inspectFile,
  isPrdName,
  listPlaces,
  LOOKED_IN,
  nameOfFile,
  notInGit,
  SHOWN_MAX,
  TASKS,
  type Tree,
} from "./places.ts";
import { callName, type Task } from "./task_files.ts";
import { didYouMean } from "./did_you_mean.ts";

/** Names listed in a hint: more do not help, and there can be hundreds. */
const LISTED_MAX = 12;

interface FindOptions {
  cwd: string;
  tree: Tree;
  /** Where that is known already: a real path to a task does not tell by which way one came. */
  projectRoot?: string;
}

/**
 * The task that `argument` means. A name without `/` is that of a task in the places of the project of
 * `cwd` (`places.ts`). Anything else is a path to its folder or to its PRD, from `cwd` or else from the
 * git root. Throws `RalphError`: `usage` for what cannot be a task, `not_found` else.
 */
export function findTask(argument: string, options: FindOptions): Task {
  return isPath(argument, options) ? findByPath(argument, options) : findByName(argument, options);
}

/** Whether `findTask` takes it for a path: that means the task there, and no other of its name. */
export function isPath(
  argument: string,
  { cwd, tree }: Pick<FindOptions, "cwd" | "tree">,
): boolean {
  return argument.includes("/") || argument === "." || argument === ".." ||
    (isPrdName(argument) || /\.ya?ml$/i.test(argument)) && !argument.includes("\0") &&
      tree.kind(path.resolve(cwd, argument)) === "file";
}

/** The tasks of a project, sorted by name, each once. */
export function listTasks(projectRoot: string, tree: Tree): readonly Task[] {
  return listPlaces(projectRoot, tree).tasks;
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

function findByName(name: string, { cwd, tree }: FindOptions): Task {
  checkTaskName(name);
  const root = findProjectRoot(cwd, tree);
  if (root === undefined) {
    const { kind, message, hints } = notInGit(`task \`${plain(name)}\``, cwd, tree);
    const isHere = taskBelow(cwd, name, tree) !== undefined;
    throw new (isHere ? UnusableTask : RalphError)(kind, message, hints);
  }
  try {
    return findIn(root, name, tree);
  } catch (error) {
    const isMissing = error instanceof RalphError && error.kind === "not_found";
    throw isMissing && unusable(name, { cwd, root, tree }) || error;
  }
}

/** The task of that name which would be one if that folder were a git root. */
function taskBelow(folder: string, name: string, tree: Tree): Task | undefined {
  try {
    return findIn(folder, name, tree);
  } catch (error) {
    if (error instanceof RalphError) return undefined;
    throw error;
  }
}

/** Where a task of that name is in a folder between `cwd` and the git root, in which none is looked for. */
function unusable(
  name: string,
  { cwd, root, tree }: { cwd: string; root: string; tree: Tree },
): RalphError | undefined {
  for (let up = tree.realPath(cwd) ?? root; up !== root; up = path.dirname(up)) {
    const task = taskBelow(up, name, tree);
    if (task === undefined) continue;
    const shown = plain(root, SHOWN_MAX);
    return new UnusableTask(
      "not_found",
      `cannot find the task \`${plain(name)}\`: ${
        plain(task.dir, SHOWN_MAX)
      } is not where tasks are looked for, which is the git root ${shown}`,
      [
        {
          text: `to run it by its path; the settings are those of ${shown}`,
          command: `ralph run ${shellWord(task.dir)}`,
        },
      ],
    );
  }
  return undefined;
}

/** The task of that name in the project. Throws `RalphError` as `findTask` does. */
function findIn(root: string, name: string, tree: Tree): Task {
  // The name is compared, never put into a path: only what is listed can be opened.
  const { tasks, refused } = listPlaces(root, tree);
  const folder = path.join(root, TASKS);
  const entries = tree.list(folder);
  const same = (one: string) => one.normalize("NFC") === name.normalize("NFC");
  const alike = entries.filter(same);
  const entry = entries.includes(name) ? name : alike.length === 1 ? alike[0] : undefined;
  const place = entry === undefined ? undefined : path.join(folder, entry);
  const real = place === undefined ? undefined : tree.realPath(place);
  // a link has the name of what it leads to, and can be called by its own
  const links = entries.filter((one) => isPrdName(one) && same(nameOfFile(one)))
    .map((one) => tree.realPath(path.join(folder, one)));
  const named = tasks.filter(({ dir, name: other }) =>
    dir === real || other === (entry ?? name) || links.includes(dir)
  );
  if (named.length === 1) return named[0];
  if (named.length > 1) throw severalOf(name, named);
  const byFile = tasks.filter((task) => task.prdPath && same(path.parse(task.prdPath).name));
  if (byFile.length === 1) return byFile[0];
  if (byFile.length > 1) throw severalOf(name, byFile);
  const byCopy = tasks.filter(({ dir, copies = [] }) =>
    copies.some((copy) =>
      copy.dir !== dir && (same(copy.name) || same(path.parse(copy.prdPath).name))
    )
  );
  if (byCopy.length === 1) return byCopy[0];
  if (byCopy.length > 1) throw severalOf(name, byCopy);
  if (place !== undefined && !isPrdName(name)) {
    return orThrow(inspect(place, { tree, projectRoot: root }));
  }
  const bad = refused.find((one) => same(one.name) || same(path.parse(one.name).name));
  if (bad) throw bad.error;
  const reason = tree.kind(folder) === "directory"
    ? `there is no such folder in ${plain(folder, SHOWN_MAX)}`
    : `there is no folder \`${TASKS}/\` in ${plain(root, SHOWN_MAX)}`;
  throw notFound(`task \`${plain(name)}\``, { reason, name, isNamed: true, tasks, entries });
}

function severalOf(name: string, tasks: readonly Task[]): RalphError {
  const candidates = tasks.map(({ dir, projectRoot }) => {
    const place = path.relative(projectRoot, dir);
    return { path: place.includes("/") ? place : `./${place}` };
  });
  return new AmbiguousTask(`\`${plain(name)}\``, candidates, name);
}

function findByPath(argument: string, { cwd, tree, projectRoot }: FindOptions): Task {
  const shown = plain(argument, SHOWN_MAX);
  if (argument.includes("\0")) {
    throw new RalphError("usage", `\`${shown}\` cannot be a path: it holds a NUL character`);
  }
  const root = findProjectRoot(cwd, tree);
  const places = [path.resolve(cwd, argument)];
  if (root !== undefined) places.push(path.resolve(root, argument));
  const found = places
    .filter((place) => tree.kind(place) !== undefined)
    .map((place) => {
      const isFile = tree.kind(place) === "file";
      const folder = isFile ? path.dirname(place) : place;
      const at = { tree, projectRoot: projectRoot ?? projectOf(folder, { root, tree }) };
      return isFile ? inspectFile(place, at) : inspect(place, at);
    });
  const task = found.find((one) => !(one instanceof RalphError)) ?? found.at(0);
  if (task) return orThrow(task);
  const name = path.basename(argument);
  const isNamed = root !== undefined &&
    path.resolve(cwd, argument) === path.join(root, TASKS, name);
  throw notFound(`task at \`${shown}\``, {
    reason: "there is no such file or folder",
    name,
    isNamed,
    tasks: root === undefined ? [] : listTasks(root, tree),
    entries: root === undefined ? [] : tree.list(path.join(root, TASKS)),
  });
}

/**
 * The project of a task's folder, by the way that leads there: the one in whose `tasks/` it is, else the
 * innermost of those that one stands in (`root`), else the one that it really is in.
 */
function projectOf(
  folder: string,
  { root, tree }: { root: string | undefined; tree: Tree },
): string | undefined {
  const tasks = path.dirname(folder);
  if (path.basename(tasks) === TASKS) {
    const project = tree.realPath(path.dirname(tasks));
    if (project !== undefined && findProjectRoot(project, tree) === project) return project;
  }
  if (root !== undefined) {
    for (let up = folder; `${up}/`.startsWith(`${root}/`); up = path.dirname(up)) {
      if (tree.realPath(up) === up) return findProjectRoot(up, tree);
    }
  }
  return findProjectRoot(folder, tree);
}

function orThrow(found: Task | RalphError): Task {
  if (found instanceof RalphError) throw found;
  return found;
}

function notFound(
  what: string,
  { reason, name, isNamed, tasks, entries }: {
    /** The names in `tasks/`. */
    entries: readonly string[];
    reason: string;
    name: string;
    /** `ralph new` would make it there. */
    isNamed: boolean;
    tasks: readonly Task[];
  },
): RalphError {
  const names = tasks.map((task) => callName(task, tasks));
  const near = didYouMean(name, names);
  const listed = names.slice(0, LISTED_MAX).join(", ");
  const more = names.length > LISTED_MAX ? ` and ${names.length - LISTED_MAX} more` : "";
  const hints: Hint[] = [];
  if (near !== undefined) hints.push({ text: `did you mean \`${near}\`?` });
  if (names.length > 0) hints.push({ text: `tasks here: ${listed}${more}` });
  const taken = entries.find((entry) => nameOfFile(entry) === name);
  if (taken !== undefined) {
    hints.push({
      text: `${plain(path.join(TASKS, taken), SHOWN_MAX)} is there, and has no user stories`,
    });
  } else if (near === undefined && isNamed && isPlainWord(name)) {
    hints.push({ text: "to begin a task of that name", command: `ralph new ${shellWord(name)}` });
  }
  if (names.length === 0) hints.push({ text: `looked in: ${LOOKED_IN}` });
  return new RalphError("not_found", `cannot find the ${what}: ${reason}`, hints);
}
