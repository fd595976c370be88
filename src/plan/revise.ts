/** A PRD with its open stories changed by a model's draft; all else stays as it is, byte for byte. */
import * as z from "zod";
import { RalphError } from "../error.ts";
import { NAMES_OF } from "../task/json_stories.ts";
import { openPrd, type PrdDocument, type Story } from "../task/prd.ts";
import { textAt } from "../task/source.ts";
import { outsideOf, textsById } from "../verify/prd/prd_authors.ts";
import { takeStories } from "../verify/prd/take_stories.ts";
import { draftStory, placeOf, question, storyFields } from "./draft.ts";

const STORIES_MAX = 60;

const revision = z.object({
  stories: z.array(draftStory.extend({
    id: z.string().regex(/^[\w.-]{1,60}$/, { error: "must be the story's id, or a new one" }),
  })).max(STORIES_MAX),
  questions: z.array(question).max(5).default([]),
});

export type Revision = z.infer<typeof revision>;
type RevisedStory = Revision["stories"][number];

/** The open stories as the model is shown them. */
export function openStoriesOf({ stories }: PrdDocument): readonly RevisedStory[] {
  return stories.filter(({ passes }) => !passes).map(wordsOf);
}

const wordsOf = ({ id, title, description, criteria, dependsOn }: Story): RevisedStory => ({
  id,
  title,
  description,
  criteria: criteria.map(({ text }) => text),
  dependsOn: [...dependsOn],
});

/** Reads what a model has answered: the revision, or what is wrong with it in words for the model. */
export function readRevision(
  value: unknown,
  prd: PrdDocument,
): { draft: Revision } | { faults: readonly string[] } {
  const read = revision.safeParse(value);
  if (!read.success) {
    return { faults: read.error.issues.map(({ path, message }) => `${placeOf(path)}: ${message}`) };
  }
  const faults = storyFaults(read.data.stories, prd);
  if (faults.length > 0) return { faults };
  try {
    revisedPrd(prd, read.data);
    return { draft: read.data };
  } catch (error) {
    if (error instanceof RalphError) return { faults: [error.message] };
    throw error;
  }
}

/** What is done, or left out, is no story of the revision; what it depends on is there. */
function storyFaults(stories: readonly RevisedStory[], prd: PrdDocument): readonly string[] {
  const done = new Set(prd.stories.filter(({ passes }) => passes).map(({ id }) => id));
  const out = new Set(prd.leftOut.map(({ id }) => id));
  const before = new Set(done);
  return stories.flatMap(({ id, dependsOn }) => {
    const faults = [
      ...done.has(id) ? [`${id} is done and stays as it is: leave it out`] : [],
      ...out.has(id) ? [`${id} was taken out of the work by a person: leave it out`] : [],
      ...before.has(id) && !done.has(id) ? [`the id ${id} comes twice`] : [],
      ...dependsOn.filter((need) => !before.has(need)).map((need) =>
        `${id} depends on ${need}, which is neither done nor before it`
      ),
    ];
    before.add(id);
    return faults;
  });
}

/**
 * The PRD with the revision in it. Throws `RalphError` (`failed`, `usage`) when that cannot be written in
 * the form of this PRD, or would change more than its open stories.
 */
export function revisedPrd(prd: PrdDocument, { stories }: Revision): PrdDocument {
  const open = new Map(openStoriesOf(prd).map((story) => [story.id, story]));
  const isNew = (story: RevisedStory) => !isSame(open.get(story.id), story);
  const ids = new Set([
    ...stories.filter(isNew).map(({ id }) => id),
    ...[...open.keys()].filter((id) => !stories.some((story) => story.id === id)),
  ]);
  if (ids.size === 0) return prd;
  const made = takeStories(prd, sketchOf(prd, stories), ids);
  requireUntouched(prd, made);
  requireRead(stories, made);
  return made;
}

/**
 * Throws `RalphError` (`usage`) for a PRD whose stories cannot be changed in its form, whatever a model
 * says: its first open story is changed to see that.
 */
export function requireRevisable(prd: PrdDocument): void {
  const [first, ...others] = openStoriesOf(prd);
  if (first === undefined) return;
  const criteria = [...first.criteria, "`true` succeeds"];
  try {
    revisedPrd(prd, { stories: [{ ...first, criteria }, ...others], questions: [] });
  } catch (error) {
    if (!(error instanceof RalphError)) throw error;
    throw new RalphError("usage", `cannot change this PRD in words: ${error.message}`, [
      { text: "change it by hand, with `ralph edit`" },
    ], { cause: error });
  }
}

const isSame = (one: RevisedStory | undefined, other: RevisedStory) =>
  JSON.stringify(one) === JSON.stringify(other);

