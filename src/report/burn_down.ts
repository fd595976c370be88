/** How many stories were open when. Pure. */
import type { SessionRecord, StoryNow } from "./model.ts";

export interface BurnDown {
  total: number;
  /** From the first session's start, each with how many are open from then on. Epoch milliseconds. */
  points: readonly { at: number; open: number }[];
  /** When a session ran. */
  spans: readonly { from: number; to: number }[];
  /** Stories that pass and of which no session has a record: they count as passing all the time. */
  unrecorded: number;
  /** Open now by the PRD. It differs from the last point where others than ralph changed the PRD. */
  openNow: number;
}

interface Change {
  at: number;
  storyId: string;
  passes: boolean;
}

/**
 * Told back from the stories that the PRD has now: how many it had before is not on record. Undefined
 * without stories, or when no time is known.
 */
export function burnDownOf(
  sessions: readonly SessionRecord[],
  { stories, now }: { stories?: readonly StoryNow[]; now: number },
): BurnDown | undefined {
  if (!stories || stories.length === 0) return undefined;
  const spans = sessions.map(({ session }) => {
    const from = Date.parse(session.startedAt);
    const ended = session.status === "running" ? now : Date.parse(session.endedAt ?? "");
    return { from, to: Math.max(from, Number.isNaN(ended) ? from : ended) };
  }).filter(({ from }) => !Number.isNaN(from));
  if (spans.length === 0) return undefined;
  const changes = sessions.flatMap(changesIn);
  const recorded = new Set(changes.map(({ storyId }) => storyId));
  const unrecorded = stories.filter(({ id, passes }) => passes && !recorded.has(id)).length;
  const known = new Set(stories.map(({ id }) => id));
  const passing = new Set<string>();
  const open = () => stories.length - unrecorded - passing.size;
  const points = [{ at: spans[0].from, open: open() }];
  for (const { at, storyId, passes } of changes) {
    if (!known.has(storyId)) continue;
    if (passes) passing.add(storyId);
    else passing.delete(storyId);
    // A clock that was set back must not turn the line around.
    points.push({ at: Math.max(points[points.length - 1].at, at), open: open() });
  }
  const end = Math.max(points[points.length - 1].at, ...spans.map(({ to }) => to));
  points.push({ at: end, open: open() });
  const openNow = stories.filter(({ passes }) => !passes).length;
  return { total: stories.length, points, spans, unrecorded, openNow };
}

/** A story passes at the end of its iteration, and may be taken back by a later run of all gates. */
function changesIn({ session, iterations, findings }: SessionRecord): Change[] {
  const endOf = (number: number) => {
    const at = Date.parse(iterations.find((one) => one.number === number)?.endedAt ?? "");
    return Number.isNaN(at) ? undefined : at;
  };
  const changes = iterations.flatMap(({ number, storiesPassed }) => {
    const at = endOf(number);
    if (at === undefined) return [];
    return storiesPassed.flatMap((storyId): Change[] => {
      const isBack = findings.claims.some((claim) =>
        claim.iteration === number && claim.storyId === storyId && claim.held === false
      );
      const judge = findings.gates.find((gate) =>
        gate.final && !gate.passed && gate.iteration >= number
      );
      const backAt = (judge && endOf(judge.iteration)) ?? Date.parse(session.endedAt ?? "");
      return [
        { at, storyId, passes: true },
        ...isBack && !Number.isNaN(backAt) ? [{ at: backAt, storyId, passes: false }] : [],
      ];
    });
  });
  return changes.toSorted((a, b) => a.at - b.at);
}
