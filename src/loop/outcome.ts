/** What came of an iteration, judged from facts. Pure. */
import type { TreeChange } from "../host/git.ts";
import type { Claim, Outcome } from "../registry/model.ts";
import type { Story } from "../task/prd.ts";
import { type Meaning, meaningOf } from "./meaning.ts";
import { type Refusal, refusalOf } from "./refusal.ts";
import type { TurnEnd } from "./turn.ts";

export interface IterationFacts {
  end: TurnEnd;
  story: Pick<Story, "id">;
  /** Of this turn, with what the loop found out about them. */
  claims: readonly Claim[];
  /** Gates that passed before in this session, and fail now. */
  broke: readonly string[];
  /** What git says changed outside the task's folder; undefined when git could not say. */
  change?: Pick<TreeChange, "workCommits" | "files">;
  /** Tokens that the turn used; undefined when that is not known. */
  tokens?: number;
  /** When the turn had ended, in epoch milliseconds. */
  now: number;
  /** How many iterations in a row the provider refused before. */
  refusedBefore: number;
  /** How long it had refused in this turn, in milliseconds. */
  refusedMs?: number;
}

export interface Judgement {
  outcome: Outcome;
  /** The same in words, for people and for the next prompt. */
  detail: string;
  storiesPassed: readonly string[];
  refusal?: Refusal;
  /** Why trying again cannot help, and what a person can do, in words. */
  hopeless?: string;
}

/**
 * A story that was claimed and holds counts whatever became of the turn, except that a person's stop
 * is recorded as such. Then what went wrong, then what the gates say, then what git says.
 */
export function judge(facts: IterationFacts): Judgement {
  const { story, claims, broke, change } = facts;
  const meaning = meaningOfEnd(facts.end);
  const ids = (held: boolean | null) =>
    claims.filter((claim) => claim.held === held).map(({ storyId }) => storyId);
  const storiesPassed = ids(true);
  const trouble = troubleOf(facts.end, meaning);
  const fallen = claims.filter(({ held }) => held === false)
    .map(({ storyId, why }) => `${storyId} was claimed and taken back: ${why}`);
  const unjudged = ids(null).map((id) => `${id} was claimed, and not judged`);
  const with_ = (outcome: Outcome, ...details: (string | undefined)[]) => ({
    outcome,
    detail: [...details, ...fallen, ...unjudged].filter((one) => one !== undefined).join("; "),
    storiesPassed,
    refusal: meaning.kind === "refused" ? refusalOf(facts, meaning.until) : undefined,
    hopeless: meaning.kind === "hopeless"
      ? [trouble, meaning.todo].filter((one) => one !== undefined).join("; ")
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
  if (change && (change.workCommits > 0 || change.files.length > 0)) {
    return with_("worked", ...fallen.length > 0 ? [] : [`${story.id} does not pass yet`]);
  }
  const files = change ? "no file was changed" : "git cannot say whether a file was changed";
  return with_("nothing", fallen.length > 0 ? files : `${story.id} does not pass, and ${files}`);
}

/** What the provider's part in the end means. */
function meaningOfEnd(end: TurnEnd): Meaning {
  switch (end.kind) {
    case "settled":
      return end.error ? meaningOf(end.error) : { kind: "failure" };
    case "lost": {
      const meaning = meaningOf({ name: "UnknownError", message: end.why });
      return meaning.kind === "hopeless" ? meaning : { kind: "failure" };
    }
    case "timeout":
      if (end.limit === "retries") return { kind: "refused" };
      return end.limit === "provider" ? { kind: "hopeless" } : { kind: "failure" };
    default:
      return { kind: "failure" };
  }
}

/** In the detail of an iteration whose turn may still be at work. */
export const UNCONFIRMED = "the server did not confirm that the turn was aborted";

/** What went wrong with the turn, in words; undefined when it ended as it should. */
function troubleOf(end: TurnEnd, { kind }: Meaning): string | undefined {
  switch (end.kind) {
    case "settled":
      if (end.error) {
        const said = `${end.error.name}: ${end.error.message}`;
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
