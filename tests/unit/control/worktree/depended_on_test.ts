import assert from "node:assert/strict";
import { worktreesOf } from "../../../../src/control/worktree/depended_on.ts";
import type { Worktree } from "../../../../src/store/model.ts";

const tree = (taskName: string, removedAt: string | null = null) =>
  ({ taskName, homeDir: `/p/tasks/${taskName}`, removedAt }) as Worktree;

Deno.test("what a task depends on is named in the order in which it says so, whichever was first", () => {
  const trees = [tree("c"), tree("b"), tree("a", "2026-01-01"), tree("a")];
  const found = worktreesOf(["/p/tasks/a", "/p/tasks/none", "/p/tasks/c"], trees);
  assert.deepEqual(found, [trees[3], trees[0]]);
});
