/** How a project's queue is written. Documented where the store is: `store.ts`. */
import { assignments, insertInto, type Writing } from "./leased_writes.ts";
import type { NewQueued, QueuedState, QueuedTask } from "./model.ts";

/** Puts tasks into a queue. */
function enqueueing({ one, change, atomically, times }: Writing) {
  const openQueue = (root: string) =>
    one("SELECT id FROM queues WHERE project_root = @root AND ended_at IS NULL", { root })?.id;
  return {
    enqueue({ projectRoot, failFast, maxCostUsd, maxTokens, parallel, tasks }: NewQueued): void {
      atomically(() => {
        const said = Object.entries({
          fail_fast: failFast === undefined ? undefined : Number(failFast),
          max_cost_usd: maxCostUsd,
          max_tokens: maxTokens,
          parallel,
        }).flatMap(([name, value]) => value === undefined ? [] : [[name, value] as const]);
        let id = openQueue(projectRoot) ?? null;
        if (id === null) {
          change("DELETE FROM queues WHERE project_root = @projectRoot", { projectRoot });
          const queue = { fail_fast: 0, project_root: projectRoot, created_at: times.now() };
          const columns = { ...queue, ...Object.fromEntries(said) };
          id = one(insertInto("queues", columns, "RETURNING id"), columns)?.id ?? null;
        } else if (said.length > 0) {
          const columns = Object.fromEntries(said);
          change(`UPDATE queues SET ${assignments(columns)} WHERE id = @id`, { ...columns, id });
        }
        for (const { taskName, taskDir, flags, dependsOn, worktree } of tasks) {
          const columns = {
            queue_id: id,
            task_name: taskName,
            task_dir: taskDir,
            flags,
            depends_on: JSON.stringify(dependsOn),
            worktree: worktree ? 1 : 0,
            state: "waiting",
            queued_at: times.now(),
          };
          change(insertInto("queued_tasks", columns, "ON CONFLICT DO NOTHING"), columns);
        }
      });
    },
  };
}

export function queueWrites(writing: Writing) {
  const { change, times } = writing;
  return {
    ...enqueueing(writing),

    beginQueued(id: number, { session, epoch }: QueuedTask["before"]): boolean {
      return change(
        `UPDATE queued_tasks SET state = 'running', session_before = @session,
          epoch_before = @epoch WHERE id = @id AND state = 'waiting'`,
        { id, session, epoch },
      ) > 0;
    },

    bindQueued(id: number, sessionId: number): void {
      change("UPDATE queued_tasks SET session_id = @sessionId WHERE id = @id", { id, sessionId });
    },

    endQueued(
      id: number,
      { from, state, why }: {
        from: readonly ("waiting" | "running")[];
        state: Exclude<QueuedState, "waiting" | "running">;
        why: string;
      },
    ): boolean {
      return change(
        `UPDATE queued_tasks SET state = @state, why = @why, ended_at = @now
          WHERE id = @id AND state IN (@first, @second)`,
        { id, state, why, now: times.now(), first: from[0], second: from[1] ?? from[0] },
      ) > 0;
    },

    closeQueue(id: number): boolean {
      return change(
        `UPDATE queues SET ended_at = @now WHERE id = @id AND ended_at IS NULL AND NOT EXISTS
          (SELECT 1 FROM queued_tasks WHERE queue_id = @id AND ended_at IS NULL)`,
        { id, now: times.now() },
      ) > 0;
    },
  };
}
