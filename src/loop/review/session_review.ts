/** What a reviewer says of stories, as the verification and the loop take it. */
import type { GateRecord, Usage } from "../../store/model.ts";
import type { Agenda } from "../../task/agenda.ts";
import type { Story } from "../../task/prd.ts";
import type { RefusedStory } from "../../verify/review/verdict.ts";
import type { LoopTools, SessionContext } from "../context.ts";
import type { Past } from "../decide.ts";

/** What the loop has to know beside the verdict: nothing where there is one. */
export type ReviewTrouble = Pick<Past, "hopeless" | "outOf" | "server">;

interface Asked {
  iteration: number;
  final: boolean;
  agenda: Agenda;
  /** The commit that the work began from, where no iteration of the story tells. */
  since: string | undefined;
  agentSaid?: string;
  /** Of the turn that is judged. */
  unbooked?: Usage;
}

/** What a reviewer has let pass, but for what it refused. */
interface Judged {
  stories: readonly Story[];
  gates: readonly GateRecord[];
  refused: readonly RefusedStory[];
}

/**
 * Has stories reviewed where the session wants that at this time. `review` is undefined where it does not;
 * `trouble` tells afterwards why there was no verdict. Without one no claim holds.
 */
export function sessionReview(
  { store }: Pick<LoopTools, "store">,
  { reviewer, lease, task, template }: Pick<
    SessionContext,
    "reviewer" | "lease" | "task" | "template"
  >,
  { agenda, since, ...asked }: Asked,
) {
  const trouble: { found: ReviewTrouble } = { found: {} };
  const isTime = (reviewer?.when === "end") === asked.final;
  const judged = reviewer && asked.final ? store.lastReviews(task.dir) : new Map<string, boolean>();
  const owed = owedOf(agenda, judged, isTime);
  if (!reviewer || (!isTime && owed.size === 0)) return { trouble, isOwed: false };

  let last: Judged | undefined;

  /** Since the first of them was begun in this session. */
  function base(stories: readonly Story[]): string | undefined {
    const ids = new Set(asked.final ? [] : stories.map(({ id }) => id));
    const first = store.iterations(lease.sessionId).find(({ storyId }) => ids.has(storyId ?? ""));
    return first?.headBefore ?? since;
  }

  async function review(
    all: readonly Story[],
    gates: readonly GateRecord[],
  ): Promise<readonly RefusedStory[]> {
    const stories = isTime ? all : all.filter(({ id }) => owed.has(id));
    if (stories.length === 0) return [];
    const about = agenda.format === undefined ? template : agenda.about;
    const reviewed = await reviewer?.review({
      ...asked,
      stories,
      gates,
      about,
      since: base(stories),
      sessionSince: store.iterations(lease.sessionId).at(0)?.headBefore ?? undefined,
    });
    if (!reviewed) return [];
    if (reviewed.kind === "judged") {
      last = { stories: all, gates, refused: reviewed.refused };
      return reviewed.refused;
    }
    const none = (why: string) => stories.map(({ id }) => ({ storyId: id, why }));
    if (reviewed.kind === "stopped") return none("stopped before it was reviewed");
    const { why, outOf, away, moved } = reviewed;
    // Whoever writes there is told, and the story is claimed again.
    if (moved) return none(`it is not reviewed: ${why}`);
    trouble.found = outOf !== undefined
      ? { outOf }
      : away
      ? { server: "away" }
      : { hopeless: `no review came about: ${why}` };
    return none(`no review came about: ${why}`);
  }

  /**
   * What is delivered is what was reviewed, though a hook of git may change files: else it is reviewed again,
   * once. Returns why what was let pass does not hold now, in words.
   */
  async function delivered(): Promise<string | undefined> {
    if (!last) return undefined;
    const { stories, gates, refused } = last;
    const before = new Set(refused.map(({ storyId }) => storyId));
    const now = (await review(stories, gates)).filter(({ storyId }) => !before.has(storyId));
    return now.map(({ storyId, why }) => `${storyId}: ${why}`).join("; ") || undefined;
  }

  return { review, delivered, trouble, isOwed: owed.size > 0 };
}

/** Who is said to be done though no reviewer let it pass, as where the taking back was taken back. */
function owedOf(
  { stories }: Agenda,
  judged: ReadonlyMap<string, boolean>,
  isTime: boolean,
): ReadonlySet<string> {
  return new Set(
    stories.filter(({ id, passes }) => passes && !(judged.get(id) ?? !isTime)).map(({ id }) => id),
  );
}

/** Why a claim of a story holds without the review that somebody asked for, in words; empty where it had one. */
export function notReviewed(
  { settings, reviewer }: Pick<SessionContext, "settings" | "reviewer">,
  { stories }: Agenda,
): (storyId: string) => readonly string[] {
  if (settings.review === false) return () => ["not reviewed: the session leaves its review out"];
  const leftOut = new Set(stories.filter(({ review }) => review === false).map(({ id }) => id));
  return (storyId) => reviewer && leftOut.has(storyId) ? ["not reviewed: its story says so"] : [];
}
