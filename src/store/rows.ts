/**
 * Rows of the database as `model.ts` has them. What is not of a column's type, as in a database that
 * was damaged or edited, becomes something of that type: one row must not hide the others.
 */
import type { SQLOutputValue } from "node:sqlite";
import type {
  Iteration,
  Outcome,
  Queue,
  QueuedState,
  QueuedTask,
  Reason,
  Session,
  SessionStart,
  Status,
  Told,
  Usage,
  Word,
} from "./model.ts";
import type { Row } from "./statements.ts";

/** In UTF-16 units. ralph writes none that is longer, and to show one takes seconds. */
const TEXT_MAX = 1024 ** 2;

export function text(value: SQLOutputValue): string | null {
  if (value === null) return null;
  const whole = String(value);
  return whole.length > TEXT_MAX ? `${whole.slice(0, TEXT_MAX)}…` : whole;
}
export const words = (value: SQLOutputValue): string => text(value) ?? "unknown";
const whole = (value: SQLOutputValue): number => numberOf(value) ?? 0;
export function numberOf(value: SQLOutputValue): number | null {
  return value === null || !Number.isFinite(Number(value)) ? null : Number(value);
}

export function sessionOf(row: Row): Session {
  return {
    id: Number(row.id),
    taskName: words(row.task_name),
    taskDir: words(row.task_dir),
    projectRoot: words(row.project_root),
    status: words(row.status) as Status,
    reason: text(row.reason) as Reason | null,
    detail: text(row.detail),
    activity: text(row.activity),
    activityKind: row.activity_kind as Session["activityKind"],
    activitySince: text(row.activity_since),
    currentStory: text(row.current_story),
    iterations: whole(row.iterations),
    maxIterations: numberOf(row.max_iterations) === null
      ? null
      : whole(row.max_iterations) + whole(row.free),
    model: text(row.model),
    agent: text(row.agent),
    serverUrl: text(row.server_url),
    serverPort: numberOf(row.server_port),
    openCodeSessionId: text(row.opencode_session_id),
    workerPid: numberOf(row.worker_pid),
    workerVersion: text(row.worker_version),
    workerBoot: text(row.worker_boot),
    workerUnit: text(row.worker_unit),
    workerStartedAt: text(row.worker_started_at),
    epoch: whole(row.epoch),
    logPath: text(row.log_path),
    said: text(row.said),
    accepted: row.accepted === 1,
    onlyStory: text(row.only_story),
    resumedAfter: whole(row.resumed_after ?? null),
    earlier: text(row.earlier),
    startedAt: words(row.started_at),
    updatedAt: words(row.updated_at),
    endedAt: text(row.ended_at),
  };
}

export function iterationOf(row: Row): Iteration {
  return {
    sessionId: Number(row.session_id),
    number: whole(row.number),
    storyId: text(row.story_id),
    storyTitle: text(row.story_title),
    openCodeTitle: words(row.opencode_title),
    openCodeSessionId: text(row.opencode_session_id),
    outcome: text(row.outcome) as Outcome | null,
    detail: text(row.detail),
    storiesPassed: textsOf(words(row.stories_passed)),
    headBefore: text(row.head_before),
    headAfter: text(row.head_after),
    commits: numberOf(row.commits),
    filesChanged: numberOf(row.files_changed),
    usage: row.model_calls === null ? null : usageOf(row),
    blocked: text(row.blocked),
    failure: text(row.failure),
    failureKey: text(row.failure_key),
    retryAt: text(row.retry_at),
    counts: row.counts === 1,
    abortConfirmed: row.abort_confirmed === null ? null : row.abort_confirmed === 1,
    startedAt: words(row.started_at),
    promptedAt: text(row.prompted_at),
    durationMs: numberOf(row.duration_ms),
    endedAt: text(row.ended_at),
  };
}

/** What is no list of texts is shown as it is. */
export function textsOf(json: string): readonly string[] {
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
    inputTokens: whole(row.input_tokens),
    outputTokens: whole(row.output_tokens),
    reasoningTokens: whole(row.reasoning_tokens),
    cacheReadTokens: whole(row.cache_read_tokens),
    cacheWriteTokens: whole(row.cache_write_tokens),
    costUsd: whole(row.cost_usd),
    derivedCostUsd: whole(row.derived_cost_usd ?? null),
    modelCalls: whole(row.model_calls),
    unpricedCalls: whole(row.unpriced_calls ?? null),
    uncountedCalls: whole(row.uncounted_calls ?? null),
  };
}

export function startOf({ settings, tree, choices }: Row): SessionStart {
  // Whole, however long: half of it would be none.
  const uncut = (value: SQLOutputValue) => value === null ? null : String(value);
  return { settings: String(settings), tree: uncut(tree), choices: uncut(choices) };
}

export function wordOf(row: Row): Word {
  const { session_id, iteration, how, told_at } = row;
  return {
    id: Number(row.id),
    text: words(row.text),
    saidAt: words(row.said_at),
    forPrompt: row.for_prompt === 1,
    told: session_id === null ? null : {
      session: Number(session_id),
      iteration: whole(iteration),
      how: words(how) as Told["how"],
      at: words(told_at),
    },
  };
}

export function queuedTaskOf(row: Row): QueuedTask {
  return {
    id: Number(row.id),
    taskName: words(row.task_name),
    taskDir: words(row.task_dir),
    flags: words(row.flags),
    dependsOn: textsOf(words(row.depends_on)),
    worktree: row.worktree === 1,
    state: words(row.state) as QueuedState,
    before: { session: whole(row.session_before), epoch: whole(row.epoch_before) },
    sessionId: numberOf(row.session_id),
    why: text(row.why),
    queuedAt: words(row.queued_at),
  };
}

export function queueOf(row: Row, tasks: readonly QueuedTask[]): Queue {
  return {
    id: Number(row.id),
    projectRoot: words(row.project_root),
    failFast: row.fail_fast === 1,
    maxCostUsd: numberOf(row.max_cost_usd),
    maxTokens: numberOf(row.max_tokens),
    parallel: whole(row.parallel),
    createdAt: words(row.created_at),
    endedAt: text(row.ended_at),
    tasks,
  };
}
