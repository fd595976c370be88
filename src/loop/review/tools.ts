/** What a review is done with. */
import type { Clock } from "../../clock.ts";
import type { TreeState } from "../../host/git/tree_state.ts";
import type { NewReview, Review, ReviewEnd } from "../../store/model.ts";
import type { Activity } from "../activity.ts";
import type { LoopTools } from "../context.ts";
import type { ReviewRequest } from "./model.ts";

/** Where it is written down what was asked for, and what came of it. */
export interface ReviewBook {
  /** What was asked for before, of the same stories at the same time. */
  earlier(request: ReviewRequest): readonly Review[];
  begin(review: Omit<NewReview, "openCodeTitle">): Promise<Pick<Review, "id" | "openCodeTitle">>;
  opened(id: number, openCodeSessionId: string): Promise<void>;
  prompted(id: number): void;
  end(id: number, end: ReviewEnd): Promise<void>;
  /** The tree as the last of them was shown it: kept before that one is begun. */
  tree: { keep(tree: TreeState | undefined): Promise<void>; kept(): TreeState | undefined };
}

export type ReviewerTools =
  & Pick<LoopTools, "client" | "turns" | "changes" | "linesOf" | "readText" | "emit">
  & { tree: Pick<LoopTools["tree"], "state" | "change"> }
  /** Absent: it counts for no limit on turns at once, as where a person asks for a review now. */
  & Partial<Pick<LoopTools, "place" | "limit">>
  & { clock: Clock; book: ReviewBook; tell: (activity: Activity) => void };
