/** What a person said, as the agent reads it. */
import type { Word } from "../store/model.ts";

/** Of one thing said, in UTF-16 units: what needs more belongs into the PRD. */
export const WORDS_MAX = 4_000;

/**
 * For a turn at work. The time of day tells two of the same words apart: a server of OpenCode 2 takes the
 * same text once.
 */
export function steerText({ text, saidAt }: Word): string {
  return `A person says, while you work (${timeOf(saidAt)}):\n\n${text}\n\n` +
    "Heed it, and go on with your story. All that was said before still holds.";
}

/** For a prompt. */
export function promptText(words: readonly Word[]): string | undefined {
  if (words.length === 0) return undefined;
  return words.map(({ text, saidAt }) => `${timeOf(saidAt)}: ${text}`).join("\n\n");
}

/** `2026-11-30 14:02:31 UTC` of a time in RFC 3339. */
const timeOf = (at: string) => `${at.slice(0, 19).replace("T", " ")} UTC`;
