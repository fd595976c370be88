/** The server between iterations: whether it can be worked with, and of which version it is. */
import { isTestedVersion, testedWords } from "../../opencode/versions.ts";
import { OpenCodeError } from "../../opencode/error.ts";
import { plain } from "../../terminal/plain.ts";
import { activityTeller, waitingForServer } from "../activity.ts";
import type { LoopTools, SessionContext } from "../context.ts";
import { askPatiently, SLOW_MS, staysUp, STEADY_MS } from "./retry.ts";
import { endOrphanedTurns, orphanWarning } from "../turn/orphaned_turns.ts";

export interface Readiness {
  /**
   * Waits until the server is well, answers in the project's directory, and has no turn of the task
   * at work. True when that was so at the first try; false when it took a while, or nobody waits for
   * it any more: then look at everything again. Throws the last `OpenCodeError` when the server
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
  /**
   * Ends what an earlier turn of the task has at work, such as one that was woken up late. True when
   * there was any: what was judged meanwhile is to be judged again. Throws `OpenCodeError` when one
   * cannot be ended.
   */
  endOthers(): Promise<boolean>;
}

/** Of one worker. */
export function createReadiness(
  tools: LoopTools,
  session: Pick<SessionContext, "lease" | "settings" | "task">,
): Readiness {
  const { client, clock } = tools;
  const { lease, settings } = session;
  const tell = activityTeller(tools, lease);
  const endOthers = othersEnder(tools, session);
  const probe = async () => {
    const [{ version }] = await Promise.all([client.health(), endOthers()]);
    return version;
  };
  const warnOfVersion = versionWarning(tools);
  /** Since then no first try was good: a server that comes and goes is not waited for forever. */
  let awaySince: number | undefined;

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
        session: lease.sessionId,
        limitMs: Math.min(settings.limits.serverAwayMs - awayMs, leftMs),
        slowMs: SLOW_MS + (lostTurn ? STEADY_MS : 0),
        isOver,
        tell,
      }).catch((error) => {
        if (isOver()) return undefined;
        throw error;
      });
      if (version === undefined || signal.aborted) return false;
      warnOfVersion(version);
      if (!waited) awaySince = undefined;
      return !waited;
    },

    async endOthers() {
      try {
        await client.health();
      } catch (error) {
        if (!(error instanceof OpenCodeError)) throw error;
        const text = `whether a turn of this task is still at work is not known: ${error.message}`;
        tools.emit({ type: "warning", text });
        return false;
      }
      return await endOthers();
    },
  };
}

/** Ends what an earlier turn has left at work, and tells whether there was any. */
function othersEnder(
  tools: LoopTools,
  { lease, task }: Pick<SessionContext, "lease" | "task">,
): () => Promise<boolean> {
  const { client, emit } = tools;
  const orphans = new Set<string>();

  function warnOfOrphan(id: string): void {
    if (orphans.has(id)) return;
    orphans.add(id);
    emit(orphanWarning(id));
  }

  return async () => {
    let found = false;
    await endOrphanedTurns(tools, {
      lease,
      busy: (await client.busy()).keys(),
      taskDir: task.dir,
      onFound(id) {
        found = true;
        warnOfOrphan(id);
      },
    });
    return found;
  };
}

/** Warns, given the version of each look, of one that is not tested, or another one than before. */
function versionWarning({ emit }: Pick<LoopTools, "emit">): (version: string) => void {
  let known: string | undefined;
  return (version) => {
    if (version === known) return;
    const shown = plain(version, 20);
    const notes = [
      ...known === undefined ? [] : [`it was ${plain(known, 20)} before`],
      ...isTestedVersion(version) ? [] : [testedWords(version)],
    ];
    const what = known === undefined ? `OpenCode has version ${shown}` : `OpenCode is ${shown} now`;
    known = version;
    if (notes.length > 0) emit({ type: "warning", text: `${what}: ${notes.join("; ")}` });
  };
}
