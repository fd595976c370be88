/** What other PRD files of the same work have that the one which is worked on has not. */
import * as path from "node:path";
import { RalphError } from "../error.ts";
import { plain } from "../terminal/plain.ts";
import { listPlaces, readAt, SHOWN_MAX, tellsStories, type Tree } from "./places.ts";
import type { Story } from "./prd.ts";
import { remarksOnOther } from "./same_work.ts";
import { type Task, taskFile } from "./task_files.ts";

/**
 * What a person has to know of them before the stories of this task are worked on, one line each. The
 * places of its project are looked through where that was not done to find it: a path does not tell of
 * other files.
 */
export function remarksOnOtherPrds(
  task: Task,
  stories: readonly Story[],
  tree: Tree,
): readonly string[] {
  if (task.isListed) return remarksOnCopies(task, stories, tree);
  const { copies = [] } = task;
  const group = listPlaces(task.projectRoot, tree).tasks.find((one) =>
    one.dir === task.dir || one.copies?.some(({ dir }) => dir === task.dir)
  );
  const all = [...group ? [group, ...group.copies ?? []] : [], ...copies];
  const others = new Map(all.map((one) => [taskFile(one), one]));
  others.delete(taskFile(task));
  const files = [...others].map(([prdPath, { name, dir }]) => ({ name, dir, prdPath }));
  return remarksOnCopies({ ...task, copies: files }, stories, tree);
}

/** The same of those that are known as its copies. */
export function remarksOnCopies(
  { copies = [], projectRoot }: Pick<Task, "copies" | "projectRoot">,
  stories: readonly Story[],
  tree: Tree,
): readonly string[] {
  const at = { tree, projectRoot, prds: new Map() };
  return copies.flatMap(({ prdPath }) => {
    if (!tellsStories(prdPath, at)) return [];
    const name = path.relative(projectRoot, prdPath);
    const prd = readAt(prdPath, at);
    return prd === undefined || prd instanceof RalphError
      ? [`${plain(name, SHOWN_MAX)} seems to have stories too, and is not read`]
      : remarksOnOther(stories, { name, stories: prd.stories });
  });
}
