/**
 * What a turn that was lost has left at work. A server that is killed leaves the commands of its agents
 * running (SIGKILL, 1.18.34 and 2, measured): no session of it is at work any more, and they may yet
 * write and commit.
 */
import { type Clock, sleep } from "../../clock.ts";
import type { Note } from "../../store/model.ts";
import { type Activity, waitingForLeft } from "../activity.ts";
import type { LoopTools } from "../context.ts";
import { inWords } from "../limits.ts";
import { JOB_MS, TICK_MS } from "./completion.ts";
import type { TurnEnd } from "./turn_end.ts";

/**
 * Waits until what commands of agents have started in `root` since the turn began has ended, at most as long as a
 * command may outlive its turn; not after a stop, and not where all of the turn is known to have ended.
 * Hands back what still runs, in words for people and for the next prompt. `startedAt`: when it
 * began, in epoch milliseconds.
 */
export async function awaitLeftCommands(
  { leftRunning, clock, tell }: Pick<LoopTools, "leftRunning"> & {
    clock: Clock;
    tell: (activity: Activity) => void;
  },
  { root, startedAt, end, signal }: {
    root: string;
    startedAt: () => number;
    end: TurnEnd;
    signal: AbortSignal;
  },
): Promise<readonly Note[]> {
  if (!mayLeaveCommands(end)) return [];
  const since = startedAt();
  const begun = clock.monotonic();
  let isTold = false;
  while (!signal.aborted) {
    const left = await leftRunning(root, since);
    if (left?.length === 0) return [];
    if (!left) return [{ about: "left", text: UNKNOWN }];
    const isOver = end.kind === "timeout" && end.limit === "session";
    if (isOver || clock.monotonic() - begun >= JOB_MS) {
      const text = `commands of a turn that was lost still run${
        isOver ? "" : ` after ${inWords(JOB_MS)}`
      }: ${left.join("; ")}`;
      return [{ about: "left", text }];
    }
    // Once: what such a command starts comes and goes.
    if (!isTold) tell(waitingForLeft(left));
    isTold = true;
    await sleep(clock, TICK_MS, signal);
  }
  return [];
}

const UNKNOWN =
  "whether commands of a turn that was lost still run is not known: the look did not end in time";

const mayLeaveCommands = (end: TurnEnd) =>
  end.kind === "interrupted" || (end.kind === "timeout" && !end.confirmed);
