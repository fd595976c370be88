/** How a round stands: what came of it, and whether that still holds. Pure. */
import type { Claim, Iteration } from "../store/model.ts";

export interface Standing {
  sign: "✓" | "•" | "✗" | "…";
  /** In words: the sign never stands alone. */
  word: string;
  tone: "good" | "partly" | "bad" | "open";
}

/**
 * The sign of an iteration. An outcome is recorded once, and a claim may be taken back later, as by the
 * run of all gates at the end: what was taken back has no sign of success. `isOpen`: its session runs,
 * so that one without an outcome is under way.
 */
export function standingOf(
  { outcome }: Pick<Iteration, "outcome">,
  { claims, isOpen }: { claims: readonly Pick<Claim, "held">[]; isOpen: boolean },
): Standing {
  if (outcome === null) {
    return isOpen
      ? { sign: "…", word: "under way", tone: "open" }
      : { sign: "✗", word: "no outcome", tone: "bad" };
  }
  const fallen = claims.some(({ held }) => held === false);
  const holds = claims.some(({ held }) => held === true);
  switch (outcome) {
    case "advanced":
      if (fallen && !holds) return TAKEN_BACK;
      return fallen
        ? { sign: "•", word: "advanced in part", tone: "partly" }
        : { sign: "✓", word: outcome, tone: "good" };
    case "worked":
      return fallen ? TAKEN_BACK : { sign: "•", word: outcome, tone: "partly" };
    case "nothing":
      return fallen ? TAKEN_BACK : { sign: "✗", word: outcome, tone: "bad" };
    default:
      return { sign: "✗", word: outcome, tone: "bad" };
  }
}

const TAKEN_BACK: Standing = { sign: "✗", word: "taken back", tone: "bad" };

/** The outcome as it was recorded; a story that passed then may have been taken back since. */
export function outcomeWords(
  { outcome, detail }: Pick<Iteration, "outcome" | "detail">,
  standing: string,
): string | null {
  const words = [outcome, detail].filter(Boolean).join(": ");
  const isLater = outcome === "advanced" && standing === TAKEN_BACK.word;
  return isLater ? `${words}; taken back since` : words || null;
}
