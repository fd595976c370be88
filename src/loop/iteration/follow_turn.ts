/** A turn of an iteration: followed to its end, reported and recorded on the way. */
import { ignoreServerFailure } from "../../opencode/error.ts";
import { StoreError } from "../../store/database.ts";
import { activityTeller } from "../activity.ts";
import type { LoopTools, SessionContext } from "../context.ts";
import { narrator } from "../turn/narrator.ts";
import { endOrphanedTurns, orphanWarning } from "../turn/orphaned_turns.ts";
import type { TurnOptions } from "../turn/turn.ts";
import type { TurnReport } from "../turn/turn_end.ts";

/** Follows a turn to its end, and tells what it does. Throws as `Turns.run` does, and `LostSession`. */
export function followTurn(
  tools: LoopTools,
  { lease, task, backlog }: SessionContext,
  { number, ...options }:
    & Omit<TurnOptions, "onEvent" | "onActivity" | "onAnswer" | "beforeAbort">
    & { number: number },
): Promise<TurnReport> {
  const { turns, store, recorder, emit } = tools;
  const narrate = narrator({
    sessionId: options.sessionId,
    projectRoot: task.projectRoot,
    emit,
  });
  return turns.run({
    ...options,
    async onAnswer({ asked, reply: answer, at }) {
      await recorder.write((store) => store.addAnswer(lease, number, { asked, answer, at }));
      emit({ type: "answered", asked, answer });
    },
    onEvent(event) {
      // before the tool writes, as far as that goes, and after it did
      if (event.type === "tool") backlog.look();
      narrate(event);
    },
    onActivity: activityTeller(tools, lease),
    // One that began late, or that an abort did not end. What cannot be ended now is tried again
    // before the next iteration.
    onOthers: (busy) =>
      endOrphanedTurns(tools, {
        lease,
        busy,
        taskDir: task.dir,
        onFound: (id) => emit(orphanWarning(id)),
      }).catch(ignoreServerFailure),
    // A worker that was replaced leaves the turn to the one that has it now.
    beforeAbort() {
      try {
        store.requireLease(lease);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
      }
    },
  });
}
