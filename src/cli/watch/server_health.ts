/** Whether the servers of the running sessions answer: asked seldom, and never waited for. */
import type { Context } from "../../app/context.ts";
import { OpenCodeError } from "../../opencode/error.ts";
import { RalphError } from "../../error.ts";
import type { Session } from "../../store/model.ts";
import type { Health, TaskView } from "./model.ts";

const ASK_MS = 15_000;
/** On a busy machine an answer takes longer: none is told of as missing before the second. */
const FIRST_ANSWER_MS = 2_000;
const SECOND_ANSWER_MS = 8_000;

export interface ServerHealth {
  readonly known: ReadonlyMap<string, Health>;
  /** Asks each server of a session at work whose answer is old; `onAnswer` is called later. */
  ask(tasks: readonly TaskView[]): void;
}

export function serverHealth(
  context: Context,
  { onAnswer, onBug }: { onAnswer: () => void; onBug: (error: unknown) => void },
): ServerHealth {
  const { clock } = context;
  const known = new Map<string, Health>();
  const askedAt = new Map<string, number>();

  async function versionOf(session: Session): Promise<string> {
    const { clientOf } = await import("../../app/server_client.ts");
    const client = await clientOf({ ...context, warn: () => {} }, session);
    const isLate = (error: unknown) =>
      error instanceof OpenCodeError && error.problem === "timeout";
    const health = await client.health({ timeoutMs: FIRST_ANSWER_MS }).catch((error) => {
      if (isLate(error)) return client.health({ timeoutMs: SECOND_ANSWER_MS });
      throw error;
    });
    return health.version;
  }

  async function ask(url: string, session: Session): Promise<void> {
    try {
      known.set(url, { state: "well", version: await versionOf(session) });
    } catch (error) {
      if (!(error instanceof RalphError)) throw error;
      known.set(url, { state: "not well", why: error.message });
    }
    onAnswer();
  }

  return {
    known,
    ask(tasks) {
      const sessions = new Map<string, Session>();
      for (const { session } of tasks) {
        if (session?.status === "running" && session.serverUrl !== null) {
          sessions.set(session.serverUrl, session);
        }
      }
      for (const url of known.keys()) if (!sessions.has(url)) known.delete(url);
      for (const [url, session] of sessions) {
        const now = clock.monotonic();
        if (now - (askedAt.get(url) ?? -Infinity) < ASK_MS) continue;
        askedAt.set(url, now);
        if (!known.has(url)) known.set(url, { state: "asked" });
        ask(url, session).catch(onBug);
      }
    },
  };
}
