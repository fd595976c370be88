/** What is read from the record of sessions and iterations. */
import type { Findings, Iteration, Note, Session, SessionStart, Usage } from "./model.ts";
import { iterationOf, sessionOf, text, usageOf } from "./rows.ts";
import type { Row, Statements } from "./statements.ts";

const SESSION = `SELECT s.*, (SELECT coalesce(max(i.number), s.iterations_before)
  FROM iterations AS i WHERE i.session_id = s.id) AS iterations,
  (SELECT count(*) FROM iterations AS i WHERE i.session_id = s.id AND i.counts = 0) AS free
  FROM sessions AS s`;

/** All that is read from the record. */
export function readers({ one, many }: Pick<Statements, "one" | "many">) {
  const died = new Map<number, string>();
  const toSession = (row: Row): Session => {
    const session = sessionOf(row);
    const detail = died.get(session.id);
    if (session.status !== "running" || detail === undefined) return session;
    const end = { status: "failed", reason: "worker_died", detail } as const;
    return { ...session, ...end, activity: null, activitySince: null };
  };
  /** Not sorted by SQLite, which would scan all others instead of using their partial index. */
  const recordedAsRunning = (): readonly Session[] =>
    many(`${SESSION} WHERE s.status = 'running'`, {}).map(toSession).sort((a, b) => b.id - a.id);

  return {
    running: () => recordedAsRunning().filter(({ status }) => status === "running"),

    /**
     * From now on a running session is shown as one whose worker died, with this detail: for a worker
     * that is dead while nothing can be recorded.
     */
    showAsDied(sessionId: number, detail: string): void {
      died.set(sessionId, detail);
    },

    /** Running ones first, then the latest; at most `limit` of the others. */
    sessions({ limit }: { limit: number }): readonly Session[] {
      const ended = many(`${SESSION} WHERE s.status <> 'running' ORDER BY s.id DESC LIMIT @limit`, {
        limit,
      });
      return [...recordedAsRunning(), ...ended.map(toSession)];
    },

    session(id: number): Session | undefined {
      const row = one(`${SESSION} WHERE s.id = @id`, { id });
      return row && toSession(row);
    },

    /** The latest session of a task, given the real path of its folder. */
    lastSession(taskDir: string): Session | undefined {
      const row = one(`${SESSION} WHERE s.task_dir = @taskDir ORDER BY s.id DESC LIMIT 1`, {
        taskDir,
      });
      return row && toSession(row);
    },

    /** The latest session of each task, the latest first. */
    lastSessions(): readonly Session[] {
      return many(
        `${SESSION} JOIN (SELECT max(id) AS id FROM sessions GROUP BY task_dir, task_name) AS last
          ON s.id = last.id ORDER BY s.id DESC`,
        {},
      ).map(toSession);
    },

    /** A task's sessions, the latest first. */
    sessionsOf(taskDir: string, { limit }: { limit: number }): readonly Session[] {
      return many(
        `${SESSION} WHERE s.task_dir = @taskDir ORDER BY s.id DESC LIMIT @limit`,
        { taskDir, limit },
      ).map(toSession);
    },

    /** The session that was written last. */
    lastActive(): Session | undefined {
      const row = one(`${SESSION} ORDER BY s.updated_at DESC, s.id DESC LIMIT 1`, {});
      return row && toSession(row);
    },

    /** The session that an OpenCode session was made for, if it is one of ralph's. */
    sessionOfOpenCode(openCodeSessionId: string): Session | undefined {
      const row = one(
        `${SESSION} WHERE s.opencode_session_id = @openCodeSessionId OR s.id IN
          (SELECT session_id FROM iterations WHERE opencode_session_id = @openCodeSessionId)
          ORDER BY s.id DESC LIMIT 1`,
        { openCodeSessionId },
      );
      return row && toSession(row);
    },

    /** What a session's ended iterations have used, as far as it is known. */
    usage(sessionId: number): { usage: Usage; complete: boolean } {
      const row = one(
        `SELECT coalesce(sum(input_tokens), 0) AS input_tokens,
            coalesce(sum(output_tokens), 0) AS output_tokens,
            coalesce(sum(reasoning_tokens), 0) AS reasoning_tokens,
            coalesce(sum(cache_read_tokens), 0) AS cache_read_tokens,
            coalesce(sum(cache_write_tokens), 0) AS cache_write_tokens,
            coalesce(sum(cost_usd), 0) AS cost_usd, coalesce(sum(model_calls), 0) AS model_calls,
            coalesce(sum(derived_cost_usd), 0) AS derived_cost_usd,
            coalesce(sum(unpriced_calls), 0) AS unpriced_calls,
            count(outcome) - count(model_calls) AS unknown
          FROM iterations WHERE session_id = @sessionId`,
        { sessionId },
      ) ?? {};
      return { usage: usageOf(row), complete: Number(row.unknown) === 0 };
    },

    /** What a session began with; undefined for one that an earlier version started. */
    sessionStart(sessionId: number): SessionStart | undefined {
      const row = one("SELECT settings, tree FROM session_starts WHERE session_id = @sessionId", {
        sessionId,
      });
      return row && { settings: String(row.settings), tree: text(row.tree) };
    },

    /** How long the earlier workers of a session worked, in milliseconds. */
    ranBeforeMs(sessionId: number): number {
      const row = one("SELECT ran_before_ms FROM sessions WHERE id = @sessionId", { sessionId });
      return Number(row?.ran_before_ms ?? 0);
    },

    findings(sessionId: number): Findings {
      const all = (table: string, columns: string, order: string) =>
        many(
          `SELECT iteration, ${columns} FROM ${table} WHERE session_id = @sessionId
            ORDER BY iteration, ${order}`,
          { sessionId },
        );
      return {
        gates: all("gate_results", "final, gate, passed, why, output, duration_ms", "position")
          .map((row) => ({
            iteration: Number(row.iteration),
            final: row.final === 1,
            gate: String(row.gate),
            passed: row.passed === 1,
            why: String(row.why),
            output: String(row.output),
            durationMs: Number(row.duration_ms),
          })),
        claims: all("claims", "story_id, held, why", "story_id").map((row) => ({
          iteration: Number(row.iteration),
          storyId: String(row.story_id),
          held: row.held === null ? null : row.held === 1,
          why: text(row.why),
        })),
        notes: all("session_notes", "about, text", "position").map((row) => ({
          iteration: Number(row.iteration),
          about: row.about as Note["about"],
          text: String(row.text),
        })),
      };
    },

    iterations(sessionId: number): readonly Iteration[] {
      return many("SELECT * FROM iterations WHERE session_id = @sessionId ORDER BY number", {
        sessionId,
      }).map(iterationOf);
    },
  };
}
