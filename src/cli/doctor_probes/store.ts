/** What the doctor learns of the database, and of the sessions in it. */
import * as path from "node:path";
import type { SessionFacts, StoreFacts } from "../../doctor/probes.ts";
import { RalphError } from "../../error.ts";
import { fileExists } from "../../host/files/read_file.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import type { Session } from "../../store/model.ts";
import type { Context } from "../../app/context.ts";
import { inspectStore, openUserStoreReadOnly, pathsOf } from "../../app/store.ts";
import { isAlive, keyOf } from "../../control/liveness.ts";

/** Undefined when there is no database yet, and the error when it cannot be used. */
export function storeFacts(
  context: Context,
  { deep }: { deep: boolean },
): StoreFacts | RalphError | undefined {
  try {
    const inspection = inspectStore(context, { deep });
    if (!inspection) return undefined;
    if (inspection.schema.found !== inspection.schema.newest) return inspection;
    return { ...inspection, sessions: sessionFacts(context) };
  } catch (error) {
    if (error instanceof RalphError) return error;
    throw error;
  }
}

function sessionFacts(context: Context): SessionFacts | undefined {
  const store = openUserStoreReadOnly(context);
  if (!store) return undefined;
  try {
    const running = store.running();
    const alive = running.filter((session) => hasWorker(context, session));
    return {
      running: running.length,
      dead: running.filter((session) => !alive.includes(session)),
      leftSignals: leftSignals(context, alive),
    };
  } finally {
    store.close();
  }
}

/** Whether a worker is at work in this project, on this server: then the server has loaded it. */
export function hasWorkerIn(
  context: Context,
  { root, serverUrl }: { root: string; serverUrl: string },
): boolean {
  let store: ReturnType<typeof openUserStoreReadOnly>;
  try {
    store = openUserStoreReadOnly(context);
    return store?.running().some((session) =>
      session.projectRoot === root && session.serverUrl === serverUrl &&
      hasWorker(context, session)
    ) ?? false;
  } catch (error) {
    if (error instanceof RalphError) return false; // the store's own checks say so
    throw error;
  } finally {
    store?.close();
  }
}

/** A look at a lock makes its file, and a file that is not there is held by nobody. */
function hasWorker(context: Context, session: Session): boolean {
  const { locks } = pathsOf(context);
  return fileExists(path.join(locks, `${keyOf(session)}.lock`)) && isAlive(context, session);
}

/** The signal files that are not those of a session that runs. */
function leftSignals(context: Context, running: readonly Session[]): readonly string[] {
  const { signals } = pathsOf(context);
  const awaited = new Set(running.map((session) => `${keyOf(session)}.signal`));
  return systemTree.list(signals).filter((name) => !awaited.has(name))
    .map((name) => path.join(signals, name));
}
