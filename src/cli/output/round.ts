import type { Claim, Iteration } from "../../store/model.ts";
import type { Colors } from "../../terminal/colors.ts";
import { plain } from "../../terminal/plain.ts";

/** What came of an iteration, once all is known: a claim can be taken back after its outcome was stored. */
export interface Round {
  sign: string;
  word: string;
  color: "green" | "yellow" | "red" | "dim";
}

/** `claims`: of this iteration. */
export function roundOf(
  { outcome, storiesPassed }: Pick<Iteration, "outcome" | "storiesPassed">,
  claims: readonly Pick<Claim, "storyId" | "held">[],
): Round {
  const fallen = claims.filter(({ held }) => held === false).map(({ storyId }) => storyId);
  const passes = claims.some(({ held }) => held === true) ||
    storiesPassed.some((id) => !fallen.includes(id));
  switch (outcome) {
    case null:
      return { sign: "…", word: "under way", color: "dim" };
    case "advanced":
    case "worked":
    case "nothing":
      if (fallen.length > 0 && !passes) return { sign: "✗", word: "taken back", color: "red" };
      if (fallen.length > 0) return { sign: "•", word: "partly taken back", color: "yellow" };
      return outcome === "advanced"
        ? { sign: "✓", word: outcome, color: "green" }
        : { sign: "•", word: outcome, color: "yellow" };
    case "broke":
    case "error":
    case "timeout":
      return { sign: "✗", word: outcome, color: "red" };
    case "interrupted":
    case "stopped":
      return { sign: "–", word: outcome, color: "dim" };
    default:
      // One that another ralph wrote is shown as it is.
      return { sign: "?", word: plain(outcome, 20), color: "dim" };
  }
}

/** With its sign, which says nothing that the word does not. */
export function roundWords({ sign, word }: Round): string {
  return `${sign} ${word}`;
}

export function paintRound(text: string, { color }: Round, colors: Colors): string {
  return colors[color](text);
}
