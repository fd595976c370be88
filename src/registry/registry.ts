/**
 * The record of all sessions and their iterations. Every SQL statement on them is here.
 *
 * Who may write what: a running session is written by the worker that holds its task's lock, and
 * each of its writes names the epoch in which it took the session over. A write that finds another
 * epoch changes nothing and throws `LostSession`: somebody took over, and the worker must end.
 */
import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { RalphError } from "../error.ts";
import { type CopyDatabase, keepDailyCopy } from "./backup.ts";
import { makeDurable, openDatabase, transaction } from "./database.ts";
import { requireSameFiles } from "./database_files.ts";
import { migrate, type Migration, refuseUnusable, schemaVersion } from "./migrations.ts";
import type {
  GateRecord,
  IterationEnd,
  Lease,
  NewSession,
  Note,
  Reason,
  SessionStart,
  Status,
  WorkerSettings,
} from "./model.ts";
import { readers } from "./readers.ts";
import { damageOf } from "./soundness.ts";
import { statements } from "./statements.ts";
import { damaged, databaseError } from "./store_error.ts";

/** The session is no longer this worker's. */
export class LostSession extends RalphError {
  constructor(lease: Lease) {
    super(
      "conflict",
      `session ${lease.sessionId} is not this worker's any more: another one took it over, or its ` +
        "record was changed",
    );
  }
}

export interface RegistryOptions {
  path: string;
  migrations: readonly Migration[];
  /** Epoch milliseconds. */
  now: () => number;
  /** Milliseconds of a clock that nobody sets, for durations; default: `now`. */
  monotonic?: () => number;
  /** How long a statement waits for a program that keeps the database locked; default: 5 000. */
  timeoutMs?: number;
  /** How a copy is made; default: by this program itself, which must have every permission. */
  copyDatabase?: CopyDatabase;
}

export type Registry = ReturnType<typeof openRegistry>;
export type ReadOnlyRegistry = Pick<
  Registry,
  | "running"
  | "sessions"
  | "session"
  | "lastSession"
  | "lastSessions"
  | "sessionsOf"
  | "lastActive"
  | "sessionOfOpenCode"
  | "iterations"
  | "findings"
  | "usage"
  | "showAsDied"
  | "close"
>;

/**
 * Opens the registry for reading and writing, and makes or migrates the database first. What the
 * database refuses, then and later, is thrown as `StoreError`.
 */
