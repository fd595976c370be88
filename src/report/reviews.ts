/** Reviews in words. Pure. */
import type { Review, Usage } from "../store/model.ts";
import { costWords } from "../terminal/cost.ts";
import { duration, plural } from "../terminal/format.ts";
import { plain } from "../terminal/plain.ts";

/** What was reviewed, what came of it, what it took; safe to print. */
export function reviewWords(review: Review): string {
  const { stories, outcome, detail, model, durationMs, usage, findings } = review;
  const facts = [
    ...model === null ? [] : [plain(model, 80)],
    ...durationMs === null ? [] : [duration(durationMs)],
    ...outcome === null ? [] : [usage ? costWords(usage) : "cost unknown"],
  ];
  // What was found is told by itself.
  const why = findings.length > 0 || detail === null ? "" : `: ${plain(detail, 1_000)}`;
  const of = plain(stories.join(", "), 200);
  return `review of ${of}: ${outcome ?? "under way"} (${facts.join(", ")})${why}`;
}

/** What reviews cost in all, beside the work itself; undefined where there was none. */
export function reviewCost(reviews: readonly Review[]): string | undefined {
  if (reviews.length === 0) return undefined;
  const sum = (of: keyof Usage) => reviews.reduce((all, { usage }) => all + (usage?.[of] ?? 0), 0);
  const cost = {
    costUsd: sum("costUsd"),
    derivedCostUsd: sum("derivedCostUsd"),
    unpricedCalls: sum("unpricedCalls"),
  };
  const isUnknown = reviews.some(({ outcome, usage }) => outcome !== null && !usage);
  return `${costWords(cost)}${isUnknown ? " and more" : ""} for ${
    plural(reviews.length, "review")
  }`;
}
