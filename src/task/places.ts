/** Where the tasks of a project are looked for. */
import * as path from "node:path";
import { type Hint, RalphError } from "../error.ts";
import { plain } from "../terminal/plain.ts";
import { seeWhatItIs, shellWord } from "../terminal/shell_word.ts";
import { taskNameProblem } from "./name.ts";
import { parsePrd, type Prd } from "./prd.ts";
import { PRD_BYTES_MAX } from "./prd_file.ts";
import { branchEnd, copiesAmong, type TaskPrd } from "./same_work.ts";
import { besidePrd, type Task, taskFile } from "./task_files.ts";

export const TASKS = "tasks";
/** What makes a folder a task. The first PRD that is there is the one that counts. */
const TASK_FILES: readonly string[] = ["prd.json", "prd.md", "prompt.md"];
/** Folders that hold the PRD of one task, from the project root, which is one itself. */
const PRD_FOLDERS: readonly string[] = [
  "",
  "scripts/ralph",
  "ralph",
  ".ralph",
  "plans",
  ".omc",
  ".ralph-tui",
  ".claude/ralph",
];
/** Folders that hold PRDs as files, one for each task. */
const FLAT_FOLDERS: readonly string[] = [TASKS, ".agents/tasks"];
const FOLDER_HINT: Hint = {
  text: `a task is a folder with its PRD in it: \`${TASKS}/<name>/prd.md\``,
};
export const SHOWN_MAX = 200;

/** In words, for who finds nothing. */
export const LOOKED_IN =
  "tasks/<name>/prd.md (or prd.json), tasks/prd-<name>.md, tasks/<name>.md, " +
  "prd.json and prd.md at the root and in scripts/ralph, ralph, .ralph, plans, .omc, .ralph-tui and .claude/ralph, .agents/tasks/*";

/** The file system as this module sees it. Paths are absolute. */
export interface Tree {
  /** The path with every link followed; undefined when it does not exist. */
  realPath(path: string): string | undefined;
  /** Of what the path leads to, links followed; undefined for neither, or when it does not exist. */
  kind(path: string): "file" | "directory" | undefined;
  /** The names in a folder, in any order; none when it cannot be read. */
  list(path: string): readonly string[];
  /** What a file holds, up to so many bytes; undefined when it cannot be read. */
  read(path: string, maxBytes: number): Uint8Array | undefined;
}

interface Inspected {
  tree: Tree;
  /** Undefined where none is found. */
  projectRoot: string | undefined;
  /** What was read, by its real path. */
  prds?: Map<string, Prd | RalphError>;
}

/** What is found in a project. */
interface Listing {
  /** Sorted by name, each once. */
  tasks: readonly Task[];
  /** What looks like a task and cannot be one, and why. */
  refused: readonly { name: string; path: string; error: RalphError }[];
}

/** The tasks of a project, wherever one of the usual loops keeps them, and what cannot be one. */
export function listPlaces(projectRoot: string, tree: Tree): Listing {
  const tasks = new Map<string, Task>();
  const refused: Listing["refused"][number][] = [];
  const named = new Set<string>();
  const at = { tree: listingOnce(tree), projectRoot, prds: new Map<string, Prd | RalphError>() };
  for (const [place, found] of placesIn(projectRoot, at)) {
    if (!(found instanceof RalphError)) {
      tasks.set(found.dir, found);
      if (isFolderOfTasks(place, found, projectRoot)) named.add(found.dir);
    } else if (found.kind === "usage") {
      refused.push({ name: path.basename(place), path: place, error: found });
    }
  }
  const order = (a: Task, b: Task) =>
    a.name < b.name ? -1 : a.name > b.name ? 1 : a.dir < b.dir ? -1 : 1;
  const { counting, copies } = withoutCopies([...tasks.values()], named, at);
  const listed = counting.map((task): Task => ({ ...task, isListed: true }));
  return { tasks: listed.toSorted(order), refused: [...refused, ...copies] };
}

