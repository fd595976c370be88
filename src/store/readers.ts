/** What is read of sessions and iterations. Documented where the store is: `store.ts`. */
import type {
  AnswerRecord,
  Findings,
  Iteration,
  Note,
  PrdEdit,
  Queue,
  Session,
  SessionStart,
  SessionUsage,
  Word,
} from "./model.ts";
import {
  iterationOf,
  queuedTaskOf,
  queueOf,
  sessionOf,
  startOf,
  text,
  usageOf,
  wordOf,
  words,
} from "./rows.ts";
import type { Row, Statements } from "./statements.ts";

const SESSION = `SELECT s.*, (SELECT coalesce(max(i.number), s.iterations_before)
  FROM iterations AS i WHERE i.session_id = s.id) AS iterations,
  (SELECT count(*) FROM iterations AS i WHERE i.session_id = s.id AND i.counts = 0) AS free
  FROM sessions AS s`;

/** One whose status was lost is shown, too. */
const ENDED = `${SESSION} WHERE s.status IS NOT 'running'`;

/** What an iteration or a review used. SQLite's sum() may overflow, which is an error. */
const COLUMNS = [
  "input_tokens",
  "output_tokens",
  "reasoning_tokens",
  "cache_read_tokens",
  "cache_write_tokens",
  "cost_usd",
  "derived_cost_usd",
  "model_calls",
  "unpriced_calls",
  "uncounted_calls",
];
const USED_COLUMNS = COLUMNS.join(", ");
const USED = COLUMNS.map((column) => `total(${column}) AS ${column}`).join(", ");

const ALL_USED = `SELECT ${USED}, count(outcome) - count(model_calls) AS unknown,
  count(*) - count(outcome) AS open FROM (
  SELECT outcome, ${USED_COLUMNS} FROM iterations WHERE session_id = @sessionId
  UNION ALL SELECT outcome, ${USED_COLUMNS} FROM reviews WHERE session_id = @sessionId)`;

/** Sessions. */
export function sessionReaders({ one, many }: Pick<Statements, "one" | "many">) {
  const died = new Map<number, string>();
  const toSession = (row: Row): Session => {
    const session = sessionOf(row);
    const detail = died.get(session.id);
    if (session.status !== "running" || detail === undefined) return session;
    const end = { status: "failed", reason: "worker_died", detail } as const;
    return { ...session, ...end, activity: null, activityKind: null, activitySince: null };
  };
  /** Not sorted by SQLite, which would scan all others instead of using their partial index. */
  const recordedAsRunning = (): readonly Session[] =>
    many(`${SESSION} WHERE s.status = 'running'`, {}).map(toSession).sort((a, b) => b.id - a.id);

  return {
    running: () => recordedAsRunning().filter(({ status }) => status === "running"),

    showAsDied(sessionId: number, detail: string): void {
      died.set(sessionId, detail);
    },

    sessions({ limit }: { limit: number }): readonly Session[] {
      const ended = many(`${ENDED} ORDER BY s.id DESC LIMIT @limit`, { limit });
      return [...recordedAsRunning(), ...ended.map(toSession)];
    },

    session(id: number): Session | undefined {
      const row = one(`${SESSION} WHERE s.id = @id`, { id });
      return row && toSession(row);
    },

    lastSession(taskDir: string): Session | undefined {
      const row = one(`${SESSION} WHERE s.task_dir = @taskDir ORDER BY s.id DESC LIMIT 1`, {
        taskDir,
      });
      return row && toSession(row);
    },

    lastSessions(): readonly Session[] {
      return many(
        `${SESSION} JOIN (SELECT max(id) AS id FROM sessions AS t LEFT JOIN worktrees AS w
          ON w.task_dir = t.task_dir GROUP BY coalesce(w.home_dir, t.task_dir), t.task_name) AS last
          ON s.id = last.id ORDER BY s.id DESC`,
        {},
      ).map(toSession);
    },

    sessionsOf(taskDir: string, { limit }: { limit: number }): readonly Session[] {
      return many(
        `${SESSION} WHERE s.task_dir = @taskDir ORDER BY s.id DESC LIMIT @limit`,
        { taskDir, limit },
      ).map(toSession);
    },

    lastActive(): Session | undefined {
      const row = one(`${SESSION} ORDER BY s.updated_at DESC, s.id DESC LIMIT 1`, {});
      return row && toSession(row);
    },

    sessionOfOpenCode(openCodeSessionId: string): Session | undefined {
      const row = one(
        `${SESSION} WHERE s.opencode_session_id = @openCodeSessionId OR s.id IN
          (SELECT session_id FROM iterations WHERE opencode_session_id = @openCodeSessionId
            UNION SELECT session_id FROM reviews WHERE opencode_session_id = @openCodeSessionId)
          ORDER BY s.id DESC LIMIT 1`,
        { openCodeSessionId },
      );
      return row && toSession(row);
    },
  };
}

