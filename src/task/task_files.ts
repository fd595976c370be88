/** What a task is, and where its files are: nothing else says so. */
import * as path from "node:path";

export interface Task {
  /** The folder's name, or the file's without `prd-` and its ending. */
  name: string;
  /**
   * Real path of what the task is known by: its folder, or its PRD where that is a file among others
   * (`tasks/prd-login.md`).
   */
  dir: string;
  /**
   * Real path of the git root that it is worked on in: of the project that its path leads through,
   * though a link may lead on to another one. In a worktree that of the worktree.
   */
  projectRoot: string;
  /** Real path of its PRD. */
  prdPath?: string;
  /** Real path of its `prompt.md`. */
  promptPath?: string;
  /** Other PRDs of the same work, which do not count; of one in the same folder `name` and `dir` are the task's. */
  copies?: readonly { name: string; dir: string; prdPath: string }[];
  /** All places of the project were looked through: there are no other copies. */
  isListed?: true;
}

type Place = Pick<Task, "name" | "dir" | "prdPath" | "promptPath">;

/** What to type for it: its name, or its path from the project root where others have that too. */
export function callName(task: Task, all: readonly Pick<Task, "name">[]): string {
  const alike = all.filter(({ name }) => name === task.name);
  return alike.length > 1 ? path.relative(task.projectRoot, task.dir) || "." : task.name;
}

/** Whether its PRD is a file among others: what belongs to it has its name. */
const isFlat = ({ dir, prdPath }: Place) => prdPath !== undefined && dir === prdPath;

/** A task's file of that name: in its folder, or beside its PRD as `login.progress.txt`. */
export function besidePrd(task: Place, file: string): string {
  return isFlat(task)
    ? path.join(path.dirname(task.dir), `${task.name}.${file}`)
    : path.join(task.dir, file);
}

/** What the agents write for each other. */
export const progressPath = (task: Place): string => besidePrd(task, "progress.txt");

/** What makes it a task: its PRD, or else its prompt. */
export function taskFile({ prdPath, promptPath, dir }: Place): string {
  return prdPath ?? promptPath ?? dir;
}

/** What the agent writes for the loop, from the project root: never protected. */
export function agentFiles(task: Task): readonly string[] {
  return [taskFile(task), progressPath(task)].map((file) => path.relative(task.projectRoot, file));
}

/** What the loop itself lives by, from the project root: no work, whoever writes it. */
export function loopFiles(task: Task): readonly string[] {
  const prompt = path.relative(task.projectRoot, besidePrd(task, "prompt.md"));
  return [...new Set([...agentFiles(task), prompt])].filter((file) => !file.startsWith("../"));
}

/**
 * What is the task's and none of the project's, from the project root: files, and its folder, unless
 * that is the project itself. What lies elsewhere is left out.
 */
export function ownPlaces(task: Task): readonly string[] {
  const folder = path.relative(task.projectRoot, task.dir);
  const places = [...agentFiles(task), ...isFlat(task) || folder === "" ? [] : [folder]];
  return places.filter((place) => !place.startsWith("../"));
}

/** Whether a file, from the project root, is one of the task's. */
export function isOfTask(task: Task): (file: string) => boolean {
  const places = ownPlaces(task);
  return (file) => places.some((place) => file === place || file.startsWith(`${place}/`));
}
