/** The server between iterations: whether it can be worked with, and of which version it is. */
import { isTestedVersion, TESTED_VERSIONS } from "../opencode/versions.ts";
import { plain } from "../terminal/plain.ts";
import { waitingForServer } from "./activity.ts";
import { activityTeller, type LoopTools, type SessionContext } from "./iteration.ts";
import { askPatiently, SLOW_MS, staysUp, STEADY_MS } from "./server.ts";
import { endStrayTurns, strayWarning } from "./stray_turns.ts";

export interface ServerWatch {
  /**
   * Waits until the server is well, answers in the project's directory, and has no turn of the task
   * at work. True when that was so at the first try; false when it took a while, or nobody waits for
   * it any more: then look at everything anew. Throws the last `OpenCodeError` when the server
   * stayed away too long, or where waiting cannot help.
   */
  ready(options: {
    /** What is left of the session's time, in milliseconds. */
    leftMs: number;
    /** The iteration before lost its turn with the server: it must stay up for a while. */
    lostTurn: boolean;
    /** Nothing is to be done any more that needs a server. */
    isOver: () => boolean;
    signal: AbortSignal;
  }): Promise<boolean>;
}

/** Of one worker. */
export function createServerWatch(
  tools: LoopTools,
  { lease, settings, task }: Pick<SessionContext, "lease" | "settings" | "task">,
): ServerWatch {
  const { client, clock, emit } = tools;
  const tell = activityTeller(tools, lease);
  /** Since then no first try was good: a server that comes and goes is not waited for for ever. */
  let awaySince: number | undefined;
  let known: string | undefined;
  const strays = new Set<string>();

  function warnOfStray(id: string): void {
    if (strays.has(id)) return;
    strays.add(id);
    emit(strayWarning(id));
  }

  async function probe(): Promise<string> {
    const [{ version }] = await Promise.all([
      client.health(),
      client.busy().then((busy) =>
        endStrayTurns(tools, { lease, busy: busy.keys(), taskDir: task.dir, onFound: warnOfStray })
      ),
    ]);
    return version;
  }

  function lookAt(version: string): void {
    if (version === known) return;
    const notes = [
      ...known === undefined ? [] : [`it was ${plain(known, 20)} before`],
      ...isTestedVersion(version) ? [] : [`tested are ${TESTED_VERSIONS}`],
    ];
    known = version;
    if (notes.length === 0) return;
    emit({ type: "warning", text: `OpenCode is ${plain(version, 20)} now: ${notes.join("; ")}` });
  }

  return {
    async ready({ leftMs, lostTurn, isOver, signal }) {
      const startedAt = clock.monotonic();
      const awayMs = startedAt - (awaySince ?? startedAt);
      let waited = false;
      if (lostTurn) tell(waitingForServer("it lost a turn; looking whether it stays up"));
      const look = async () => {
        try {
          return await (lostTurn ? staysUp(probe, { client, clock, signal }) : probe());
        } catch (error) {
          waited = true;
          awaySince ??= startedAt;
          throw error;
        }
      };
      const version = await askPatiently(look, {
        clock,
        signal,
        limitMs: Math.min(settings.limits.serverAwayMs - awayMs, leftMs),
        slowMs: SLOW_MS + (lostTurn ? STEADY_MS : 0),
        isOver,
        tell,
      }).catch((error) => {
        if (isOver()) return undefined;
        throw error;
      });
      if (version === undefined || signal.aborted) return false;
      lookAt(version);
      if (!waited) awaySince = undefined;
      return !waited;
    },
  };
}