/** What a session began with. */
export function startReaders({ one }: Pick<Statements, "one">) {
  return {
    sessionStart(sessionId: number): SessionStart | undefined {
      const row = one(
        "SELECT * FROM session_starts WHERE session_id = @sessionId",
        { sessionId },
      );
      return row && startOf(row);
    },

    ranBeforeMs(sessionId: number): number {
      const row = one("SELECT ran_before_ms FROM sessions WHERE id = @sessionId", {
        sessionId,
      });
      return Number(row?.ran_before_ms ?? 0);
    },

    workerSeenAt(sessionId: number): string | undefined {
      const row = one("SELECT worker_seen_at FROM sessions WHERE id = @sessionId", { sessionId });
      return row && (text(row.worker_seen_at) ?? undefined);
    },

    iterationBeforeMs(sessionId: number, number: number): number {
      const row = one(
        `SELECT worked_before_ms FROM iterations
          WHERE session_id = @sessionId AND number = @number`,
        { sessionId, number },
      );
      return Number(row?.worked_before_ms ?? 0);
    },

    workedMs(sessionId: number): number | undefined {
      const row = one(
        `SELECT ran_before_ms + max(0, round((julianday(worker_seen_at)
          - julianday(worker_started_at)) * 86400000)) AS worked
          FROM sessions WHERE id = @sessionId`,
        { sessionId },
      );
      return row?.worked == null ? undefined : Number(row.worked);
    },

    baseBranch(sessionId: number): string | undefined {
      const row = one(
        `SELECT json_extract(choices, '$.baseBranch') AS base FROM session_starts
          WHERE session_id = @sessionId AND json_valid(choices)`,
        { sessionId },
      );
      return typeof row?.base === "string" ? row.base : undefined;
    },

    maxCostUsd(sessionId: number): number | undefined {
      const row = one(
        `SELECT json_extract(settings, '$.limits.costUsd') AS usd FROM session_starts
          WHERE session_id = @sessionId AND json_valid(settings)`,
        { sessionId },
      );
      return typeof row?.usd === "number" ? row.usd : undefined;
    },
  };
}

function gateOf(row: Row): Findings["gates"][number] {
  return {
    iteration: Number(row.iteration),
    final: row.final === 1,
    gate: words(row.gate),
    passed: row.passed === 1,
    flaky: row.flaky === 1,
    why: words(row.why),
    output: words(row.output),
    durationMs: Number(row.duration_ms),
  };
}

