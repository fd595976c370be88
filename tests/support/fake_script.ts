/** What the agents of the fake server do: the scripted model's language, told from whom it comes. */
import type { ModelRequest, Reply } from "./scripted_model.ts";

/** One call of the model. `signal` aborts when the turn is aborted. */
export interface FakeModelRequest extends ModelRequest {
  readonly directory: string;
  readonly sessionId: string;
  /** The OpenCode session that got the prompt; for a sub-agent, the one it works for in the end. */
  readonly rootSessionId: string;
}

/** Decides the answer to each call. What it throws fails the test: see `assertAllUsed`. */
export type FakeScript = (request: FakeModelRequest) => Reply | Promise<Reply>;

/** A script of which every reply must be used. */
export interface CountedScript {
  (request: FakeModelRequest): Reply;
  /** How many replies nobody has asked for. */
  unused(): number;
}

/**
 * The n-th OpenCode session that calls the model gets the n-th list of replies, one for each call in
 * turn, sub-agents' included. A call too many is an error.
 */
export function turns(...lists: readonly (readonly Reply[])[]): CountedScript {
  const waiting = lists.map((list) => [...list]);
  const given = new Map<string, Reply[]>();

  function script({ rootSessionId, prompt }: FakeModelRequest): Reply {
    const mine = given.get(rootSessionId) ?? waiting[given.size];
    if (mine === undefined) throw new Error(`no turn was expected, but prompted: ${prompt}`);
    given.set(rootSessionId, mine);
    const reply = mine.shift();
    if (reply === undefined) throw new Error(`one model call too many, prompted: ${prompt}`);
    return reply;
  }
  return Object.assign(script, {
    unused: () => waiting.reduce((sum, list) => sum + list.length, 0),
  });
}
