/** `ralph clean --worktrees`: removes those with which nothing would be lost. */
import { openUserStore } from "../app/store.ts";
import { recordedWorktrees } from "../control/worktree/find.ts";
import { type Inspected, inspectWorktree, removeInspected } from "../control/worktree/remove.ts";
import { isThere } from "../host/git/worktrees.ts";
import { plural } from "../terminal/format.ts";
import { commandJson } from "../terminal/json_text.ts";
import { plain } from "../terminal/plain.ts";
import { table } from "../terminal/table.ts";
import type { CommandContext } from "./command_context.ts";
import { EXIT } from "./exit_codes.ts";
import { confirmed } from "./output/confirm.ts";
import { columnsOf } from "./output/streams.ts";
import { requireWorktree } from "./select/worktree.ts";

export async function cleanWorktrees(
  context: CommandContext,
  { task, dryRun, yes, json }: { task?: string; dryRun: boolean; yes: boolean; json: boolean },
): Promise<number> {
  const { out, err } = context.output;
  const trees = task === undefined
    ? recordedWorktrees(context).filter(({ removedAt }) => removedAt === null)
    : [requireWorktree(context, task)];
  const found: Inspected[] = [];
  for (const tree of trees) found.push(await inspectWorktree(context, tree));
  const free = found.filter(({ stays }) => stays === undefined);
  if (!json) tell(context, found);
  const agreed = free.length > 0 && !dryRun && (yes || await ask(context, free.length));
  const removed = agreed ? await remove(context, free) : 0;
  if (json) {
    const worktrees = found.map(({ tree: { taskName, root, branch }, stays, branchAt }) => ({
      task: taskName,
      root,
      branch,
      stays: stays ?? null,
      branchToo: branchAt !== undefined,
    }));
    out.line(commandJson({ worktrees, removed, dryRun }));
  } else if (agreed) out.line(`removed ${plural(removed, "worktree")}`);
  else if (found.length > 0) err.line("nothing was changed");
  return EXIT.done;
}

function tell(context: CommandContext, found: readonly Inspected[]): void {
  const { out, err } = context.output;
  if (found.length === 0) return err.line("There are no worktrees.");
  const rows = found.map(({ tree: { taskName, root, branch }, stays, branchAt }) => [
    plain(taskName, 60),
    plain(root, 200),
    stays !== undefined ? `stays: ${stays}` : (isThere(root) ? "can go" : "is gone already") +
      (branchAt === undefined
        ? `; the branch ${plain(branch, 80)} stays`
        : `, with its branch ${plain(branch, 80)}`),
  ]);
  for (const line of table(rows, columnsOf(out))) out.line(line);
}

function ask(context: CommandContext, count: number): Promise<boolean> {
  return confirmed(context, {
    message: `Remove ${plural(count, "worktree")}?`,
    what: "remove them",
    command: ["clean", "--worktrees"],
    byDefault: false,
    whenGivenUp: "nothing was removed",
  });
}

async function remove(context: CommandContext, free: readonly Inspected[]): Promise<number> {
  const store = openUserStore(context);
  try {
    let removed = 0;
    for (const one of free) {
      const stays = await removeInspected(context, one, store);
      if (stays === undefined) removed++;
      else context.warn(`${plain(one.tree.root, 200)} stays: ${stays}`);
    }
    return removed;
  } finally {
    store.close();
  }
}
