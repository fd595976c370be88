/** What came of an iteration, judged from facts. Pure. */
import type { Outcome } from "../registry/model.ts";
import type { Story } from "../task/prd.ts";
import type { TurnEnd } from "./turn.ts";

export interface IterationFacts {
  end: TurnEnd;
  story: Story;
  before: readonly Story[];
  after: readonly Story[];
  /** What git says changed outside the task's folder; undefined when git could not say. */
  change?: { commits: number; files: number };
}

export interface Judgement {
  outcome: Outcome;
  /** The same in words, for people and for the next prompt. */
  detail: string;
  storiesPassed: readonly string[];
}

/**
 * A story that newly passes counts whatever became of the turn, except that a person's stop is
 * recorded as such. Then what went wrong, then what git says.
 */
export function judge(facts: IterationFacts): Judgement {
  const passedBefore = new Set(facts.before.filter((story) => story.passes).map(({ id }) => id));
  const storiesPassed = facts.after
    .filter((story) => story.passes && !passedBefore.has(story.id))
    .map(({ id }) => id);
  const trouble = troubleOf(facts.end);
  const with_ = (outcome: Outcome, detail: string) => ({ outcome, detail, storiesPassed });

  if (facts.end.kind === "stopped") return with_("stopped", trouble ?? "stopped by a person");
  if (storiesPassed.length > 0) {
    const passes = `${storiesPassed.join(", ")} ${storiesPassed.length === 1 ? "passes" : "pass"}`;
    return with_("advanced", trouble ? `${passes}; ${trouble}` : passes);
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
  const { commits = 0, files = 0 } = facts.change ?? {};
  if (commits > 0 || files > 0) {
    return with_("worked", `${facts.story.id} does not pass yet`);
  }
  return with_("nothing", `${facts.story.id} does not pass, and no file was changed`);
}

const UNCONFIRMED = "the server did not confirm that the turn was aborted";

/** What went wrong with the turn, in words; undefined when it ended as it should. */
function troubleOf(end: TurnEnd): string | undefined {
  switch (end.kind) {
    case "settled":
      if (end.error) return `${end.error.name}: ${end.error.message}`;
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
