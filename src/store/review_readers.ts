/** What is read of reviews. Documented where the store is: `store.ts`. */
import type { Review, ReviewFinding, ReviewOutcome } from "./model.ts";
import { numberOf, text, textsOf, usageOf, words } from "./rows.ts";
import type { Row, Statements } from "./statements.ts";

export function reviewReaders({ many }: Pick<Statements, "many">) {
  return {
    reviews(sessionId: number): readonly Review[] {
      const findings = Map.groupBy(
        many(
          `SELECT f.* FROM review_findings AS f JOIN reviews AS r ON r.id = f.review_id
            WHERE r.session_id = @sessionId ORDER BY f.review_id, f.position`,
          { sessionId },
        ),
        (row) => Number(row.review_id),
      );
      return many("SELECT * FROM reviews WHERE session_id = @sessionId ORDER BY id", {
        sessionId,
      }).map((row) => reviewOf(row, findings.get(Number(row.id)) ?? []));
    },

    lastReviews(taskDir: string): ReadonlyMap<string, boolean> {
      const asked = many(
        `SELECT s.value AS story, r.outcome,
            (SELECT count(*) FROM review_findings AS f
              WHERE f.review_id = r.id AND f.story_id = s.value AND f.met = 0) AS unmet
          FROM reviews AS r JOIN sessions ON sessions.id = r.session_id, json_each(r.stories) AS s
          WHERE sessions.task_dir = @taskDir ORDER BY r.id`,
        { taskDir },
      );
      return new Map(asked.map((row) => [words(row.story), stands(row)]));
    },
  };
}

/** Of several that were reviewed together, each by itself. */
const stands = ({ outcome, unmet }: Row): boolean =>
  outcome === "passed" || outcome === "refused" && unmet === 0;

function reviewOf(row: Row, findings: readonly Row[]): Review {
  return {
    id: Number(row.id),
    sessionId: Number(row.session_id),
    iteration: Number(row.iteration),
    final: row.final === 1,
    stories: textsOf(words(row.stories)),
    openCodeTitle: words(row.opencode_title),
    openCodeSessionId: text(row.opencode_session_id),
    model: text(row.model),
    agentSaid: text(row.agent_said),
    outcome: text(row.outcome) as ReviewOutcome | null,
    detail: text(row.detail),
    findings: findings.map(findingOf),
    usage: row.model_calls === null ? null : usageOf(row),
    startedAt: words(row.started_at),
    promptedAt: text(row.prompted_at),
    durationMs: numberOf(row.duration_ms),
    endedAt: text(row.ended_at),
  };
}

function findingOf(row: Row): ReviewFinding {
  return {
    storyId: words(row.story_id),
    criterion: text(row.criterion),
    met: row.met === 1,
    what: words(row.what),
    evidence: evidenceOf(words(row.evidence)),
  };
}

/** Of a row that was damaged none is left. */
function evidenceOf(json: string): ReviewFinding["evidence"] {
  try {
    const value: unknown = JSON.parse(json);
    if (!Array.isArray(value)) return [];
    return value.map(({ file, line, there }) => ({
      file: String(file),
      line: Number(line),
      there: there === true,
    }));
  } catch {
    return [];
  }
}
