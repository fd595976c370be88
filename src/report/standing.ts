/** How a round stands: what came of it, and whether that still holds. Pure. */
import type { Claim, Iteration } from "../store/model.ts";
import { plain } from "../terminal/plain.ts";

export interface Standing {
  sign: "✓" | "•" | "✗" | "…" | "–" | "?";
  /** In words: the sign never stands alone. */
  word: string;
  tone: "good" | "partly" | "bad" | "open";
}

/**
 * The sign of an iteration. An outcome is recorded once, and a claim may be taken back later, as by the
 * run of all gates at the end: what was taken back has no sign of success. `claims` are those of the
 * iteration; `isOpen`: its session runs, so that one without an outcome is under way.
 */
export function standingOf(
  { outcome, storiesPassed }: Pick<Iteration, "outcome" | "storiesPassed">,
  { claims, isOpen }: { claims: readonly Pick<Claim, "storyId" | "held">[]; isOpen: boolean },
): Standing {
  const fallen = claims.filter(({ held }) => held === false).map(({ storyId }) => storyId);
  const holds = claims.some(({ held }) => held === true) ||
    storiesPassed.some((id) => !fallen.includes(id));
  switch (outcome) {
    case null:
      return isOpen
        ? { sign: "…", word: "under way", tone: "open" }
        : { sign: "✗", word: "no outcome", tone: "bad" };
    case "advanced":
    case "worked":
    case "nothing":
      if (fallen.length > 0) return holds ? PARTLY : TAKEN_BACK;
      return outcome === "advanced"
        ? { sign: "✓", word: outcome, tone: "good" }
        : { sign: "•", word: outcome, tone: "partly" };
    case "broke":
    case "error":
    case "timeout":
      return { sign: "✗", word: outcome, tone: "bad" };
    case "interrupted":
    case "stopped":
      return { sign: "–", word: outcome, tone: "open" };
    default:
      // One that another ralph wrote is shown as it is.
      return { sign: "?", word: plain(outcome, 20), tone: "open" };
  }
}

const TAKEN_BACK: Standing = { sign: "✗", word: "taken back", tone: "bad" };
const PARTLY: Standing = { sign: "•", word: "partly taken back", tone: "partly" };

/** The outcome as it was recorded; a story that passed then may have been taken back since. */
export function outcomeWords(
  { outcome, detail }: Pick<Iteration, "outcome" | "detail">,
  standing: string,
): string | null {
  const words = [outcome, detail].filter(Boolean).join(": ");
  const isLater = outcome === "advanced" && standing === TAKEN_BACK.word;
  return isLater ? `${words}; taken back since` : words || null;
}
