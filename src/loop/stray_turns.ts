/**
 * Two agents must not work in one tree: a turn of the task that an abort did not end, or that began
 * after it, may still be at work when the next one is to begin.
 */
import type { Clock } from "../clock.ts";
import type { OpenCode } from "../opencode/client.ts";
import { OpenCodeError } from "../opencode/error.ts";
import type { Lease } from "../registry/model.ts";
import type { ReadOnlyRegistry, Registry } from "../registry/registry.ts";
import { plain } from "../terminal/plain.ts";
import { abortTurn } from "./abort.ts";

/**
 * Ends what an earlier iteration of the task left at work, of the OpenCode sessions that are `busy`.
 * Other people's are left alone. Throws `OpenCodeError` when one cannot be ended, and as
 * `requireLease` does.
 */
export async function endStrayTurns(
  { client, clock, registry }: {
    client: OpenCode;
    clock: Clock;
    registry: Pick<ReadOnlyRegistry, "sessionOfOpenCode"> & Pick<Registry, "requireLease">;
  },
  { lease, busy, taskDir, onFound }: {
    lease: Lease;
    busy: Iterable<string>;
    taskDir: string;
    onFound: (openCodeSessionId: string) => void;
  },
): Promise<void> {
  const strays = [...busy]
    .filter((id) => registry.sessionOfOpenCode(id)?.taskDir === taskDir);
  for (const sessionId of strays) {
    // To a worker that was replaced, the turn of its successor would look like a stray one.
    registry.requireLease(lease);
    onFound(sessionId);
    if (await abortTurn({ client, clock, sessionId })) continue;
    throw new OpenCodeError(
      "server_error",
      `an earlier turn of this task is still at work in OpenCode session ${
        plain(sessionId, 60)
      }, and the ` +
        "server does not end it",
      { hints: [{ text: "start it anew", command: "systemctl --user restart opencode" }] },
    );
  }
}

/** What a person is told of one. */
export function strayWarning(openCodeSessionId: string): { type: "warning"; text: string } {
  const text = "an earlier turn of this task is still at work in OpenCode session " +
    `${plain(openCodeSessionId, 60)}: it is ended`;
  return { type: "warning", text };
}
