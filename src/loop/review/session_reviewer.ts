/** The reviewer of a session: what it is told and found goes into the session's record. */
import * as path from "node:path";
import { loopFiles, progressPath } from "../../task/task_files.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import type { ReviewSettings } from "../../settings/settings.ts";
import { activityTeller } from "../activity.ts";
import type { LoopTools, SessionContext } from "../context.ts";
import { requireTurn } from "../iteration/follow_turn.ts";
import type { Reviewer } from "./model.ts";
import { createReviewer, type ReviewerOrder } from "./reviewer.ts";
import type { ReviewBook } from "./tools.ts";

/** In characters: OpenCode shows titles in one line. */
const TITLE_MAX = 160;

/** Undefined where the session's settings want none. */
export function sessionReviewer(
  tools: LoopTools,
  { lease, task, settings, treeReviewed }: Pick<
    SessionContext,
    "lease" | "task" | "settings" | "treeReviewed"
  >,
  order: Pick<ReviewerOrder, "agent" | "prices" | "spent" | "pauses" | "signal">,
): Reviewer | undefined {
  const { review, limits, model } = settings;
  if (!review) return undefined;
  const told = {
    ...tools,
    book: bookOf(tools, { lease, task, treeReviewed }),
    tell: activityTeller(tools, lease),
  };
  return createReviewer(told, {
    ...order,
    ...reviewOrder(task, { review, model }),
    limits,
    beforeAbort: () => requireTurn(tools.store, lease),
    withoutIt: `ralph run ${shellWord(task.name)} --no-review`,
  });
}

/** What of a reviewer's order is a matter of its task and of the settings. */
export function reviewOrder(
  task: SessionContext["task"],
  { review, model }: { review: ReviewSettings; model: SessionContext["settings"]["model"] },
): Pick<ReviewerOrder, "root" | "when" | "model" | "hidden" | "loopFiles"> {
  return {
    root: task.projectRoot,
    when: review.when,
    model: review.model ?? model,
    hidden: [`*${path.relative(task.projectRoot, progressPath(task))}`],
    loopFiles: loopFiles(task),
  };
}

function bookOf(
  { store, recorder }: LoopTools,
  { lease, task, treeReviewed }: Pick<SessionContext, "lease" | "task" | "treeReviewed">,
): ReviewBook {
  return {
    earlier({ iteration, final, stories }) {
      const ids = JSON.stringify(stories.map(({ id }) => id));
      return store.reviews(lease.sessionId).filter((review) =>
        review.iteration === iteration && review.final === final &&
        JSON.stringify(review.stories) === ids
      );
    },
    async begin(review) {
      const number = store.reviews(lease.sessionId).length + 1;
      const openCodeTitle = plain(
        `${task.name} · session ${lease.sessionId} · review ${number} · ${
          review.stories.join(", ")
        }`,
        TITLE_MAX,
      );
      const id = await recorder.write((store) =>
        store.beginReview(lease, { ...review, openCodeTitle })
      );
      return { id, openCodeTitle };
    },
    opened: (id, openCodeSessionId) =>
      recorder.write((store) => store.setReviewSession(lease, id, openCodeSessionId)),
    prompted: (id) => recorder.note((store) => store.setReviewPrompted(lease, id)),
    tree: {
      keep: (tree) => recorder.write(() => treeReviewed.keep(tree)),
      kept: treeReviewed.kept,
    },
    end: (id, end) => recorder.write((store) => store.endReview(lease, id, end)),
  };
}
