/**
 * What becomes of an iteration whose worker went before it was judged, decided from its row and from
 * what the server says. Pure: the whole policy is here. Doing it twice changes nothing: an iteration
 * stays under way until its outcome is recorded, and that is done once.
 */
import type { Message } from "../../opencode/model.ts";
import type { Iteration } from "../../store/model.ts";
import { NOT_STARTED_MS } from "../turn/abort.ts";
import { goesOn, isFinished, wasAborted } from "../turn/completion.ts";

/** What the server says of the OpenCode session that was made for the iteration. */
export type Found =
  /** It does not answer. */
  | { kind: "unknown"; why: string }
  | { kind: "missing" }
  /** `busy`: it or a sub-agent of it is at work. `last`: its newest message. */
  | { kind: "there"; sessionId: string; busy: boolean; last?: Message };

/** `words` say to a person how the session goes on. */
type Recovery =
  /** Its turn is followed to its end and judged, as if its own worker had stayed. */
  | { kind: "follow"; sessionId: string; words: string }
  /** No turn is at work, and none has finished: that is recorded, and a new iteration begins. */
  | { kind: "record"; why: string; words: string }
  /** Nothing can be said before the server answers. */
  | { kind: "wait"; words: string };

/** `now` in epoch milliseconds. */
export function recoveryOf(
  iteration: Pick<Iteration, "openCodeSessionId" | "startedAt" | "promptedAt">,
  found: Found,
  now: number,
): Recovery {
  const record = (why: string): Recovery => ({ kind: "record", why, words: why });
  if (found.kind === "unknown") {
    return { kind: "wait", words: `what became of its turn is not known yet: ${found.why}` };
  }
  if (found.kind === "missing") {
    return iteration.openCodeSessionId === null
      ? record("its worker died before anything was sent to the agent")
      : record("its worker died in mid-turn, and its OpenCode session is gone");
  }
  const { sessionId, busy, last } = found;
  const follow = (words: string): Recovery => ({ kind: "follow", sessionId, words });
  if (busy) return follow("its worker died, and its turn still goes on");
  if (last && isFinished(last) && !goesOn(last) && !wasAborted(last)) {
    return follow("its turn finished on the server while no worker was there");
  }
  // It may be about to finish: following it finds out.
  if (last?.role === "assistant") return follow("its worker died, and its turn broke off");
  // What was sent in its worker's last moments may begin yet.
  const ageMs = now - Date.parse(iteration.promptedAt ?? iteration.startedAt);
  if (ageMs < NOT_STARTED_MS) return follow("its worker died when its turn was to begin");
  return iteration.promptedAt === null && !last
    ? record("its worker died before anything was sent to the agent")
    : record("its worker died, and the agent never began");
}

/**
 * How long a turn worked on after its worker was last seen, at `seenAt`, in milliseconds: as long as it
 * is at work, or until it finished. Of the machine's clock, which may have been set meanwhile, no more
 * than `maxMs` is believed.
 */
export function aloneMs(
  found: Found,
  { seenAt, now, maxMs }: { seenAt: string | undefined; now: number; maxMs: number },
): number {
  if (found.kind !== "there" || seenAt === undefined) return 0;
  const { busy, last } = found;
  const until = busy ? now : last && isFinished(last) ? last.completedAt : undefined;
  const ms = Math.min(until ?? NaN, now) - Date.parse(seenAt);
  return Math.min(Math.max(0, ms || 0), maxMs);
}

/** How long the turn has worked without a worker, at most: from the recorded start, by the clock. */
export function workedBeforeMs(
  { startedAt, promptedAt }: Pick<Iteration, "startedAt" | "promptedAt">,
  now: number,
): number {
  return Math.max(0, now - Date.parse(promptedAt ?? startedAt));
}
