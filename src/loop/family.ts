import type { OpenCode } from "../opencode/client.ts";
import type { OpenCodeSession } from "../opencode/model.ts";

/** An OpenCode session and those of its sub-agents, told from other people's in the directory. */
export interface Family {
  /** Whether it is one of ours; undefined while that is not known. */
  knows(sessionId: string): boolean | undefined;
  /** Learns from what the server says of a session. */
  note(session: OpenCodeSession): void;
  /** Asks the server where needed. Throws `OpenCodeError`. */
  owns(sessionId: string): Promise<boolean>;
}

export function createFamily(
  client: Pick<OpenCode, "session">,
  rootSessionId: string,
): Family {
  const ours = new Map<string, boolean>([[rootSessionId, true]]);
  const asked = new Map<string, Promise<boolean>>();

  function note(session: OpenCodeSession): void {
    if (ours.has(session.id)) return;
    const parent = session.parentId === undefined ? false : ours.get(session.parentId);
    if (parent !== undefined) ours.set(session.id, parent);
  }

  async function ask(sessionId: string): Promise<boolean> {
    const session = await client.session(sessionId);
    const answer = session?.parentId !== undefined && await owns(session.parentId);
    ours.set(sessionId, answer);
    return answer;
  }

  function owns(sessionId: string): Promise<boolean> {
    const known = ours.get(sessionId);
    if (known !== undefined) return Promise.resolve(known);
    const running = asked.get(sessionId) ??
      ask(sessionId).finally(() => asked.delete(sessionId));
    asked.set(sessionId, running);
    return running;
  }

  return { knows: (sessionId) => ours.get(sessionId), note, owns };
}
