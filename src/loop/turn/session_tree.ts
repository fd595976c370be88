import type { OpenCode } from "../../opencode/client.ts";
import type { OpenCodeSession } from "../../opencode/model.ts";

/** An OpenCode session and those of its sub-agents, told from other people's in the directory. */
export interface SessionTree {
  /** Whether it is one of ours; undefined while that is not known. */
  knows(sessionId: string): boolean | undefined;
  /** Learns from what the server says of a session. */
  note(session: OpenCodeSession): void;
  /** Asks the server where needed. Throws `OpenCodeError`. */
  owns(sessionId: string): Promise<boolean>;
  /** Which of these are ours, and which are not. Throws as `owns`. */
  sort(sessionIds: Iterable<string>): Promise<{ ours: string[]; others: string[] }>;
}

export function createSessionTree(
  client: Pick<OpenCode, "session">,
  rootSessionId: string,
): SessionTree {
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

  async function sort(sessionIds: Iterable<string>) {
    const ids = [...sessionIds];
    const owned = await Promise.all(ids.map(owns));
    return { ours: ids.filter((_, i) => owned[i]), others: ids.filter((_, i) => !owned[i]) };
  }

  return { knows: (sessionId) => ours.get(sessionId), note, owns, sort };
}

/** The OpenCode session that a sub-agent works for in the end. Throws `OpenCodeError`. */
export async function rootOf(
  client: Pick<OpenCode, "session">,
  sessionId: string,
): Promise<string> {
  const parentId = (await client.session(sessionId))?.parentId;
  return parentId === undefined ? sessionId : await rootOf(client, parentId);
}
