/** PRD files that tell of the same work: one is made from another, and a loop marks one of them alone. */
import * as path from "node:path";
import { plain } from "../terminal/plain.ts";
import { remark } from "./remark.ts";
import type { Prd, Story } from "./prd_document.ts";
import { type Task, taskFile } from "./task_files.ts";

/** A task, and what its PRD says. */
export interface TaskPrd {
  task: Task;
  prd: Prd;
  /** It is a folder of `tasks/`: such a one is a task of its own beside others of that kind. */
  isNamed: boolean;
}

/** With what finds the story of it that another one is. */
type Findable = TaskPrd & { find: ReturnType<typeof finder> };

type Stories = readonly Pick<Story, "id" | "title" | "passes">[];

/**
 * Those that are no tasks of their own, by their `dir`, each with the task that counts, and what of it
 * that task has. The one counts in which most stories pass: with any other, finished work would be begun
 * again. Of those that are as far it is the JSON, which loops mark, then the first.
 */
export function copiesAmong(
  all: readonly TaskPrd[],
): ReadonlyMap<string, { of: Task; why: string }> {
  const copies = new Map<string, { of: Task; why: string }>();
  if (!all.some(isJson)) return copies;
  const counting: Findable[] = [];
  const passing = ({ prd }: TaskPrd) => prd.stories.filter(({ passes }) => passes).length;
  const sorted = all.toSorted((a, b) => passing(b) - passing(a) || isJson(b) - isJson(a));
  for (const one of sorted.map((told) => ({ ...told, find: finder(told.prd.stories) }))) {
    const found = counting.flatMap((other) => {
      const why = sameWork(other, one);
      return why === undefined ? [] : [{ of: other.task, why }];
    });
    if (found.length === 0) counting.push(one);
    else copies.set(one.task.dir, found[0]);
  }
  return copies;
}

const isJson = ({ prd }: TaskPrd) => Number(prd.format === "json");

/** What of the other one has where both tell of the same work; undefined where they do not. */
function sameWork(one: Findable, other: TaskPrd): string | undefined {
  // nobody makes markdown of markdown, or a task of his own by chance
  if (one.isNamed && other.isNamed || !isJson(one) && !isJson(other)) return undefined;
  const { stories } = other.prd;
  const shared = stories.filter(one.find).length;
  if (shared * 2 > Math.min(stories.length, one.prd.stories.length)) return "stories";
  const [json, markdown] = isJson(one) ? [one, other] : [other, one];
  if (isJson(markdown)) return undefined;
  const { name } = markdown.task;
  if (json.task.name === name && folderOf(json) === folderOf(markdown)) return "name";
  // `ralph/login` is made from `prd-login.md`
  return branchEnd(json.prd) === name ? "branch" : undefined;
}

/** The last part of its branch, which often is the name of its task. */
export const branchEnd = ({ branchName }: Prd): string | undefined => branchName?.split("/").at(-1);

const folderOf = ({ task }: TaskPrd) => path.dirname(taskFile(task));

/** Finds the story that is the same: by its title, or by its id where the titles are nearly the same. */
function finder<One extends Stories[number]>(
  stories: readonly One[],
): (story: Stories[number]) => One | undefined {
  const byTitle = new Map(stories.map((story) => [wordsOf(story.title).join(" "), story]));
  const byId = new Map(stories.map((story) => [story.id.toUpperCase(), story]));
  byTitle.delete("");
  return (story) => {
    const words = wordsOf(story.title);
    const alike = byTitle.get(words.join(" "));
    if (alike) return alike;
    const named = byId.get(story.id.toUpperCase());
    return named && isNear(words, wordsOf(named.title)) ? named : undefined;
  };
}

const wordsOf = (title: string) =>
  title.normalize("NFC").toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

/** Most words of the shorter title are in the longer one. */
function isNear(one: readonly string[], other: readonly string[]): boolean {
  const [short, long] = one.length < other.length ? [one, new Set(other)] : [other, new Set(one)];
  return short.length > 0 && short.filter((word) => long.has(word)).length * 3 >= short.length * 2;
}

/** What a person has to know before these stories are worked on; `name`: of the other file. */
export function remarksOnOther(
  stories: Stories,
  { name, stories: others }: { name: string; stories: Stories },
): readonly string[] {
  const shown = plain(name, 120);
  const words = ({ id, title }: Stories[number]) => `${plain(id, 40)} ${plain(title, 40)}`.trim();
  const here = finder(stories);
  const inOther = finder(others);
  const missing = others.filter((story) => !story.passes && here(story) === undefined);
  const done = stories.filter((story) => !story.passes && inOther(story)?.passes);
  return [
    remark(`only in ${shown}, which is not read`, missing.map(words)),
    remark(`open here, and passing in ${shown}`, done.map(words)),
  ].filter((line) => line !== undefined);
}