const isFolderOfTasks = (place: string, { dir, prdPath }: Task, root: string) =>
  path.dirname(place) === path.join(root, TASKS) && dir !== prdPath;

/** Tells the tasks from files that are of the same work as one of them, which then has these as `copies`. */
function withoutCopies(
  tasks: readonly Task[],
  named: ReadonlySet<string>,
  at: Inspected,
): { counting: readonly Task[]; copies: Listing["refused"] } {
  const read = (task: Task): TaskPrd[] => {
    const prd = task.prdPath === undefined ? undefined : readAt(task.prdPath, at);
    return prd && !(prd instanceof RalphError) ? [{ task, prd, isNamed: named.has(task.dir) }] : [];
  };
  const others = tasks.filter(({ dir }) => !named.has(dir)).flatMap(read);
  const names = new Set(others.flatMap(({ task, prd }) => [task.name, branchEnd(prd)]));
  // reading all of them would cost every command its time
  const alike = tasks.filter(({ dir, name }) => named.has(dir) && names.has(name)).flatMap(read);
  const copies = copiesAmong([...alike, ...others]);
  if (copies.size === 0) return { counting: tasks, copies: [] };
  const found = tasks.flatMap((task) => {
    const copy = copies.get(task.dir);
    return copy ? [{ task, ...copy }] : [];
  });
  const counting = tasks.filter(({ dir }) => !copies.has(dir)).map((task) => {
    const own = found.filter(({ of }) => of === task)
      .map(({ task: copy }) => ({ name: copy.name, dir: copy.dir, prdPath: taskFile(copy) }));
    return own.length === 0 ? task : { ...task, copies: [...task.copies ?? [], ...own] };
  });
  return { counting, copies: found.map(noTaskOfItsOwn) };
}

function noTaskOfItsOwn(
  { task, of, why }: { task: Task; of: Task; why: string },
): Listing["refused"][number] {
  const file = taskFile(task);
  const [own, other] = [file, taskFile(of)].map((one) => path.relative(task.projectRoot, one));
  const error = new RalphError(
    "usage",
    `no task of its own, since ${plain(other, SHOWN_MAX)} has its ${why} and counts: ${
      plain(own, SHOWN_MAX)
    }`,
    [{ text: "to run it all the same", command: `ralph run ${shellWord(own)}` }],
  );
  return { name: path.basename(file), path: file, error };
}

