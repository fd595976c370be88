/** What came of one try to have a review. Pure. */
import type { ServerCommands } from "../../opencode/commands.ts";
import { READING } from "../../opencode/agent_rules.ts";
import { type ReviewEnd, tokensOf } from "../../store/model.ts";
import type { Story } from "../../task/prd.ts";
import { plain } from "../../terminal/plain.ts";
import { readAnswer } from "../../verify/review/answer.ts";
import type { FilePatch } from "../../verify/review/changes.ts";
import { instructionsFound } from "../../verify/review/instructions.ts";
import { type LinesOf, weigh } from "../../verify/review/verdict.ts";
import type { OutOf } from "../decide.ts";
import { judge } from "../iteration/outcome.ts";
import type { TurnReport } from "../turn/turn_end.ts";
import { knownUsage } from "../turn/usage.ts";

export interface Attempt {
  end: Omit<ReviewEnd, "durationMs">;
  /** Trying again cannot help. */
  over?: { outOf?: OutOf; away?: boolean };
  /** The provider takes no requests until then, in epoch milliseconds. */
  until?: number;
  /** It is a verdict on work that has changed since. */
  moved?: boolean;
}

interface Facts {
  stories: readonly Story[];
  changes: readonly FilePatch[] | undefined;
  /** Files that the session has changed and the reviewer's server takes for instructions. */
  instructions: readonly string[];
  linesOf: LinesOf;
  /** Of the server that the reviewer works on. */
  commands: ServerCommands;
  /** The worker is to end. */
  isOver: boolean;
  /** Epoch milliseconds. */
  now: number;
}

type Found = Pick<ReviewEnd, "outcome" | "detail" | "findings">;

/** A verdict, or why there is none: never a pass for want of one. */
export function attemptOutcome(report: TurnReport, facts: Facts): Attempt {
  const usage = knownUsage(report.usage);
  const of = (found: Found): Attempt => ({ end: { ...found, usage } });
  const with_ = (outcome: ReviewEnd["outcome"], detail: string) =>
    of({ outcome, detail, findings: [] });
  const { end } = report;
  if (end.kind === "stopped") return with_("stopped", "stopped before the review had ended");
  const { outcome, detail, refusal, hopeless } = judge({
    end,
    story: { id: "" },
    claims: [],
    broke: [],
    tokens: usage && tokensOf(usage),
    workedBefore: true,
    now: facts.now,
    refusedBefore: 0,
    refusedMs: report.refusedMs,
  });
  if (hopeless !== undefined) {
    // The option is for the agent's model.
    const todo = hopeless(facts.commands).replaceAll("with `--model`", "as `review.model`");
    return { ...with_("trouble", todo), over: {} };
  }
  if (end.kind === "timeout" && end.limit === "session") {
    // An answer that came with the limit is paid for, and counts; without one no other is asked for.
    const answer = answerOf(report, facts, end.text ?? "");
    if (answer.outcome !== "unusable") return of(answer);
    return { ...with_("trouble", end.why), over: { outOf: { on: end.on, why: end.why } } };
  }
  if (refusal) return { ...with_("trouble", detail), until: refusal.until };
  if (end.kind === "interrupted") return with_("interrupted", end.why);
  if (end.kind === "lost" && end.server === "away") {
    return { ...with_("interrupted", end.why), over: { away: true } };
  }
  if (end.kind !== "finished" || outcome === "error" || outcome === "timeout") {
    return with_("unusable", detail);
  }
  return of(answerOf(report, facts, end.text));
}

/** What an answer says of the work, where it can be used. */
function answerOf(
  report: TurnReport,
  facts: Facts,
  text: string,
): Found {
  const unusable = (detail: string) => ({ outcome: "unusable", detail, findings: [] } as const);
  const used = strangeTools(report);
  if (used !== undefined) return unusable(used);
  const read = readAnswer(text);
  if ("fault" in read) return unusable(read.fault);
  const weighed = weigh(read.answer, facts.stories, facts);
  if (weighed.kind === "unusable") return unusable(weighed.fault);
  const { refused } = weighed;
  const findings = [...weighed.findings, ...instructionsFound(facts.stories, facts.instructions)];
  if (refused.length === 0) return { outcome: "passed", detail: "each criterion is met", findings };
  const detail = refused.map(({ storyId, why }) => `${storyId}: ${why}`).join("; ");
  return { outcome: "refused", detail, findings };
}

/** A verdict on what is no longer there is none. `moved`: why it is not, in words. */
export function ofWhatIsThere(attempt: Attempt, moved: string | undefined): Attempt {
  if (moved === undefined) return attempt;
  const { usage } = attempt.end;
  return { end: { outcome: "unusable", detail: moved, findings: [], usage }, moved: true };
}

/** Whoever changes what is to be judged is no judge of it, whatever let that happen. */
function strangeTools({ toolRuns = [] }: TurnReport): string | undefined {
  const strange = toolRuns.filter(({ tool, refused, failed }) =>
    !READING.includes(tool) && !refused && !failed
  );
  if (strange.length === 0) return undefined;
  const names = [...new Set(strange.map(({ tool }) => `\`${plain(tool, 40)}\``))].join(", ");
  return `it used ${names}, though it may only look`;
}
