/** What git says of the tree, waited for in sight of others: a large tree, or a git that hangs. */
import { type Clock, soonAfter } from "../clock.ts";
import type { TreeState } from "../host/git/tree_state.ts";
import { type Activity, waitingForGit } from "../loop/activity.ts";
import type { LoopTools } from "../loop/context.ts";
import { tellIfSlow } from "../loop/server/retry.ts";

/** How long git may go on once a person has said stop: what the turn left is worth a moment. */
const AFTER_STOP_MS = 5_000;

export const READING_TREE = waitingForGit("it reads the working tree");

/**
 * The same answers; slow ones are told, and given up soon after `signal` has aborted. What was read
 * for the last state is not read again for the next: of 60,000 untracked files each would be.
 */
export function patientTree(
  tree: LoopTools["tree"],
  { clock, signal, tell }: {
    clock: Clock;
    signal: AbortSignal;
    tell: (activity: Activity) => void;
  },
): LoopTools["tree"] {
  async function ask<T>(question: (impatient: AbortSignal) => Promise<T>): Promise<T> {
    const limit = soonAfter(signal, { clock, ms: AFTER_STOP_MS });
    try {
      return await tellIfSlow(question(limit.signal), { clock, slow: READING_TREE, tell });
    } finally {
      limit.cancel();
    }
  }
  let last: TreeState | undefined;
  return {
    async state(root, known) {
      const state = await ask((impatient) => tree.state(root, last ?? known, impatient));
      last = state ?? last;
      return state;
    },
    change: (root, between) => ask((impatient) => tree.change(root, between, impatient)),
  };
}
