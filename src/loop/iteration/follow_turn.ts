/** A turn of an iteration: followed to its end, reported and recorded on the way. */
import { ignoreServerFailure } from "../../opencode/error.ts";
import { StoreError } from "../../store/database.ts";
import { activityTeller } from "../activity.ts";
import type { LoopTools, SessionContext } from "../context.ts";
import type { Lease, Word } from "../../store/model.ts";
import { steerText } from "../words.ts";
import type { Steers } from "../turn/steering.ts";
import { narrator } from "../turn/narrator.ts";
import { endOrphanedTurns, orphanWarning } from "../turn/orphaned_turns.ts";
import type { TurnOptions } from "../turn/turn.ts";
import type { TurnReport } from "../turn/turn_end.ts";

/** Follows a turn to its end, and tells what it does. Throws as `Turns.run` does, and `LostSession`. */
export function followTurn(
  tools: LoopTools,
  { lease, task, backlog, settings }: SessionContext,
  { number, say, ...options }:
    & Omit<TurnOptions, "onEvent" | "onActivity" | "onTick" | "onAnswer" | "beforeAbort" | "steers">
    & {
      number: number;
      /** Hands words over to the turn at work; absent: they wait for the next prompt. */
      say?: (text: string) => Promise<void>;
    },
): Promise<TurnReport> {
  const { turns, place, limit, store, recorder, emit } = tools;
  const narrate = narrator({
    sessionId: options.sessionId,
    projectRoot: task.projectRoot,
    emit,
  });
  return turns.run({
    ...options,
    steers: steersOf(tools, { lease, task }, { number, say }),
    async onAnswer({ asked, reply: answer, at }) {
      await recorder.write((store) => store.addAnswer(lease, number, { asked, answer, at }));
      emit({ type: "answered", asked, answer });
    },
    onEvent(event) {
      // before the tool writes, as far as that goes, and after it did
      if (event.type === "tool") backlog.look();
      if (event.type === "message" && event.message.role === "assistant") place.loaded();
      limit.see(event, settings.model);
      narrate(event);
    },
    onActivity: activityTeller(tools, lease),
    // what a person wrote meanwhile may be written over by the next tool before its event comes
    onTick: backlog.look,
    // One that began late, or that an abort did not end. What cannot be ended now is tried again
    // before the next iteration.
    onOthers: (busy) =>
      endOrphanedTurns(tools, {
        lease,
        busy: busy.filter((id) => !isUnderReview(store, lease, id)),
        taskDir: task.dir,
        onFound: (id) => emit(orphanWarning(id)),
      }).catch(ignoreServerFailure),
    beforeAbort: () => requireTurn(store, lease),
  });
}

/** A worker that was replaced leaves the turn to the one that has it now: then `LostSession` is thrown. */
export function requireTurn(store: LoopTools["store"], lease: Lease): void {
  try {
    store.requireLease(lease);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
  }
}

/** Whether a worker that died was asking for a review there: it is gone on with. */
function isUnderReview(store: LoopTools["store"], { sessionId }: Lease, id: string): boolean {
  return store.reviews(sessionId).some(({ outcome, openCodeSessionId }) =>
    outcome === null && openCodeSessionId === id
  );
}

/** What a person says while the turn is at work. What cannot be written down now waits. */
function steersOf(
  { recorder, store, emit }: LoopTools,
  { lease, task }: Pick<SessionContext, "lease" | "task">,
  { number, say }: { number: number; say?: (text: string) => Promise<void> },
): Steers {
  const steerOf = (word: Word) => ({ id: word.id, text: steerText(word) });
  if (!say) {
    const told = store.wordsTold(lease.sessionId, number).filter((word) =>
      word.told?.how === "turn"
    );
    return {
      earlier: told.map(steerOf),
      take: () => [],
      giveBack() {},
      send: () => Promise.resolve(),
    };
  }
  return {
    earlier: [],
    take() {
      let words: readonly Word[] = [];
      const to = { taskDir: task.dir, iteration: number, how: "turn" } as const;
      recorder.note((store) => words = store.takeWords(lease, to));
      for (const { text } of words) emit({ type: "said", text, to: "turn" });
      return words.map(steerOf);
    },
    giveBack({ id }, why) {
      recorder.note((store) => store.giveBackWord(lease, id));
      emit({ type: "warning", text: `${UNTOLD}: ${why}` });
    },
    send: say,
  };
}

/** Told where words wait that were to be told in mid-turn. */
export const UNTOLD =
  "the agent did not come to what a person said, and gets it with its next prompt";