export function openRegistry(options: RegistryOptions) {
  const { path, timeoutMs } = options;
  const database = openDatabase(path, { readOnly: false, timeoutMs });
  const utc = () => new Date(options.now()).toISOString();
  const { monotonic = options.now } = options;
  const opened = { at: options.now(), monotonic: monotonic() };
  /** Only what lies between two of these counts: the machine's clock may be set in between. */
  const seen = () => new Date(opened.at + monotonic() - opened.monotonic).toISOString();
  let requireSame: () => void;
  try {
    refuseUnusable(database, options);
    refuseUnsound(database, path);
    makeDurable(database);
    migrate(database, { ...options, appliedAt: utc() });
    requireSame = requireSameFiles(path);
  } catch (error) {
    database.close();
    throw databaseError(error, options);
  }
  const { one, many, change, translate } = statements(database, options);

  /** Every write of a worker. `assignments` may use `@now`. */
  function update(lease: Lease, assignments: string, values: Record<string, SQLInputValue>) {
    const changed = change(
      `UPDATE sessions SET ${assignments}, updated_at = @now, worker_seen_at = @seen
        WHERE id = @sessionId AND epoch = @epoch AND status = 'running'`,
      { ...values, now: utc(), seen: seen(), sessionId: lease.sessionId, epoch: lease.epoch },
    );
    if (changed === 0) throw new LostSession(lease);
  }

  /** The same for an iteration, which must be the worker's own and under way. */
  function updateIteration(
    lease: Lease,
    assignments: string,
    values: Record<string, SQLInputValue>,
  ) {
    const changed = change(
      `UPDATE iterations SET ${assignments} WHERE session_id = @sessionId AND number = @number
        AND outcome IS NULL AND EXISTS (SELECT 1 FROM sessions WHERE id = @sessionId
        AND epoch = @epoch AND status = 'running')`,
      { ...values, sessionId: lease.sessionId, epoch: lease.epoch },
    );
    if (changed === 0) throw new LostSession(lease);
  }

  const settings = (worker: WorkerSettings) => ({
    maxIterations: worker.maxIterations,
    model: worker.model ?? null,
    agent: worker.agent ?? null,
    serverUrl: worker.serverUrl,
    serverPort: worker.serverPort,
    workerPid: worker.workerPid,
    workerVersion: worker.workerVersion,
    workerBoot: worker.workerBoot ?? null,
    workerUnit: worker.workerUnit ?? null,
    said: worker.said ?? null,
    accepted: worker.accepted ? 1 : 0,
  });

  function insertStart(sessionId: number, start: SessionStart): void {
    change(
      `INSERT INTO session_starts (session_id, settings, tree)
        VALUES (@sessionId, @settings, @tree)
        ON CONFLICT DO UPDATE SET settings = excluded.settings`,
      { sessionId, settings: start.settings, tree: start.tree },
    );
  }

  function insertFindings(
    lease: Lease,
    iteration: number,
    { gates, notes, final }: {
      gates: readonly GateRecord[];
      notes: readonly Note[];
      final: boolean;
    },
  ): void {
    const at = { sessionId: lease.sessionId, iteration };
    for (const { passed, ...gate } of gates) {
      change(
        `INSERT INTO gate_results (session_id, iteration, position, final, gate, passed, why,
            output, duration_ms)
          VALUES (@sessionId, @iteration, (SELECT count(*) FROM gate_results
            WHERE session_id = @sessionId AND iteration = @iteration), @final, @gate, @passed,
            @why, @output, @durationMs)`,
        {
          ...at,
          ...gate,
          durationMs: Math.round(gate.durationMs),
          final: final ? 1 : 0,
          passed: passed ? 1 : 0,
        },
      );
    }
    for (const note of notes) {
      change(
        `INSERT INTO session_notes (session_id, iteration, position, about, text)
          VALUES (@sessionId, @iteration, (SELECT count(*) FROM session_notes
            WHERE session_id = @sessionId AND iteration = @iteration), @about, @text)`,
        { ...at, ...note },
      );
    }
  }

  const atomically = <T>(work: () => T): T => translate(() => transaction(database, work));

  return {
    ...readers({ one, many }),

    /**
     * Throws `StoreError` when the database was removed or replaced since it was opened: nothing
     * that is written afterwards would be found again. Costs two calls of stat(2).
     */
    requireSame,

    /** Copies the database beside it, once a day. Throws `StoreError` when that cannot be done. */
    keepDailyCopy: () =>
      keepDailyCopy(path, { now: options.now(), copyDatabase: options.copyDatabase }),

    /** Starts a session. Throws `RalphError` (`conflict`) when the task has a running one. */
    startSession(task: NewSession, worker: WorkerSettings, start: SessionStart): Lease {
      return atomically(() => {
        const row = one(
          `INSERT INTO sessions (task_name, task_dir, project_root, status, activity,
              activity_since, max_iterations, model, agent, server_url, server_port, worker_pid,
              worker_version, worker_boot, worker_unit, said, accepted, worker_started_at, worker_seen_at, started_at,
              updated_at)
            VALUES (@taskName, @taskDir, @projectRoot, 'running', 'starting', @now,
              @maxIterations, @model, @agent, @serverUrl, @serverPort, @workerPid, @workerVersion,
              @workerBoot, @workerUnit, @said, @accepted, @now, @now, @now, @now)
            ON CONFLICT DO NOTHING RETURNING id, epoch`,
          { ...task, ...settings(worker), now: utc() },
        );
        if (!row) {
          throw new RalphError("conflict", `a session of \`${task.taskName}\` is running already`);
        }
        const sessionId = Number(row.id);
        insertStart(sessionId, start);
        return { sessionId, epoch: Number(row.epoch) };
      });
    },

    /** Writes what evidence is measured against from now on. */
    setStartTree(lease: Lease, tree: string): void {
      atomically(() => {
        update(lease, "activity = activity", {});
        change("UPDATE session_starts SET tree = @tree WHERE session_id = @sessionId", {
          sessionId: lease.sessionId,
          tree,
        });
      });
    },

    /**
     * Goes on with a session that was checkpointed or whose worker died. Call it only while holding
     * the task's lock. Its iterations that are still under way are left for `endIteration`. What a
     * person said before stays unless there is something new. Of `start` the settings count, and the
     * tree only for a session of an earlier version, which has none.
     */
    continueSession(sessionId: number, worker: WorkerSettings, start: SessionStart): Lease {
      return atomically(() => {
        const row = one(
          `UPDATE sessions SET status = 'running', reason = NULL, detail = NULL, ended_at = NULL,
            activity = 'starting', activity_since = @now, updated_at = @now, epoch = epoch + 1,
            max_iterations = @maxIterations, model = @model, agent = @agent,
            server_url = @serverUrl, server_port = @serverPort,
            worker_pid = @workerPid, worker_version = @workerVersion, worker_boot = @workerBoot, worker_unit = @workerUnit,
            said = coalesce(@said, said), accepted = max(accepted, @accepted),
            ran_before_ms = ran_before_ms + max(0, coalesce(round((julianday(worker_seen_at)
              - julianday(worker_started_at)) * 86400000), 0)),
            worker_started_at = @now, worker_seen_at = @now
          WHERE id = @sessionId AND earlier IS NULL
            AND (status = 'checkpointed' OR (status = 'failed'
              AND reason IN ('worker_died', 'worker_ended')))
          RETURNING id, epoch`,
          { ...settings(worker), sessionId, now: utc() },
        );
        if (!row) throw new RalphError("conflict", `session ${sessionId} cannot be continued`);
        insertStart(sessionId, start);
        return { sessionId: Number(row.id), epoch: Number(row.epoch) };
      });
    },

    /**
     * Throws `LostSession` when the session is not this worker's any more, and as `requireSame`
     * does. Writes nothing.
     */
    requireLease(lease: Lease): void {
      requireSame();
      const row = one(
        "SELECT 1 FROM sessions WHERE id = @sessionId AND epoch = @epoch AND status = 'running'",
        { ...lease },
      );
      if (!row) throw new LostSession(lease);
    },

    setLogPath(lease: Lease, logPath: string): void {
      update(lease, "log_path = @logPath", { logPath });
    },

    /** What the session does now, for `ralph status`. */
    setActivity(lease: Lease, activity: string): void {
      update(lease, "activity = @activity, activity_since = @now", { activity });
    },

    /** Writes down the iteration that is about to be made, before anything is done for it. */
    beginIteration(
      lease: Lease,
      iteration: {
        number: number;
        storyId: string;
        storyTitle: string;
        openCodeTitle: string;
        headBefore?: string;
      },
    ): void {
      atomically(() => {
        update(
          lease,
          "current_story = @storyId, activity = 'prompting', activity_since = @now",
          { storyId: iteration.storyId },
        );
        change(
          `INSERT INTO iterations (session_id, number, story_id, story_title, opencode_title,
              head_before, started_at)
            VALUES (@sessionId, @number, @storyId, @storyTitle, @openCodeTitle, @headBefore, @now)`,
          {
            sessionId: lease.sessionId,
            ...iteration,
            headBefore: iteration.headBefore ?? null,
            now: utc(),
          },
        );
      });
    },

    /** Binds the OpenCode session to the iteration, before it gets its prompt. */
    setOpenCodeSession(lease: Lease, number: number, openCodeSessionId: string): void {
      atomically(() => {
        update(lease, "opencode_session_id = @openCodeSessionId", { openCodeSessionId });
        updateIteration(lease, "opencode_session_id = @openCodeSessionId", {
          number,
          openCodeSessionId,
        });
      });
    },

    /** The server took the prompt. */
    setPrompted(lease: Lease, number: number): void {
      atomically(() => {
        update(lease, "activity = 'agent working', activity_since = @now", {});
        updateIteration(lease, "prompted_at = @promptedAt", { number, promptedAt: utc() });
      });
    },

    /** Writes down what an agent asked and is answered. `at` in epoch milliseconds. */
    addAnswer(
      lease: Lease,
      number: number,
      { asked, answer, at }: { asked: string; answer: string; at: number },
    ): void {
      atomically(() => {
        update(lease, "activity = activity", {});
        change(
          `INSERT INTO answers (session_id, iteration, position, asked, answer, answered_at)
            VALUES (@sessionId, @number, (SELECT count(*) FROM answers
              WHERE session_id = @sessionId AND iteration = @number), @asked, @answer, @at)`,
          { sessionId: lease.sessionId, number, asked, answer, at: new Date(at).toISOString() },
        );
      });
    },

    /** Outcome and usage of an iteration, all at once. */
    endIteration(lease: Lease, end: IterationEnd): void {
      atomically(() => {
        update(lease, "activity = 'between iterations', activity_since = @now", {});
        updateIteration(
          lease,
          `outcome = @outcome, detail = @detail, stories_passed = @storiesPassed,
            head_after = @headAfter, commits = @commits, files_changed = @filesChanged,
            input_tokens = @inputTokens, output_tokens = @outputTokens,
            reasoning_tokens = @reasoningTokens, cache_read_tokens = @cacheReadTokens,
            cache_write_tokens = @cacheWriteTokens, cost_usd = @costUsd,
            model_calls = @modelCalls, derived_cost_usd = @derivedCostUsd,
            unpriced_calls = @unpricedCalls, blocked = @blocked, failure = @failure,
            failure_key = @failureKey, duration_ms = @durationMs, retry_at = @retryAt, counts = @counts,
            ended_at = @endedAt`,
          {
            number: end.number,
            outcome: end.outcome,
            detail: end.detail ?? null,
            storiesPassed: JSON.stringify(end.storiesPassed),
            headAfter: end.headAfter ?? null,
            commits: end.commits ?? null,
            filesChanged: end.filesChanged ?? null,
            inputTokens: end.usage?.inputTokens ?? null,
            outputTokens: end.usage?.outputTokens ?? null,
            reasoningTokens: end.usage?.reasoningTokens ?? null,
            cacheReadTokens: end.usage?.cacheReadTokens ?? null,
            cacheWriteTokens: end.usage?.cacheWriteTokens ?? null,
            costUsd: end.usage?.costUsd ?? null,
            modelCalls: end.usage?.modelCalls ?? null,
            derivedCostUsd: end.usage?.derivedCostUsd ?? null,
            unpricedCalls: end.usage?.unpricedCalls ?? null,
            blocked: end.blocked ?? null,
            failure: end.failure ?? null,
            failureKey: end.failureKey ?? null,
            durationMs: end.durationMs === undefined ? null : Math.round(end.durationMs),
            retryAt: end.refusal ? new Date(end.refusal.until).toISOString() : null,
            counts: end.refusal?.free ? 0 : 1,
            endedAt: utc(),
          },
        );
        const { gates = [], claims = [], notes = [] } = end;
        insertFindings(lease, end.number, { gates, notes, final: false });
        for (const { storyId, held, why } of claims) {
          change(
            `INSERT INTO claims (session_id, iteration, story_id, held, why)
              VALUES (@sessionId, @iteration, @storyId, @held, @why)`,
            {
              sessionId: lease.sessionId,
              iteration: end.number,
              storyId,
              held: held === null ? null : held ? 1 : 0,
              why,
            },
          );
        }
      });
    },

    /**
     * What the run of all gates showed after `iteration`, the last one, and which claims of the
     * session it took back.
     */
    recordFinalRun(
      lease: Lease,
      run: {
        iteration: number;
        gates: readonly GateRecord[];
        notes: readonly Note[];
        takenBack: readonly { storyId: string; why: string }[];
        failure?: string;
        failureKey?: string;
      },
    ): void {
      atomically(() => {
        update(lease, "activity = 'between iterations', activity_since = @now", {});
        insertFindings(lease, run.iteration, { ...run, final: true });
        if (run.failure !== undefined) {
          change(
            `UPDATE iterations SET failure = @failure, failure_key = @failureKey
              WHERE session_id = @sessionId AND number = @iteration`,
            {
              sessionId: lease.sessionId,
              iteration: run.iteration,
              failure: run.failure,
              failureKey: run.failureKey ?? null,
            },
          );
        }
        for (const { storyId, why } of run.takenBack) {
          change(
            `UPDATE claims SET held = 0, why = @why
              WHERE session_id = @sessionId AND story_id = @storyId AND held IS NOT 0`,
            { sessionId: lease.sessionId, storyId, why },
          );
        }
      });
    },

    /** The worker's last write. */
    endSession(
      lease: Lease,
      end: { status: Exclude<Status, "running">; reason: Reason; detail: string },
    ): void {
      update(
        lease,
        `status = @status, reason = @reason, detail = @detail, activity = NULL,
          activity_since = NULL, ended_at = @now`,
        end,
      );
    },

    /**
     * Marks a running session as failed because its worker is dead. Call it only while holding the
     * task's lock: that is what proves it. Returns whether there was anything to mark.
     */
    markWorkerDied(session: { id: number; epoch: number }, detail: string): boolean {
      return change(
        `UPDATE sessions SET status = 'failed', reason = 'worker_died', detail = @detail,
            activity = NULL, activity_since = NULL, ended_at = @now, updated_at = @now
          WHERE id = @id AND epoch = @epoch AND status = 'running'`,
        { id: session.id, epoch: session.epoch, detail, now: utc() },
      ) > 0;
    },

    /** Removes an ended session and its iterations. Returns whether it was there. */
    forget(sessionId: number): boolean {
      return change("DELETE FROM sessions WHERE id = @sessionId AND status <> 'running'", {
        sessionId,
      }) > 0;
    },

    close(): void {
      database.close();
    },
  };
}

/** What is written into a damaged database may be lost, and may damage more of it. */
function refuseUnsound(database: DatabaseSync, path: string): void {
  const [first] = damageOf(database, { path, deep: false }) ?? [];
  if (first !== undefined) throw damaged(path, first);
}

/**
 * Opens the registry for reading only: nothing is made, migrated or locked. Returns undefined when
 * there is no database yet, or one that this program has first to make ready.
 */
export function openRegistryReadOnly(
  { path, migrations, timeoutMs }: Omit<RegistryOptions, "now">,
): ReadOnlyRegistry | undefined {
  const database = openDatabase(path, { readOnly: true, timeoutMs });
  try {
    if (schemaVersion(database) !== (migrations.at(-1)?.number ?? 0)) {
      database.close();
      return undefined;
    }
  } catch (error) {
    database.close();
    throw databaseError(error, { path, timeoutMs });
  }
  const { one, many } = statements(database, { path, timeoutMs });
  return { ...readers({ one, many }), close: () => database.close() };
}
