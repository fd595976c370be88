/** A task's PRD: its stories, whether they pass, and which is next. */
import { RalphError } from "../error.ts";
import { plain } from "../terminal/plain.ts";
import { findCircle } from "./circle.ts";
import type { Prd, PrdDocument, Story, StoryEntry } from "./prd_document.ts";
import { readJsonPrd } from "./prd_json.ts";
import { readMarkdownPrd } from "./prd_markdown.ts";
import { applyEdits, openSource, prdError, type PrdFile, type Source } from "./source.ts";

export type { Criterion, Prd, Story } from "./prd_document.ts";

/** Enough to see the circle; it may be as long as the PRD. */
const CIRCLE_SHOWN_MAX = 10;

/**
 * Reads a PRD: JSON when the file's name ends in `.json`, markdown else. Throws `RalphError`
 * (`usage`) naming file, line, column and reason, also for a PRD without stories, for ids that come
 * twice, and for `dependsOn` on an unknown story or in a circle.
 */
export function parsePrd(file: PrdFile): Prd {
  const { entries, ...prd } = readPrd(file);
  return { ...prd, stories: entries.map(({ story }) => story) };
}

/**
 * The same bytes with this story's `passes`, or all of its boxes, set, and nothing else changed.
 * Throws `RalphError`: as `parsePrd` does, and `not_found` when there is no such story.
 */
export function setPasses(
  file: PrdFile,
  change: { storyId: string; passes: boolean },
): Uint8Array {
  const entry = readPrd(file).entries.find(({ story }) => story.id === change.storyId);
  if (!entry) {
    const what = `story \`${plain(change.storyId, 60)}\``;
    throw new RalphError("not_found", `there is no ${what} in ${plain(file.path)}`);
  }
  return applyEdits(file.bytes, entry.passesEdits(change.passes));
}

/**
 * The story to work on next: of those that are open and whose `dependsOn` all pass the one with the
 * lowest priority, the first in the document of several. Undefined when none is open.
 */
export function nextStory(stories: readonly Story[]): Story | undefined {
  const passed = new Set(stories.filter((story) => story.passes).map(({ id }) => id));
  return stories
    .filter((story) => !story.passes && story.dependsOn.every((id) => passed.has(id)))
    .reduce<Story | undefined>(
      (best, story) => best && best.priority <= story.priority ? best : story,
      undefined,
    );
}

function readPrd(file: PrdFile): PrdDocument {
  const source = openSource(file);
  const isJson = file.path.toLowerCase().endsWith(".json");
  const document = isJson ? readJsonPrd(source) : readMarkdownPrd(source);
  checkIds(source, document.entries);
  checkDependencies(source, document.entries);
  return document;
}

function checkIds(source: Source, entries: readonly StoryEntry[]): void {
  const lines = new Map<string, number>();
  for (const { story, offset } of entries) {
    const line = lines.get(story.id);
    if (line !== undefined) {
      const reason = `the id \`${plain(story.id, 60)}\` is that of the story on line ${line} too`;
      throw prdError(source, offset, reason);
    }
    lines.set(story.id, story.line);
  }
}

/** Every story can come up: what it depends on exists, and does not wait for it in turn. */
function checkDependencies(source: Source, entries: readonly StoryEntry[]): void {
  const known = new Map(entries.map((entry) => [entry.story.id, entry]));
  for (const { story, offset } of entries) {
    const unknown = story.dependsOn.find((id) => !known.has(id));
    if (unknown === undefined) continue;
    const names = `\`${plain(story.id, 60)}\` depends on \`${plain(unknown, 60)}\``;
    throw prdError(source, offset, `${names}, which is not in the PRD`);
  }
  const circle = findCircle(new Map(entries.map(({ story }) => [story.id, story.dependsOn])));
  if (!circle) return;
  const shown = circle.slice(0, CIRCLE_SHOWN_MAX).map((id) => `\`${plain(id, 60)}\``).join(" → ");
  const more = circle.length > CIRCLE_SHOWN_MAX ? " → …" : "";
  throw prdError(
    source,
    known.get(circle[0])?.offset ?? 0,
    `stories wait for each other in a circle: ${shown}${more}`,
  );
}
