/** What git shows for the work of a session. */
import type { TreeChange, TreeState } from "../host/git/tree_state.ts";
import { plain } from "../terminal/plain.ts";
import { listed, NO_ANSWER } from "./undelivered.ts";

export interface EvidenceTree {
  state(known?: TreeState): Promise<TreeState | undefined>;
  change(between: { before: TreeState; after: TreeState }): Promise<TreeChange | undefined>;
  /** What the session's work is measured against; undefined when git could not say. */
  start: TreeState | undefined;
  /** Called when that moves, since gates leave files behind too. */
  onStartMoved(start: TreeState): Promise<void>;
}

export interface Evidence {
  /** The work tree as it is now; undefined when git cannot say. */
  treeNow(): Promise<TreeState | undefined>;
  /**
   * Files that only the gates made or changed are no evidence of anybody's work. `before`: the tree
   * before they ran.
   */
  discountGates(before: TreeState | undefined): Promise<void>;
  /** Why nothing shows that anything was done; undefined when something does. */
  missing(): Promise<string | undefined>;
  /** Why what was done is in no commit; undefined when some of it is. */
  uncommitted(): Promise<string | undefined>;
}

/** `taskPlace`, relative to the project root: what changes there is no evidence. */
export function createEvidence(tree: EvidenceTree, taskPlace: string): Evidence {
  let { start } = tree;
  return {
    treeNow: () => tree.state(start),

    async discountGates(before) {
      const after = before && start && await tree.state(before);
      if (!before || !start || !after) return;
      const byGates = (await tree.change({ before, after }))?.files ?? [];
      if (byGates.length === 0) return;
      const work = await tree.change({ before: start, after: before });
      if (!work) return;
      const byWork = new Set(work.files);
      const changed = new Map(start.changed);
      for (const file of byGates) {
        const now = after.changed.get(file);
        if (now && !byWork.has(file)) changed.set(file, now);
      }
      start = { ...start, changed };
      await tree.onStartMoved(start);
    },

    async uncommitted() {
      if (!start) return undefined;
      const now = await tree.state(start);
      const change = now && await tree.change({ before: start, after: now });
      const files = change?.files ?? [];
      if (files.length === 0 || !files.every((file) => now?.changed.has(file))) return undefined;
      return `nothing of what was done is committed: ${listed(files)}`;
    },

    async missing() {
      if (!start) return "git could not say what was there when the session began";
      const now = await tree.state(start);
      if (!now) {
        return `git cannot say what is there now: ${NO_ANSWER}`;
      }
      const change = await tree.change({ before: start, after: now });
      if (!change) {
        return "git cannot say what changed since the session began: its history was rewritten, the " +
          "repository replaced by another one, or it does not answer";
      }
      if (change.files.length > 0) return undefined;
      const nothing = `nothing outside ${taskPlace} differs from when the session began` +
        (change.takenIn ? ", but for commits that were there before" : "");
      const known = new Set(start.repositories);
      const own = (now.repositories ?? []).filter((one) => !known.has(one));
      if (own.length === 0) return nothing;
      return `${nothing}: ${own.map((one) => `\`${plain(one, 80)}\``).join(", ")} is now a git ` +
        "repository of its own, whose files are no part of this one";
    },
  };
}
