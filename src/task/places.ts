/** Where the tasks of a project are looked for. */
import * as path from "node:path";
import { type Hint, RalphError } from "../error.ts";
import { plain } from "../terminal/plain.ts";
import { seeWhatItIs, shellWord } from "../terminal/shell_word.ts";
import { taskNameProblem } from "./name.ts";
import { openPrd } from "./prd.ts";
import { PRD_BYTES_MAX } from "./prd_file.ts";
import { besidePrd, type Task } from "./task_files.ts";

export const TASKS = "tasks";
/** What makes a folder a task. The first PRD that is there is the one that counts. */
const TASK_FILES: readonly string[] = ["prd.json", "prd.md", "prompt.md"];
/** Folders that hold the PRD of one task, from the project root, which is one itself. */
const PRD_FOLDERS: readonly string[] = ["", "scripts/ralph", "ralph", ".ralph", "plans"];
/** Folders that hold PRDs as files, one for each task. */
const FLAT_FOLDERS: readonly string[] = [TASKS, ".agents/tasks"];
const FOLDER_HINT: Hint = {
  text: `a task is a folder with its PRD in it: \`${TASKS}/<name>/prd.md\``,
};
export const SHOWN_MAX = 200;

/** In words, for who finds nothing. */
export const LOOKED_IN =
  "tasks/<name>/prd.md (or prd.json), tasks/prd-<name>.md, tasks/<name>.md, " +
  "prd.json and prd.md at the root and in scripts/ralph, ralph, .ralph and plans, .agents/tasks/*";

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
  const at = { tree: listingOnce(tree), projectRoot };
  for (const [place, found] of placesIn(projectRoot, at)) {
    if (!(found instanceof RalphError)) tasks.set(found.dir, found);
    else if (found.kind === "usage") {
      refused.push({ name: path.basename(place), path: place, error: found });
    }
  }
  const order = (a: Task, b: Task) =>
    a.name < b.name ? -1 : a.name > b.name ? 1 : a.dir < b.dir ? -1 : 1;
  return { tasks: [...tasks.values()].toSorted(order), refused };
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
      if (isFile && tellsStories(place, tree)) found.push([place, flatTask(place, at)]);
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
    const isEmpty = prd !== undefined && !tellsStories(prd, tree);
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
function tellsStories(file: string, tree: Tree): boolean {
  const bytes = tree.read(file, PRD_BYTES_MAX);
  // why it cannot be read is told by who reads it
  if (!bytes) return /^prd\b/i.test(path.basename(file));
  try {
    return openPrd({ path: file, bytes }).stories.length > 0;
  } catch (error) {
    if (!(error instanceof RalphError)) throw error;
    // an example in a code block tells no story
    const text = new TextDecoder().decode(bytes).replaceAll(/^(`{3,}|~{3,})[^]*?^\1/gm, "");
    return /^[ \t]{0,3}#{1,6}[^A-Za-z\n]*US-?\d/im.test(text) ||
      /"(?:userStories|user_stories|stories)"\s*:\s*\[\s*\{/.test(text);
  }
}

/** Why this file cannot be read as a PRD; undefined where that is not so. */
function whyUnread(file: string, tree: Tree): RalphError | undefined {
  const bytes = tree.read(file, PRD_BYTES_MAX);
  try {
    if (bytes) openPrd({ path: file, bytes });
  } catch (error) {
    if (error instanceof RalphError) return error;
    throw error;
  }
  return undefined;
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
  const task = inspect(path.dirname(file), at);
  const isTask = !(task instanceof RalphError);
  const real = tree.realPath(file);
  if (isTask && (real === task.prdPath || real === task.promptPath)) return task;
  const isNamed = TASK_FILES.includes(path.basename(file).toLowerCase());
  if (!isTask && isNamed) return task;
  if (isPrdName(path.basename(file)) && !isNamed && (!isTask || tellsStories(file, tree))) {
    return flatTask(file, at);
  }
  const why = isPrdName(path.basename(file)) && !isNamed ? whyUnread(file, tree) : undefined;
  if (why) return why;
  return new RalphError("usage", `${plain(file, SHOWN_MAX)} is not the PRD of a task`, [
    isTask && task.prdPath !== undefined
      ? { text: `the PRD beside it is ${plain(task.prdPath, SHOWN_MAX)}` }
      : FOLDER_HINT,
  ]);
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
  return { name, dir, projectRoot, prdPath, promptPath };
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