/** A PRD of the same form that has all the stories in their new order. */
function sketchOf(prd: PrdDocument, stories: readonly RevisedStory[]): PrdDocument {
  const entries = new Map(prd.entries.map((entry) => [entry.story.id, entry]));
  const textOf = (id: string) => {
    const entry = entries.get(id);
    return entry && textAt(prd.source, entry.offset, entry.end);
  };
  const done = prd.stories.filter(({ passes }) => passes).map(({ id }) => textOf(id) ?? "");
  const text = prd.format === "json"
    ? `{"userStories": [\n    ${
      [...done, ...jsonStories(stories, textOf)].join(",\n    ").trim()
    }\n  ]}`
    : [...done, ...stories.map((one) => section(prd, one, entries.get(one.id)?.story))]
      .map((one) => one.trimEnd()).join("\n\n") + "\n";
  return openPrd({ path: prd.source.path, bytes: new TextEncoder().encode(text) });
}

/** What a story has beside its words stays; a new one comes up when the story before it does. */
function jsonStories(
  stories: readonly RevisedStory[],
  textOf: (id: string) => string | undefined,
): readonly string[] {
  let priority: unknown;
  return stories.map((story) => {
    const text = textOf(story.id);
    const was = text === undefined ? undefined : JSON.parse(text) as Record<string, unknown>;
    const made = was ? { ...was, ...inNamesOf(was, story) } : {
      ...storyFields(story),
      ...priority !== undefined && { priority },
    };
    priority = "priority" in made ? made.priority : undefined;
    return JSON.stringify(made, undefined, 2).replaceAll("\n", "\n    ");
  });
}

/** The words of a story in the fields that it has for them. */
function inNamesOf(was: Record<string, unknown>, story: RevisedStory): Record<string, unknown> {
  const nameOf = (names: readonly string[]) => names.find((name) => was[name] != null) ?? names[0];
  const dependsOn = nameOf(NAMES_OF.dependsOn);
  return {
    [nameOf(NAMES_OF.title)]: story.title,
    ...(story.description !== "" || was.description != null) && { description: story.description },
    [nameOf(NAMES_OF.criteria)]: story.criteria,
    ...(story.dependsOn.length > 0 || was[dependsOn] != null) && { [dependsOn]: story.dependsOn },
  };
}

/** A story as a section, below a heading of the level that this PRD has. */
function section(
  { source, entries }: PrdDocument,
  { id, title, description, criteria, dependsOn }: RevisedStory,
  was: Story | undefined,
): string {
  const [{ offset }] = entries;
  const marks = /^[ \t]*(#+)/.exec(source.view.slice(offset))?.[1] ?? "###";
  const priority = was && Number.isFinite(was.priority) ? was.priority : undefined;
  return [
    `${marks} ${id}: ${title}`,
    ...description === "" ? [] : [`**Description:** ${description}`],
    ...priority === undefined ? [] : [`**Priority:** ${priority}`],
    ...dependsOn.length === 0 ? [] : [`**Depends on:** ${dependsOn.join(", ")}`],
    "**Acceptance Criteria:**",
    criteria.map((text) => `- [ ] ${text}`).join("\n"),
    ...was === undefined || was.notes === "" ? [] : [was.notes],
  ].join("\n\n");
}

/** Throws `RalphError` (`failed`) unless all but the open stories is as it was. */
function requireUntouched(before: PrdDocument, after: PrdDocument): void {
  const [texts, now] = [before, after].map(textsById);
  const passing = new Set(after.stories.filter(({ passes }) => passes).map(({ id }) => id));
  const done = before.stories.filter(({ passes }) => passes).map(({ id }) => id);
  const lost = done.filter((id) => texts.get(id) !== now.get(id) || !passing.has(id));
  const isSameElse = outsideOf(before) === outsideOf(after) && passing.size === done.length;
  if (lost.length === 0 && isSameElse) return;
  throw new RalphError(
    "failed",
    lost.length > 0
      ? `${lost.join(", ")} is done, and would not stay as it is`
      : "more than the open stories would be another",
  );
}

/** Throws `RalphError` (`failed`) unless the open stories are read as they were drafted. */
function requireRead(stories: readonly RevisedStory[], prd: PrdDocument): void {
  const made = new Map(openStoriesOf(prd).map((story) => [story.id, story]));
  const lost = stories.filter((story) => {
    const read = made.get(story.id);
    return !read || wordsIn(read) !== wordsIn(story);
  });
  if (lost.length === 0 && made.size === stories.length) return;
  const which = lost.map(({ id }) => id).join(", ") || "the list of stories";
  throw new RalphError("failed", `${which} would be read otherwise in this PRD's form`);
}

const wordsIn = ({ title, criteria, dependsOn }: RevisedStory) =>
  JSON.stringify([title, criteria, dependsOn]);
