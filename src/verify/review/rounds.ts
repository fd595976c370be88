/** How often the same story was refused. Pure. */
import type { Review } from "../../store/model.ts";
import { plain } from "../../terminal/plain.ts";
import { refusedIn } from "./verdict.ts";
import { plural } from "../../terminal/plural.ts";

/** Of each side, in UTF-16 units. */
const SIDE_MAX = 700;

/**
 * Why a session ends since a story that is still open was refused `rounds` times in a row, with what
 * both sides say; undefined while none was.
 */
export function refusedTooOften(
  reviews: readonly Pick<Review, "outcome" | "stories" | "findings" | "agentSaid">[],
  { rounds, open }: { rounds: number; open: readonly string[] },
): string | undefined {
  for (const storyId of open) {
    const verdicts = reviews.filter(({ outcome, stories }) =>
      (outcome === "passed" || outcome === "refused") && stories.includes(storyId)
    ).map((review) => ({
      agentSaid: review.agentSaid,
      refused: refusedIn(review.findings).find((one) => one.storyId === storyId),
    }));
    const inRow = verdicts.length - 1 - verdicts.findLastIndex(({ refused }) => !refused);
    const last = verdicts.at(-1);
    if (inRow < rounds || !last?.refused) continue;
    const agent = last.agentSaid?.trim();
    return `${plain(storyId, 60)} was refused by its reviewer ${plural(inRow, "time")} in a row. ` +
      `The reviewer: ${plain(last.refused.why, SIDE_MAX)}. ` +
      `The agent: ${agent ? plain(agent, SIDE_MAX) : "said nothing"}`;
  }
  return undefined;
}
