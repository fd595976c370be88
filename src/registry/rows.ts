/** Rows of the database as `model.ts` has them. */
import type { SQLOutputValue } from "node:sqlite";
import type { Iteration, Outcome, Reason, Session, Status, Usage } from "./model.ts";
import type { Row } from "./statements.ts";

export const text = (value: SQLOutputValue): string | null => value === null ? null : String(value);
export const number = (value: SQLOutputValue): number | null =>
  value === null ? null : Number(value);

export function sessionOf(row: Row): Session {
  return {
    id: Number(row.id),
    taskName: String(row.task_name),
    taskDir: String(row.task_dir),
    projectRoot: String(row.project_root),
    status: row.status as Status,
    reason: row.reason as Reason | null,
    detail: text(row.detail),
    activity: text(row.activity),
    activitySince: text(row.activity_since),
    currentStory: text(row.current_story),
    iterations: Number(row.iterations),
    maxIterations: row.max_iterations === null
      ? null
      : Number(row.max_iterations) + Number(row.free),
    model: text(row.model),
    agent: text(row.agent),
    serverUrl: text(row.server_url),
    serverPort: number(row.server_port),
    openCodeSessionId: text(row.opencode_session_id),
    workerPid: number(row.worker_pid),
    workerVersion: text(row.worker_version),
    workerBoot: text(row.worker_boot),
    workerUnit: text(row.worker_unit),
    workerStartedAt: text(row.worker_started_at),
    epoch: Number(row.epoch),
    logPath: text(row.log_path),
    said: text(row.said),
    accepted: row.accepted === 1,
    earlier: text(row.earlier),
    startedAt: String(row.started_at),
    updatedAt: String(row.updated_at),
    endedAt: text(row.ended_at),
  };
}

export function iterationOf(row: Row): Iteration {
  return {
    sessionId: Number(row.session_id),
    number: Number(row.number),
    storyId: text(row.story_id),
    storyTitle: text(row.story_title),
    openCodeTitle: String(row.opencode_title),
    openCodeSessionId: text(row.opencode_session_id),
    outcome: row.outcome as Outcome | null,
    detail: text(row.detail),
    storiesPassed: textsOf(String(row.stories_passed)),
    headBefore: text(row.head_before),
    headAfter: text(row.head_after),
    commits: number(row.commits),
    filesChanged: number(row.files_changed),
    usage: row.model_calls === null ? null : usageOf(row),
    blocked: text(row.blocked),
    failure: text(row.failure),
    failureKey: text(row.failure_key),
    retryAt: text(row.retry_at),
    counts: row.counts === 1,
    startedAt: String(row.started_at),
    promptedAt: text(row.prompted_at),
    durationMs: number(row.duration_ms),
    endedAt: text(row.ended_at),
  };
}

/** What is no list of texts is shown as it is. */
function textsOf(json: string): readonly string[] {
  try {
    const value: unknown = JSON.parse(json);
    if (Array.isArray(value)) return value.map(String);
  } catch {
    // Damaged.
  }
  return [json];
}

export function usageOf(row: Row): Usage {
  return {
    inputTokens: Number(row.input_tokens),
    outputTokens: Number(row.output_tokens),
    reasoningTokens: Number(row.reasoning_tokens),
    cacheReadTokens: Number(row.cache_read_tokens),
    cacheWriteTokens: Number(row.cache_write_tokens),
    costUsd: Number(row.cost_usd),
    derivedCostUsd: Number(row.derived_cost_usd ?? 0),
    modelCalls: Number(row.model_calls),
    unpricedCalls: Number(row.unpriced_calls ?? 0),
  };
}