/** What belongs to a session. */
export function iterationReaders({ one, many }: Pick<Statements, "one" | "many">) {
  return {
    usage(sessionId: number): SessionUsage & { complete: boolean } {
      const row = one(ALL_USED, { sessionId }) ?? {};
      const [unknown, open] = [Number(row.unknown), Number(row.open)];
      return { usage: usageOf(row), unknown, open, complete: unknown === 0 };
    },

    findings(sessionId: number): Findings {
      const all = (table: string, columns: string, order: string) =>
        many(
          `SELECT iteration, ${columns} FROM ${table} WHERE session_id = @sessionId
            ORDER BY iteration, ${order}`,
          { sessionId },
        );
      return {
        gates: all(
          "gate_results",
          "final, gate, passed, flaky, why, output, duration_ms",
          "position",
        ).map(gateOf),
        claims: all("claims", "story_id, held, why", "story_id").map((row) => ({
          iteration: Number(row.iteration),
          storyId: words(row.story_id),
          held: row.held === null ? null : row.held === 1,
          why: text(row.why),
        })),
        notes: all("session_notes", "about, text, kind", "position").map((row) => ({
          iteration: Number(row.iteration),
          about: row.about as Note["about"],
          text: words(row.text),
          kind: row.kind as Note["kind"],
        })),
      };
    },

    prompt(sessionId: number, iteration: number): string | undefined {
      const row = one(
        "SELECT text FROM prompts WHERE session_id = @sessionId AND iteration = @iteration",
        { sessionId, iteration },
      );
      return row && words(row.text);
    },

    answers(sessionId: number, iteration: number): readonly AnswerRecord[] {
      return many(
        `SELECT asked, answer, answered_at FROM answers
          WHERE session_id = @sessionId AND iteration = @iteration ORDER BY position`,
        { sessionId, iteration },
      ).map((row) => ({
        asked: words(row.asked),
        answer: words(row.answer),
        at: Date.parse(words(row.answered_at)),
      }));
    },

    iterations(sessionId: number): readonly Iteration[] {
      return many("SELECT * FROM iterations WHERE session_id = @sessionId ORDER BY number", {
        sessionId,
      }).map(iterationOf);
    },
  };
}

/** What a person said. */
export function wordReaders({ many }: Pick<Statements, "many">) {
  return {
    waitingWords: (taskDir: string): readonly Word[] =>
      many("SELECT * FROM words WHERE task_dir = @taskDir AND session_id IS NULL ORDER BY id", {
        taskDir,
      }).map(wordOf),

    wordsTold(sessionId: number, iteration?: number): readonly Word[] {
      return many(
        `SELECT * FROM words WHERE session_id = @sessionId
          AND iteration = coalesce(@iteration, iteration) ORDER BY id`,
        { sessionId, iteration: iteration ?? null },
      ).map(wordOf);
    },
  };
}

/** A person's edits of the PRD. */
export function editReaders({ many }: Pick<Statements, "many">) {
  const bytes = (value: unknown) => value instanceof Uint8Array ? value : new Uint8Array();
  return {
    prdEdits(sessionId: number, iteration: number): readonly PrdEdit[] {
      return many(
        `SELECT * FROM prd_edits WHERE session_id = @sessionId AND iteration = @iteration
          ORDER BY id`,
        { sessionId, iteration },
      ).map((row) => ({
        before: bytes(row.before),
        beforeCtimeMs: row.before_ctime_ms === null ? undefined : Number(row.before_ctime_ms),
        after: bytes(row.after),
        at: Number(row.edited_at_ms),
      }));
    },
  };
}

/** The tasks of a project that run in their turn. */
export function queueReaders({ many }: Pick<Statements, "many">) {
  const toQueue = (row: Row): Queue =>
    queueOf(
      row,
      many("SELECT * FROM queued_tasks WHERE queue_id = @id ORDER BY id", { id: row.id })
        .map(queuedTaskOf),
    );
  return {
    lastQueues: (): readonly Queue[] =>
      many(
        `SELECT * FROM queues WHERE id IN (SELECT max(id) FROM queues GROUP BY project_root)
          ORDER BY id DESC`,
        {},
      ).map(toQueue),

    lastQueue: (projectRoot: string): Queue | undefined =>
      many("SELECT * FROM queues WHERE project_root = @projectRoot ORDER BY id DESC LIMIT 1", {
        projectRoot,
      }).map(toQueue).at(0),
  };
}
