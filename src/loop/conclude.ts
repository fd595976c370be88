/** What came of a turn: looked at, judged, recorded, told. */
import * as path from "node:path";
import { RalphError } from "../error.ts";
import type { TreeChange, TreeState } from "../host/git.ts";
import { type Note, tokensOf, type Usage } from "../registry/model.ts";
import type { Story } from "../task/prd.ts";
import { plain } from "../terminal/plain.ts";
import type { Emit } from "./event.ts";
import { blockedWords } from "./final_text.ts";
import type { Ended, LoopTools, SessionContext } from "./iteration.ts";
import { isLeaving } from "./leave.ts";
import { judge } from "./outcome.ts";
import type { TurnReport } from "./turn.ts";
import type { Verdict } from "./verification.ts";
import type { Agenda } from "./work.ts";

/** What came of the turn: looked at, judged, recorded, told. */
export async function conclude(
  tools: LoopTools,
  session: SessionContext,
  { number, story, agenda, report, before, startedAt, signal, failureBefore, refusedBefore = 0 }: {
    number: number;
    story: Pick<Story, "id">;
    agenda: Agenda;
    report: TurnReport;
    /** Undefined when it is not known. */
    before?: TreeState;
    startedAt: number;
    signal: AbortSignal;
    /** What the iteration before left to tell: it still holds when the provider gave nothing. */
    failureBefore?: string;
    refusedBefore?: number;
  },
): Promise<Ended> {
  const { recorder, clock, emit } = tools;
  const { lease, task, verification } = session;
  const end = isLeaving(signal) ? leftEnd(report.end) : report.end;

  const after = await tools.tree.state(task.projectRoot, before);
  const change = before && after && await tools.tree.change(task.projectRoot, {
    before,
    after,
    ignore: path.relative(task.projectRoot, task.dir),
  });
  const settled = await settle(tools, session, { number, agenda, report });
  const verdict = await verification.judgeTurn({
    iteration: number,
    agenda,
    before: agenda.stories,
    after: settled.stories,
    tree: after,
    found: [
      ...settled.words ? [{ about: "prd", text: settled.words } as const] : [],
      ...gitNotes({ before, after, change }),
    ],
  }, signal);
  const usage = usageOf(report);
  const { refusal, hopeless, ...judgement } = judge({
    end,
    story,
    claims: verdict.claims,
    broke: verdict.broke,
    change,
    tokens: usage && tokensOf(usage),
    now: clock.now(),
    refusedBefore,
    refusedMs: report.refusedMs,
  });
  const blocked = end.kind === "settled" ? blockedWords(end.text) : undefined;
  const failure = refusal?.free ? failureBefore : failureOf(judgement, verdict);
  await recorder.write((registry) =>
    registry.endIteration(lease, {
      number,
      ...judgement,
      ...verdict,
      failure,
      blocked,
      refusal,
      durationMs: clock.monotonic() - startedAt,
      headAfter: after?.head,
      commits: change?.commits,
      filesChanged: change?.files.length,
      usage,
    })
  );
  tellVerdict(verdict, emit);
  emit({
    type: "iteration_ended",
    number,
    ...judgement,
    commits: change?.commits ?? null,
    filesChanged: change?.files.length ?? null,
    usage: usage ?? null,
    durationMs: clock.monotonic() - startedAt,
  });
  return {
    outcome: judgement.outcome,
    detail: judgement.detail,
    failureKey: verdict.failureKey,
    blocked,
    outOf: end.kind === "timeout" && end.limit === "session" ? end.why : undefined,
    server: end.kind === "interrupted" || end.kind === "lost" ? end.server : undefined,
    refusal,
    hopeless,
    failure,
  };
}

/** Work goes where the agent went: only what is in the tree counts, as far as git can tell. */
function gitNotes(
  { before, after, change }: { before?: TreeState; after?: TreeState; change?: TreeChange },
): Note[] {
  if (!before) return [];
  if (!after) return [{ about: "git", text: "the git repository is gone or damaged" }];
  if (!change) return [{ about: "git", text: "the git repository was replaced by another one" }];
  if (before.branch === after.branch) return [];
  const [from, to] = [before, after].map(({ branch }) =>
    branch === undefined ? "no branch" : `the branch \`${plain(branch, 80)}\``
  );
  return [{ about: "git", text: `the agent went from ${from} to ${to}` }];
}

/** A turn that nobody stopped: its worker had to go. */
function leftEnd(end: TurnReport["end"]): TurnReport["end"] {
  if (end.kind !== "stopped") return end;
  const unconfirmed = end.confirmed ? "" : "; the server did not confirm that it was aborted";
  return { kind: "interrupted", why: `the worker was asked to end in mid-turn${unconfirmed}` };
}

/**
 * The PRD put right, as soon as there is room for it. When the file system refuses that otherwise,
 * the next reading of the PRD says so.
 */
async function settle(
  { clock, recorder }: LoopTools,
  { work, lease }: SessionContext,
  { number, agenda, report }: { number: number; agenda: Agenda; report: TurnReport },
): Promise<{ stories: readonly Story[]; words?: string }> {
  const at = { sessionId: lease.sessionId, iteration: number, now: clock.now() };
  try {
    return await recorder.write(() => work.settle(report, at));
  } catch (error) {
    if (!(error instanceof RalphError)) throw error;
    return { stories: agenda.stories, words: error.message };
  }
}

/** A claim that was taken back says all; otherwise the outcome is part of what there is to tell. */
function failureOf(
  { outcome, detail }: Pick<Ended, "outcome" | "detail">,
  { failure, failureKey }: Verdict,
): string | undefined {
  if (outcome === "advanced" || failureKey !== undefined) return failure;
  return [detail, failure].filter((one) => one !== undefined).join("\n\n");
}

/** Tells what the loop found out. */
export function tellVerdict(
  { gates, claims, notes }: Pick<Verdict, "gates" | "claims" | "notes">,
  emit: Emit,
): void {
  for (const { gate, passed, why, durationMs } of gates) {
    emit({ type: "gate", name: gate, passed, why, durationMs });
  }
  for (const note of notes) emit({ type: "note", ...note });
  for (const { storyId, held, why } of claims) emit({ type: "claim", story: storyId, held, why });
}

function usageOf({ usage }: TurnReport): Usage | undefined {
  if (!usage.complete) return undefined;
  const { tokens, costUsd, derivedCostUsd, modelCalls, unpricedCalls } = usage;
  return {
    inputTokens: tokens.input,
    outputTokens: tokens.output,
    reasoningTokens: tokens.reasoning,
    cacheReadTokens: tokens.cacheRead,
    cacheWriteTokens: tokens.cacheWrite,
    costUsd,
    derivedCostUsd,
    modelCalls,
    unpricedCalls,
  };
}
