/**
 * Handing a person's words over to a turn that is at work, and seeing that they are answered. OpenCode
 * takes a prompt to a session at work up at the agent's next step (1.1.53, 1.18.33, measured; 2.x by
 * its name for it). At a turn's very end 1.1.53 may take one and never come to it (4 of 60, measured).
 */
import type { Clock } from "../../clock.ts";
import type { OpenCode } from "../../opencode/client.ts";
import { ignoreServerFailure, OpenCodeError } from "../../opencode/error.ts";
import type { Message } from "../../opencode/model.ts";
import { goesOn, isFinished } from "./completion.ts";
import type { FoundEnd } from "./turn_end.ts";

/** Words for the turn, as the agent gets them. */
export interface Steer {
  readonly id: number;
  readonly text: string;
}

export interface Steers {
  /** Handed over by an earlier worker, or about to be. */
  readonly earlier: readonly Steer[];
  /** Those that wait, written down as handed over: each comes once. Waits for nothing. */
  take(): readonly Steer[];
  /** The server has declined them: they wait for the next prompt. Waits for nothing. */
  giveBack(steer: Steer, why: string): void;
  /** Throws `OpenCodeError`. */
  send(text: string): Promise<void>;
}

/** Longer than 1.18.33 took to list a prompt with 24 at once, 6 s (measured). */
const ARRIVE_MS = 15_000;

export interface Steering {
  /** Hands over what waits. To be called while the agent is at work. */
  hand(): Promise<void>;
  /** The end that was found, as it is where words were handed over; undefined: it is none yet. */
  settle(found: FoundEnd): Promise<FoundEnd | undefined>;
  /** The ids of those that the agent has not come to, all of them where the server cannot tell. */
  unanswered(): Promise<readonly number[]>;
}

export function createSteering(
  { client, clock, sessionId, steers }: {
    client: OpenCode;
    clock: Clock;
    sessionId: string;
    steers: Steers | undefined;
  },
): Steering {
  const handed = [...steers?.earlier ?? []];
  let lastAt = clock.monotonic();
  let declined = false;
  const read = () => client.messages(sessionId).catch(ignoreServerFailure);

  return {
    async hand() {
      if (declined || !steers) return;
      for (const steer of steers.take()) {
        handed.push(steer);
        try {
          await steers.send(steer.text);
        } catch (error) {
          if (!(error instanceof OpenCodeError)) throw error;
          if (!error.mayHaveArrived) {
            declined = true;
            handed.pop();
            steers.giveBack(steer, error.message);
          }
        }
        lastAt = clock.monotonic();
      }
    },

    async settle(found) {
      const { ending } = found;
      if (handed.length === 0 || ending.kind === "timeout") return found;
      const isLate = clock.monotonic() - lastAt > ARRIVE_MS;
      const messages = await read();
      if (!messages) return isLate ? found : undefined;
      if (unansweredOf(handed, messages).length === 0) return found;
      // Should the server come to them yet, the agent would work beside the next turn: it is aborted.
      if (ending.kind === "finished") return isLate ? { ending, leavesJobs: true } : undefined;
      const last = messages.findLast(({ role }) => role === "assistant");
      const hadFinished = last && isFinished(last) && !goesOn(last);
      return hadFinished ? { ending: { kind: "finished", last }, leavesJobs: true } : found;
    },

    async unanswered() {
      if (handed.length === 0) return [];
      return unansweredOf(handed, await read() ?? []).map(({ id }) => id);
    },
  };
}

/** Those that are in no message, or in one that no message of the agent comes after. Pure. */
export function unansweredOf(
  steers: readonly Steer[],
  messages: readonly Pick<Message, "role" | "text">[],
): readonly Steer[] {
  const lastAnswer = messages.findLastIndex(({ role }) => role === "assistant");
  const answered = messages.slice(0, lastAnswer + 1).filter(({ role }) => role === "user")
    .map(({ text }) => text);
  return steers.filter(({ text }) => {
    const index = answered.indexOf(text);
    if (index >= 0) answered.splice(index, 1);
    return index < 0;
  });
}
