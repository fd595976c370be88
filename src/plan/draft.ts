/** What a model drafts: the form of it, what is wrong with one in words, and the PRD that it makes. */
import * as z from "zod";
import { RalphError } from "../error.ts";
import { gatesOfLines } from "../task/gate.ts";
import { parsePrd, remarksOf } from "../task/prd.ts";
import { taskNameProblem } from "../task/name.ts";
import { plain } from "../terminal/plain.ts";

/** More is a project, and no task. */
const STORIES_MAX = 30;
const CRITERIA_MAX = 12;
/** Nobody answers more at one sitting. */
const QUESTIONS_MAX = 5;
/** In UTF-16 units. */
const LINE_MAX = 300;
const TEXT_MAX = 2_000;

const line = z.string().trim().min(1).max(LINE_MAX).refine((text) => plain(text) === text, {
  error: "must be one line, without control characters",
});
const text = z.string().trim().max(TEXT_MAX).refine(
  (text) => text.split("\n").every((line) => plain(line) === line),
  { error: "must be without control characters" },
);

export const draftStory = z.object({
  id: z.string().regex(/^US-\d{3}$/, { error: "must be like US-001" }),
  title: line,
  description: text.default(""),
  criteria: z.array(line).min(1).max(CRITERIA_MAX),
  dependsOn: z.array(z.string()).default([]),
});

export const question = z.object({ question: line, choices: z.array(line).max(6).default([]) });

/** What a model answers. Fields that are not named here are passed over. */
const draft = z.object({
  name: z.string().regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, { error: "must be like my-feature" })
    .max(60),
  title: line,
  description: text.default(""),
  stories: z.array(draftStory).min(1).max(STORIES_MAX),
  gates: z.array(line).max(12).default([]),
  nonGoals: z.array(line).max(20).default([]),
  questions: z.array(question).max(QUESTIONS_MAX).default([]),
});

export type Draft = z.infer<typeof draft>;
export type DraftStory = Draft["stories"][number];

/** A draft, or what is wrong with it, each fault in words for the model. */
type Reading = { draft: Draft } | { faults: readonly string[] };

/** Told to the model at once: it mends the first ones and with them most others. */
const FAULTS_MAX = 15;

/** Reads what a model has answered. `taken`: names that the task cannot have. */
export function readDraft(value: unknown, { taken }: { taken: readonly string[] }): Reading {
  const read = draft.safeParse(value);
  if (!read.success) {
    const faults = read.error.issues.map(({ path, message }) => `${placeOf(path)}: ${message}`);
    return { faults: faults.slice(0, FAULTS_MAX) };
  }
  const faults = [...nameFaults(read.data, taken), ...orderFaults(read.data.stories)];
  const all = faults.length > 0 ? faults : prdFaults(prdText(read.data));
  return all.length > 0 ? { faults: all.slice(0, FAULTS_MAX) } : { draft: read.data };
}

/** Where in an answer a fault is: `stories[2].criteria`. */
export function placeOf(path: readonly PropertyKey[]): string {
  return path.map((key) => typeof key === "number" ? `[${key}]` : `.${String(key)}`).join("")
    .replace(/^\./, "") || "the answer";
}

function nameFaults({ name }: Draft, taken: readonly string[]): readonly string[] {
  const problem = taskNameProblem(name) ??
    (taken.includes(name) ? "a task of that name is there already" : undefined);
  return problem === undefined ? [] : [`name: ${problem}`];
}

/** Each story comes after those that it depends on. */
function orderFaults(stories: readonly DraftStory[]): readonly string[] {
  const before = new Set<string>();
  const all = new Set(stories.map(({ id }) => id));
  return stories.flatMap(({ id, dependsOn }) => {
    const faults = dependsOn.filter((one) => !before.has(one)).map((one) =>
      all.has(one)
        ? `${id} depends on ${one}, which must come before it`
        : `${id} depends on ${one}, which is not there`
    );
    if (before.has(id)) faults.push(`the id ${id} comes twice`);
    before.add(id);
    return faults;
  });
}

/** What `ralph tasks` would say of the file. */
function prdFaults(text: string): readonly string[] {
  try {
    return remarksOf(parsePrd({ path: "prd.json", bytes: new TextEncoder().encode(text) }));
  } catch (error) {
    if (error instanceof RalphError) return [error.message];
    throw error;
  }
}

/** The PRD that a draft makes, as JSON, where a PRD can name its gates. */
export function prdText(draft: Draft): string {
  const { title, description, stories, gates, nonGoals, questions } = draft;
  const prd = {
    project: title,
    ...description !== "" && { description },
    ...nonGoals.length > 0 && { nonGoals },
    ...questions.length > 0 && { openQuestions: questions.map(questionLine) },
    ...gates.length > 0 && { verify: gatesOfLines(gates) },
    userStories: stories.map((story, i) => ({ ...storyFields(story), priority: i + 1 })),
  };
  return JSON.stringify(prd, undefined, 2) + "\n";
}

/** A question with what can be chosen, in one line. */
export const questionLine = ({ question, choices }: Draft["questions"][number]) =>
  choices.length === 0 ? question : `${question} (${choices.join(" / ")})`;

/** A story as a PRD has it. */
export function storyFields({ id, title, description, criteria, dependsOn }: DraftStory) {
  return {
    id,
    title,
    ...description !== "" && { description },
    acceptanceCriteria: criteria,
    ...dependsOn.length > 0 && { dependsOn },
    passes: false,
    notes: "",
  };
}
