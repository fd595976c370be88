/** What came of an iteration, judged from facts. Pure. */
import type { TreeChange } from "../../host/git/tree_state.ts";
import type { ServerCommands } from "../../opencode/commands.ts";
import type { Claim, Outcome } from "../../store/model.ts";
import type { Story } from "../../task/prd.ts";
import { classifyAnswer } from "../provider/answer_class.ts";
import {
  classifyError,
  type ErrorClass,
  errorInside,
  missingClass,
} from "../provider/error_class.ts";
import { type Refusal, refusalOf } from "../provider/backoff.ts";
import { withoutFindings } from "../../terminal/finding_words.ts";
import type { TurnEnd } from "../turn/turn_end.ts";

export interface IterationFacts {
  end: TurnEnd;
  story: Pick<Story, "id">;
  /** Of this turn, with what the loop found out about them. */
  claims: readonly Claim[];
  /** Gates that passed before in this session, and fail now. */
  broke: readonly string[];
  /** What was put back in the PRD, in words. */
  prdChange?: string;
  /** What git says changed outside the task's folder; undefined when git could not say. */
  change?: Pick<TreeChange, "workCommits" | "elsewhere" | "files">;
  /** Tokens that the turn used; undefined when that is not known. */
  tokens?: number;
  /** How many tools ran in the turn; undefined when that is not known. */
  toolRuns?: number;
  /** Something came of an earlier iteration of the session. */
  workedBefore?: boolean;
  /** When the turn had ended, in epoch milliseconds. */
  now: number;
  /** How many iterations in a row the provider refused before. */
  refusedBefore: number;
  /** How long it had refused in this turn, in milliseconds. */
  refusedMs?: number;
}

interface Judgement {
  outcome: Outcome;
  /** The same in words, for people and for the next prompt. */
  detail: string;
  storiesPassed: readonly string[];
  refusal?: Refusal;
  /** Why trying again cannot help, and what a person can do, in words with these commands. */
  hopeless?: (commands: ServerCommands) => string;
}

/**
 * A story that was claimed and holds counts whatever became of the turn, except that a person's stop
 * is recorded as such. Then what went wrong, then what the gates say, then what git says.
 */
export function judge(facts: IterationFacts): Judgement {
  const { story, claims, broke, change, prdChange } = facts;
  const answer = answerOf(facts);
  const errorClass = answer?.errorClass ?? classifyEnd(facts.end);
  const ids = (held: boolean | null) =>
    claims.filter((claim) => claim.held === held).map(({ storyId }) => storyId);
  const storiesPassed = ids(true);
  const trouble = answer?.why ?? troubleOf(facts.end, errorClass);
  const gaveNothing = facts.toolRuns === 0;
  const fallen = claims.filter(({ held }) => held === false)
    .map(({ storyId, why }) =>
      `${storyId} was claimed and taken back: ${withoutFindings(why ?? "")}`
    );
  const unjudged = ids(null).map((id) => `${id} was claimed, and not judged`);
  const with_ = (outcome: Outcome, ...details: (string | undefined)[]): Judgement => ({
    outcome,
    detail: [...details, ...fallen, ...unjudged].filter((one) => one !== undefined).join("; "),
    storiesPassed,
    refusal: errorClass.kind === "refused"
      ? refusalOf({ ...facts, gaveNothing }, errorClass.until)
      : undefined,
    hopeless: errorClass.kind === "hopeless"
      ? (commands) =>
        [trouble, errorClass.todo?.(commands)].filter((one) => one !== undefined).join("; ")
      : undefined,
  });

  if (facts.end.kind === "stopped") return with_("stopped", trouble ?? "stopped by a person");
  if (storiesPassed.length > 0) {
    const passes = `${storiesPassed.join(", ")} ${storiesPassed.length === 1 ? "passes" : "pass"}`;
    return with_("advanced", passes, trouble);
  }
  if (trouble) {
    switch (facts.end.kind) {
      case "timeout":
        return with_("timeout", trouble);
      case "interrupted":
        return with_("interrupted", trouble);
      default:
        return with_("error", trouble);
    }
  }
  if (broke.length > 0) return with_("broke", `passed before, fails now: ${broke.join(", ")}`);
  const inPrd = prdChange && `the agent changed the PRD: ${prdChange}`;
  if (change && (change.workCommits > 0 || change.elsewhere > 0 || change.files.length > 0)) {
    return with_("worked", fallen.length > 0 ? undefined : `${story.id} does not pass yet`, inPrd);
  }
  const files = change ? "no file was changed" : "git cannot say whether a file was changed";
  const what = fallen.length > 0 ? files : `${story.id} does not pass, and ${files}`;
  return with_("nothing", what, inPrd);
}

/** The model's answers broke off, one after the other. */
function brokeOff(end: TurnEnd): boolean {
  return end.kind === "timeout" && end.limit === "unknown_finishes";
}

/** What there is to say of an answer without an error; undefined when that is nothing. */
function answerOf({ end, toolRuns, workedBefore }: IterationFacts) {
  if (end.kind !== "finished" || end.error) return undefined;
  return classifyAnswer({ ...end, toolRuns, workedBefore });
}

/** What the provider's part in the end means. */
function classifyEnd(end: TurnEnd): ErrorClass {
  switch (end.kind) {
    case "finished":
      return end.error ? classifyError(end.error) : { kind: "failure" };
    case "lost": {
      const errorClass = end.missing
        ? missingClass(end.missing)
        : classifyError({ name: "UnknownError", message: end.said ?? "" });
      return errorClass.kind === "hopeless" ? errorClass : { kind: "failure" };
    }
    case "timeout":
      // An answer that breaks off each time is no answer: an error inside it, or none at all.
      if (end.limit === "retries" || brokeOff(end)) return { kind: "refused" };
      return end.limit === "provider" ? { kind: "hopeless" } : { kind: "failure" };
    default:
      return { kind: "failure" };
  }
}

/** Words for `abortConfirmed: false`: the turn may still be at work. */
export const UNCONFIRMED = "the server did not confirm that the turn was aborted";

/** What went wrong with the turn, in words; undefined when it ended as it should. */
function troubleOf(end: TurnEnd, { kind }: ErrorClass): string | undefined {
  switch (end.kind) {
    case "finished":
      if (end.error) {
        const said = `${end.error.name}: ${(errorInside(end.error) ?? end.error).message}`;
        return kind === "refused" ? `the provider takes no requests for now: ${said}` : said;
      }
      if (end.finish === "length") return "the answer was cut at the model's output limit";
      if (end.finish === "content-filter") return "the provider's content filter ended the answer";
      return undefined;
    case "stopped":
      return end.confirmed ? undefined : `stopped by a person; ${UNCONFIRMED}`;
    case "timeout":
      return end.confirmed ? end.why : `${end.why}; ${UNCONFIRMED}`;
    default:
      return end.why;
  }
}