function placesIn(root: string, at: Inspected): readonly [string, Task | RalphError][] {
  const { tree } = at;
  const found: [string, Task | RalphError][] = [];
  for (const name of tree.list(path.join(root, TASKS)).toSorted()) {
    const place = path.join(root, TASKS, name);
    if (tree.kind(place) === "directory") found.push([place, inspect(place, at)]);
  }
  for (const folder of FLAT_FOLDERS) {
    for (const name of tree.list(path.join(root, folder)).toSorted()) {
      const place = path.join(root, folder, name);
      if (!isPrdName(name)) continue;
      const isFile = tree.kind(place) === "file";
      if (isFile && tellsStories(place, at)) found.push([place, flatTask(place, at)]);
      else if (!/^prd[-_.]/i.test(name)) continue;
      else found.push([place, isFile ? noStories(place, at) : noFile(place, tree)]);
    }
  }
  for (const folder of PRD_FOLDERS) {
    const place = path.join(root, folder);
    const names = tree.list(place).map((name) => name.toLowerCase());
    if (!TASK_FILES.some((file) => file.startsWith("prd") && names.includes(file))) continue;
    const task = inspect(place, at);
    const prd = task instanceof RalphError ? undefined : task.prdPath;
    const isEmpty = prd !== undefined && !tellsStories(prd, at);
    found.push([place, isEmpty ? noStories(prd, at) : task]);
  }
  return found;
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

/** Whether a file can be a PRD by its name, and is no other file of a task. */
export const isPrdName = (name: string) =>
  /\.(?:md|markdown|json)$/i.test(name) && !/(?:^|\.)prompt\.md$/i.test(name);

/** Whether a file has stories, or means to. */
export function tellsStories(file: string, at: Inspected): boolean {
  const read = readAt(file, at);
  // why it cannot be read is told by who reads it
  if (!read) return /^prd\b/i.test(path.basename(file));
  if (!(read instanceof RalphError)) return read.stories.length > 0;
  // an example in a code block tells no story
  const text = new TextDecoder().decode(at.tree.read(file, PRD_BYTES_MAX))
    .replaceAll(/^(`{3,}|~{3,})[^]*?^\1/gm, "");
  return /^[ \t]{0,3}#{1,6}[^A-Za-z\n]*US-?\d/im.test(text) ||
    /"(?:userStories|user_stories|stories)"\s*:\s*\[\s*\{/.test(text);
}

/** The PRD in a file, or why it is none; undefined where the file cannot be read. */
export function readAt(file: string, { tree, prds }: Inspected): Prd | RalphError | undefined {
  const real = tree.realPath(file) ?? file;
  const known = prds?.get(real);
  if (known) return known;
  const bytes = tree.read(file, PRD_BYTES_MAX);
  if (!bytes) return undefined;
  let read: Prd | RalphError;
  try {
    read = parsePrd({ path: file, bytes });
  } catch (error) {
    if (!(error instanceof RalphError)) throw error;
    read = error;
  }
  prds?.set(real, read);
  return read;
}

function noStories(file: string, { projectRoot = "" }: Inspected): RalphError {
  const shown = plain(path.relative(projectRoot, file), SHOWN_MAX);
  return new RalphError("usage", `${shown} has no user stories`, [
    { text: "a story is a heading such as `### US-001: Title` with `- [ ]` lines below it" },
  ]);
}

/** The name of the task whose PRD is such a file. */
export const nameOfFile = (file: string) =>
  path.parse(file).name.replace(/^prd[-_.](?=.)/i, "").replace(/(?<=.)[-_.]prd$/i, "");

/** The task whose PRD is this file, among others. */
function flatTask(file: string, { tree, projectRoot }: Inspected): Task | RalphError {
  const dir = tree.realPath(file) ?? file;
  const name = nameOfFile(dir);
  const problem = taskNameProblem(name);
  if (problem !== undefined) return badName(file, problem, "file");
  if (projectRoot === undefined) return notInGit(`task \`${name}\``, path.dirname(dir), tree);
  const task = { name, dir, projectRoot, prdPath: dir };
  const prompt = path.basename(besidePrd(task, "prompt.md"));
  const folder = path.dirname(dir);
  const promptPath = fileIn({ dir: folder, entries: tree.list(folder) }, prompt, tree);
  if (promptPath instanceof RalphError) return promptPath;
  return { ...task, promptPath };
}

/** The task that this file is the PRD or the prompt of, or why it is not. */
export function inspectFile(file: string, at: Inspected): Task | RalphError {
  const { tree } = at;
  const shown = plain(file, SHOWN_MAX);
  if (!/\.(?:md|markdown|json)$/i.test(file)) {
    return new RalphError("usage", `${shown} is no PRD: one is markdown or JSON`, [
      { text: "write its user stories into a new one", command: "ralph new --help" },
    ]);
  }
  if (isAmongFiles(file, at)) return flatTask(file, at);
  const task = inspect(path.dirname(file), at);
  const isTask = !(task instanceof RalphError);
  const real = tree.realPath(file);
  if (isTask && (real === task.prdPath || real === task.promptPath)) return task;
  const isNamed = TASK_FILES.includes(path.basename(file).toLowerCase());
  if (!isTask && isNamed) return task;
  if (isPrdName(path.basename(file)) && !isNamed && (!isTask || tellsStories(file, at))) {
    return flatTask(file, at);
  }
  // a prompt beside it says nothing of it
  const read = isTask && task.prdPath !== undefined ? undefined : readAt(file, at);
  if (read instanceof RalphError) return read;
  return new RalphError("usage", `${shown} is not the PRD of a task`, [
    isTask && task.prdPath !== undefined
      ? { text: `the PRD beside it is ${plain(task.prdPath, SHOWN_MAX)}` }
      : FOLDER_HINT,
  ]);
}

/** Whether it is in a folder of PRDs, of which each is a task. */
function isAmongFiles(file: string, { tree, projectRoot = "" }: Inspected): boolean {
  const folder = tree.realPath(path.dirname(file));
  return isPrdName(path.basename(file)) && TASK_FILES.includes(path.basename(file).toLowerCase()) &&
    FLAT_FOLDERS.some((one) => folder === path.join(projectRoot, one));
}

/** The task in a folder that exists, or why there is none. */
export function inspect(folder: string, { tree, projectRoot }: Inspected): Task | RalphError {
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
  if (prdPath instanceof RalphError) return prdPath;
  if (promptPath instanceof RalphError) return promptPath;
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
  if (problem !== undefined) return badName(folder, problem, "folder");
  if (projectRoot === undefined) return notInGit(`task \`${name}\``, dir, tree);
  const task = { name, dir, projectRoot, prdPath, promptPath };
  if (json === undefined || markdown === undefined || markdown instanceof RalphError) return task;
  return { ...task, copies: [{ name, dir, prdPath: markdown }] };
}

function badName(place: string, problem: string, what: string): RalphError {
  const shown = plain(place, SHOWN_MAX);
  return new RalphError("usage", `${shown} cannot be a task because of its name: ${problem}`, [
    { text: `rename the ${what}` },
  ]);
}

/**
 * Real path of the file of that name, in whatever letter case: people write `PRD.md` too. What has the
 * name and is no file is an error: whoever put it there takes it for read.
 */
function fileIn(
  { dir, entries }: { dir: string; entries: readonly string[] },
  name: string,
  tree: Tree,
): string | undefined | RalphError {
  const alike = entries.filter((entry) => entry.toLowerCase() === name.toLowerCase());
  const entry = alike.includes(name) ? name : alike.toSorted().at(0);
  if (entry === undefined) return undefined;
  const file = path.join(dir, entry);
  const real = tree.realPath(file);
  return tree.kind(file) === "file" && real !== undefined ? real : noFile(file, tree);
}

function noFile(file: string, tree: Tree): RalphError {
  const what = tree.kind(file) === "directory"
    ? "a folder"
    : tree.realPath(file) === undefined
    ? "a link that leads nowhere"
    : "no plain file";
  return new RalphError("usage", `cannot read ${plain(file, SHOWN_MAX)}: it is ${what}`, [
    seeWhatItIs(file),
  ]);
}

/** Why a folder is in no project, as the end of a sentence, and what helps. */
export function whyNoProject(where: string, tree: Pick<Tree, "list">): { why: string; hint: Hint } {
  const names = tree.list(where);
  const shown = plain(where, SHOWN_MAX);
  // gitrepository-layout(5)
  if (["HEAD", "objects", "refs"].every((name) => names.includes(name))) {
    const beside = `${where.replace(/\/+$/, "").replace(/\.git$/, "")}-work`;
    return {
      why: `${shown} is a bare repository, which has no files to work on`,
      hint: {
        text: "have a working tree made of it, and go there",
        command: `git -C ${shellWord(where)} worktree add ${shellWord(beside)} main`,
      },
    };
  }
  return {
    why: `${shown} is not in a git repository`,
    hint: { text: "to make the folder you are in one", command: "git init" },
  };
}

export function notInGit(what: string, where: string, tree: Pick<Tree, "list">): RalphError {
  const { why, hint } = whyNoProject(where, tree);
  return new RalphError("not_found", `cannot find the project of ${what}: ${why}`, [hint]);
}
