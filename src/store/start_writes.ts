/** How a session's start and continuation are written. Documented where the store is: `store.ts`. */
import { RalphError } from "../error.ts";
import { iterationParts } from "./iteration_parts.ts";
import {
  activityColumns,
  assignments,
  type Columns,
  insertInto,
  type Writing,
} from "./leased_writes.ts";
import type { Lease, NewSession, SessionStart, WorkerSettings } from "./model.ts";

/** A session that a worker starts or takes over. */
export function startWrites({ one, change, atomically, times, updateSession }: Writing) {
  function insertStart(sessionId: number, { settings, tree, choices }: SessionStart): void {
    const columns = { session_id: sessionId, settings, tree, choices };
    const more =
      "ON CONFLICT DO UPDATE SET settings = excluded.settings, choices = excluded.choices";
    change(insertInto("session_starts", columns, more), columns);
  }

  const { isOverNow, beginAnew } = resuming({ one, change });

  return {
    startSession(task: NewSession, worker: WorkerSettings, start: SessionStart): Lease {
      return atomically(() => {
        const columns = newSession(task, worker, times.now());
        const more = "ON CONFLICT DO NOTHING RETURNING id, epoch";
        const row = one(insertInto("sessions", columns, more), columns);
        if (!row) {
          throw new RalphError("conflict", `a session of \`${task.taskName}\` is running already`);
        }
        const sessionId = Number(row.id);
        insertStart(sessionId, start);
        return { sessionId, epoch: Number(row.epoch) };
      });
    },

    continueSession(sessionId: number, worker: WorkerSettings, start: SessionStart): Lease {
      return atomically(() => {
        const { said, accepted, only_story, ...columns } = workerColumns(worker, times.now());
        const aloneMs = Math.round(worker.aloneMs ?? 0);
        iterationParts({ change }).takeUp(sessionId, { aloneMs, now: times.seen() });
        const isOver = worker.resumes && isOverNow(sessionId);
        const row = one(
          `UPDATE sessions SET status = 'running', reason = NULL, detail = NULL, ended_at = NULL,
            epoch = epoch + 1, said = coalesce(@said, said), accepted = max(accepted, @accepted),
            only_story = coalesce(@only_story, only_story),
            ran_before_ms = ran_before_ms + @aloneMs + max(0, coalesce(round((julianday(worker_seen_at)
              - julianday(worker_started_at)) * 86400000), 0)),
            ${assignments(columns)}
          WHERE id = @sessionId AND earlier IS NULL
            AND (status = 'checkpointed' OR (status = 'failed'
              AND reason IN ('worker_died', 'worker_ended'))
              OR @isOver = 1 AND status IN ('stopped', 'failed'))
          RETURNING id, epoch`,
          { ...columns, said, accepted, only_story, sessionId, aloneMs, isOver: isOver ? 1 : 0 },
        );
        if (!row) throw new RalphError("conflict", `session ${sessionId} cannot be continued`);
        insertStart(sessionId, start);
        if (isOver) beginAnew(sessionId);
        return { sessionId: Number(row.id), epoch: Number(row.epoch) };
      });
    },

    setStartTree(lease: Lease, tree: string): void {
      atomically(() => {
        updateSession(lease, {});
        change("UPDATE session_starts SET tree = @tree WHERE session_id = @sessionId", {
          sessionId: lease.sessionId,
          tree,
        });
      });
    },
  };
}

/** Going on with a session that had ended. */
function resuming({ one, change }: Pick<Writing, "one" | "change">) {
  const isOverNow = (sessionId: number): boolean =>
    one(
      `SELECT 1 FROM sessions WHERE id = @sessionId AND status IN ('stopped', 'failed')
        AND coalesce(reason, '') NOT IN ('worker_died', 'worker_ended')`,
      { sessionId },
    ) !== undefined;

  /** What made it end is not counted again, and what it had kept went at its end. */
  const beginAnew = (sessionId: number): void => {
    change(
      `UPDATE sessions SET resumed_after = (SELECT count(*) FROM iterations
        WHERE session_id = @sessionId) WHERE id = @sessionId`,
      { sessionId },
    );
    change("UPDATE kept_files SET session_id = 0 WHERE session_id = @sessionId", { sessionId });
  };

  return { isOverNow, beginAnew };
}

function newSession(task: NewSession, worker: WorkerSettings, now: string): Columns {
  return {
    task_name: task.taskName,
    task_dir: task.taskDir,
    project_root: task.projectRoot,
    status: "running",
    started_at: now,
    ...workerColumns(worker, now),
  };
}

/** What a worker brings to a session, new or not. */
function workerColumns(worker: WorkerSettings, now: string) {
  return {
    ...activityColumns("starting", now),
    max_iterations: worker.maxIterations,
    model: worker.model ?? null,
    agent: worker.agent ?? null,
    server_url: worker.serverUrl,
    server_port: worker.serverPort,
    worker_pid: worker.workerPid,
    worker_version: worker.workerVersion,
    worker_boot: worker.workerBoot ?? null,
    worker_unit: worker.workerUnit ?? null,
    said: worker.said ?? null,
    accepted: worker.accepted ? 1 : 0,
    only_story: worker.onlyStory ?? null,
    worker_started_at: now,
    worker_seen_at: now,
    updated_at: now,
  };
}
