/** A prompt of the user's own: a text with placeholders such as `{{story}}`. */
import { RalphError } from "../../error.ts";
import { didYouMean } from "../../task/did_you_mean.ts";
import { plain } from "../../terminal/plain.ts";

/** What can be placed, and what it stands for. The documents list the same. */
export const PLACEHOLDERS = {
  task: "the task's name",
  project: "the project root",
  prd: "path of the PRD, from the project root",
  progress_file: "path of progress.txt, from the project root",
  story: "id and title of the story",
  id: "its id",
  title: "its title",
  description: "its description",
  criteria: "its acceptance criteria, one line each",
  notes: "its notes",
  progress: "what earlier iterations wrote down",
  failure: "why the last iteration did not complete its story",
  said: "what a person says",
  gates: "the checks that the loop runs",
  rules: "what to do, and how to say that it is done or blocked",
  open: "how many stories are open",
  total: "how many stories there are",
} as const;
export type Placeholder = keyof typeof PLACEHOLDERS;

const NAMED = /\{\{\s*([A-Za-z_-]+)\s*\}\}/g;

/** Whether a text was written for this program: it places something, or means to. */
export function isTemplate(text: string): boolean {
  return [...text.matchAll(NAMED)].some(([, name]) => name === name.toLowerCase());
}

/** Throws `RalphError` (`usage`) for a placeholder that there is not. `path` is where the text is. */
export function checkTemplate(text: string, path: string): void {
  for (const { 0: whole, 1: name, index } of text.matchAll(NAMED)) {
    if (isPlaceholder(name)) continue;
    const line = text.slice(0, index).split("\n").length;
    const near = didYouMean(name, Object.keys(PLACEHOLDERS));
    throw new RalphError(
      "usage",
      `cannot use the prompt ${plain(path)}:${line}: there is no placeholder \`${whole}\``,
      [
        ...near ? [{ text: `did you mean \`{{${near}}}\`?` }] : [],
        { text: `there are: ${Object.keys(PLACEHOLDERS).join(", ")}` },
      ],
    );
  }
}

/** The text with its placeholders filled in, once: what is filled in may hold any text. */
export function fillTemplate(text: string, values: Readonly<Record<Placeholder, string>>): string {
  return text.replaceAll(
    NAMED,
    (whole, name: string) => isPlaceholder(name) ? values[name] : whole,
  );
}

/** Whether the text places this. */
export function places(text: string, name: Placeholder): boolean {
  return [...text.matchAll(NAMED)].some((match) => match[1] === name);
}

function isPlaceholder(name: string): name is Placeholder {
  return Object.hasOwn(PLACEHOLDERS, name);
}
