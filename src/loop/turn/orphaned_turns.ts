/**
 * Two agents must not work in one tree: a turn of the task that an abort did not end, or that began
 * after it, may still be at work when the next one is to begin.
 */
import type { Clock } from "../../clock.ts";
import type { OpenCode } from "../../opencode/client.ts";
import { OpenCodeError } from "../../opencode/error.ts";
import type { Lease } from "../../store/model.ts";
import type { Store } from "../../store/store.ts";
import { plain } from "../../terminal/plain.ts";
import { abortTurn } from "./abort.ts";
import { rootOf } from "./session_tree.ts";

/**
 * Ends what an earlier iteration of the task left at work, its sub-agents too, of the OpenCode
 * sessions that are `busy`.
 * Other people's are left alone. Throws `OpenCodeError` when one cannot be ended, and as
 * `requireLease` does.
 */
export async function endOrphanedTurns(
  { client, clock, store }: {
    client: OpenCode;
    clock: Clock;
    store: Pick<Store, "sessionOfOpenCode" | "requireLease">;
  },
  { lease, busy, taskDir, onFound }: {
    lease: Lease;
    busy: Iterable<string>;
    taskDir: string;
    onFound: (openCodeSessionId: string) => void;
  },
): Promise<void> {
  const isOfTask = (id: string) => store.sessionOfOpenCode(id)?.taskDir === taskDir;
  // A sub-agent that works on in the background has no row of its own.
  const roots = await Promise.all([...busy].map((id) => isOfTask(id) ? id : rootOf(client, id)));
  for (const sessionId of new Set(roots.filter(isOfTask))) {
    // To a worker that was replaced, the turn of its successor would look like an orphaned one.
    store.requireLease(lease);
    onFound(sessionId);
    if (await abortTurn({ client, clock, sessionId })) continue;
    throw new OpenCodeError(
      "server_error",
      `an earlier turn of this task is still at work in OpenCode session ${
        plain(sessionId, 60)
      }, and the ` +
        "server does not end it",
      { hints: [{ text: "restart it", command: "systemctl --user restart opencode" }] },
    );
  }
}

/** What a person is shown of one. */
export function orphanWarning(openCodeSessionId: string): { type: "warning"; text: string } {
  const text = "an earlier turn of this task is still at work in OpenCode session " +
    `${plain(openCodeSessionId, 60)}: it is ended`;
  return { type: "warning", text };
}
