/** What is written of an iteration. Documented where the store is: `store.ts`. */
import { editWrites } from "./edit_writes.ts";
import { iterationParts } from "./iteration_parts.ts";
import { insertClaims, insertFindings } from "./finding_writes.ts";
import { activityColumns, type Columns, insertInto, type Writing } from "./leased_writes.ts";
import { wordWrites } from "./word_writes.ts";
import type { AnswerRecord, IterationEnd, Lease, NewIteration, Usage } from "./model.ts";

function insertPrompt(
  { change }: Writing,
  { lease, number, prompt }: { lease: Lease; number: number; prompt: string },
): void {
  const columns = { session_id: lease.sessionId, iteration: number, text: prompt };
  change(insertInto("prompts", columns), columns);
}

/** An iteration from before anything is done for it to its outcome. */
export function iterationWrites(writing: Writing) {
  const { change, atomically, times, updateSession, updateIteration } = writing;
  const { releaseWords } = wordWrites(writing);

  return {
    beginIteration(lease: Lease, iteration: NewIteration): void {
      atomically(() => {
        const now = times.now();
        const current_story = iteration.storyId;
        updateSession(lease, { current_story, ...activityColumns("prompting", now) });
        const columns = beginColumns(lease, iteration, times);
        change(insertInto("iterations", columns), columns);
      });
    },

    setOpenCodeSession(
      lease: Lease,
      number: number,
      openCodeSessionId: string,
      { prompt }: { prompt?: string } = {},
    ): void {
      atomically(() => {
        updateSession(lease, { opencode_session_id: openCodeSessionId });
        updateIteration(lease, number, { opencode_session_id: openCodeSessionId });
        if (prompt !== undefined) insertPrompt(writing, { lease, number, prompt });
      });
    },

    setPrompted(lease: Lease, number: number): void {
      atomically(() => {
        const now = times.now();
        updateSession(lease, activityColumns("agent working", now));
        updateIteration(lease, number, { prompted_at: now });
      });
    },

    addAnswer(lease: Lease, number: number, { asked, answer, at }: AnswerRecord): void {
      atomically(() => {
        updateSession(lease, {});
        change(
          `INSERT INTO answers (session_id, iteration, position, asked, answer, answered_at)
            VALUES (@sessionId, @number, (SELECT count(*) FROM answers
              WHERE session_id = @sessionId AND iteration = @number), @asked, @answer, @at)`,
          { sessionId: lease.sessionId, number, asked, answer, at: new Date(at).toISOString() },
        );
      });
    },

    endIteration(lease: Lease, end: IterationEnd): void {
      atomically(() => {
        const now = times.now();
        updateSession(lease, activityColumns("between iterations", now));
        endRow(writing, lease, { ...end, now });
        const { gates = [], claims = [], notes = [] } = end;
        const at = { sessionId: lease.sessionId, iteration: end.number };
        insertFindings(writing, at, { gates, notes, final: false });
        insertClaims(writing, at, claims);
        releaseWords(lease, end);
        editWrites(writing).forgetEdits(lease.sessionId, end.number);
      });
    },
  };
}

function beginColumns(
  { sessionId }: Lease,
  { number, storyId, storyTitle, openCodeTitle, headBefore }: NewIteration,
  times: Writing["times"],
): Columns {
  return {
    session_id: sessionId,
    number,
    story_id: storyId,
    story_title: storyTitle,
    opencode_title: openCodeTitle,
    head_before: headBefore ?? null,
    started_at: times.now(),
    taken_up_at: times.seen(),
  };
}

function endRow(
  writing: Writing,
  lease: Lease,
  { now, ...end }: IterationEnd & { now: string },
): void {
  if (end.durationMs === undefined) iterationParts(writing).measure(lease, end.number);
  writing.updateIteration(lease, end.number, { ...endColumns(end), ended_at: now });
}

function endColumns(end: IterationEnd): Columns {
  return {
    outcome: end.outcome,
    detail: end.detail ?? null,
    stories_passed: JSON.stringify(end.storiesPassed),
    head_after: end.headAfter ?? null,
    commits: end.commits ?? null,
    files_changed: end.filesChanged ?? null,
    ...usageColumns(end.usage),
    blocked: end.blocked ?? null,
    failure: end.failure ?? null,
    failure_key: end.failureKey ?? null,
    ...end.durationMs !== undefined && { duration_ms: Math.round(end.durationMs) },
    retry_at: end.refusal ? new Date(end.refusal.until).toISOString() : null,
    counts: end.refusal?.free ? 0 : 1,
    abort_confirmed: end.abortConfirmed === undefined ? null : Number(end.abortConfirmed),
  };
}

/** What was used, as columns; all null where that is not known. */
export function usageColumns(usage: Usage | undefined): Columns {
  return {
    input_tokens: usage?.inputTokens ?? null,
    output_tokens: usage?.outputTokens ?? null,
    reasoning_tokens: usage?.reasoningTokens ?? null,
    cache_read_tokens: usage?.cacheReadTokens ?? null,
    cache_write_tokens: usage?.cacheWriteTokens ?? null,
    cost_usd: usage?.costUsd ?? null,
    model_calls: usage?.modelCalls ?? null,
    derived_cost_usd: usage?.derivedCostUsd ?? null,
    unpriced_calls: usage?.unpricedCalls ?? null,
    uncounted_calls: usage?.uncountedCalls ?? null,
  };
}
