/** The store and the locks where this user has them. */
import * as path from "node:path";
import type { RalphError } from "../error.ts";
import { runSelf } from "../host/process/self.ts";
import {
  makeFolder,
  makePrivateFolder,
  type Paths,
  pathsFrom,
  taskKey,
} from "../host/files/paths.ts";
import { hasDatabase } from "../store/database_files.ts";
import { inspectDatabase, type Inspection, whyNotWritable } from "../store/inspect.ts";
import { type Migration, migrationOf } from "../store/migrations.ts";
import { openStore, openStoreReadOnly, type ReadOnlyStore, type Store } from "../store/store.ts";
import type { Context } from "./context.ts";

/** Of thirty first runs at once on two busy cores, some waited for more than 5 s (measured). */
const MAKE_MS = 30_000;

/** Throws `RalphError` (`usage`) when there is no home folder. */
export function pathsOf(context: Context): Paths {
  return pathsFrom(context.environment);
}

/**
 * Opens the store for writing; makes or migrates it when that is needed. `timeoutMs`: how long to
 * wait for a program that has it locked, when not as long as usual. `letsRowsBe` as for `openStore`.
 */
export function openUserStore(
  context: Context,
  { timeoutMs, letsRowsBe }: { timeoutMs?: number; letsRowsBe?: boolean } = {},
): Store {
  const { database } = pathsOf(context);
  makeFolder(path.dirname(database));
  return openStore({
    path: database,
    migrations: migrationsOf(context),
    now: () => context.clock.now(),
    monotonic: () => context.clock.monotonic(),
    timeoutMs,
    letsRowsBe,
    // The binary has not every permission, so that only a process that can wait makes a copy.
    copyDatabase: Deno.build.standalone
      ? (from, to) => runSelf(context.mainUrl, ["__copy", from, to])
      : undefined,
  });
}

/** Opens the store for reading only; undefined when nothing was ever recorded. */
export function openUserStoreReadOnly(context: Context): ReadOnlyStore | undefined {
  const { database } = pathsOf(context);
  if (!hasDatabase(database)) return undefined;
  const store = openStoreReadOnly({ path: database, migrations: migrationsOf(context) });
  // It has to be made or migrated first, as others may be doing at this moment.
  return store ?? openUserStore(context, { timeoutMs: MAKE_MS });
}

/** A look at the store that changes nothing; undefined when nothing was ever recorded. */
export function inspectStore(context: Context, options: { deep: boolean }): Inspection | undefined {
  const { database } = pathsOf(context);
  if (!hasDatabase(database)) return undefined;
  return inspectDatabase(database, { migrations: migrationsOf(context), ...options });
}

/**
 * Why nothing can be recorded just now; undefined when all is well, or nothing was ever recorded. Waits
 * up to 1 s for a program that has the database locked.
 */
export function whyNotRecorded(context: Context): RalphError | undefined {
  const { database } = pathsOf(context);
  return hasDatabase(database) ? whyNotWritable(database) : undefined;
}

/** The lock of a task, by its key. Its folder is made when it is missing. */
export function lockPath(context: Context, key: string): string {
  const { locks } = pathsOf(context);
  makePrivateFolder(locks);
  return path.join(locks, `${key}.lock`);
}

/** The lock of a working tree, by the real path of its root: beside the tasks' own. */
export function treeLockPath(context: Context, root: string): string {
  return lockPath(context, `${taskKey({ name: path.basename(root), dir: root })}.tree`);
}

/** The lock of the process that works through a project's queue, by the real path of its root. */
export function queueLockPath(context: Context, root: string): string {
  return lockPath(context, `${taskKey({ name: path.basename(root), dir: root })}.queue`);
}

/** Where requests to the worker of a task are left, by the task's key. */
export function signalPath(context: Context, key: string): { path: string; folder: string } {
  const { signals } = pathsOf(context);
  makePrivateFolder(signals);
  return { path: path.join(signals, `${key}.signal`), folder: signals };
}

/** The log of a session of a task, by the task's key. Makes nothing. */
export function logPath(context: Context, key: string, sessionId: number): string {
  return path.join(pathsOf(context).logs, key, `session-${sessionId}.log`);
}

/** The migrations that this program brings along, by number. */
export function migrationsOf({ mainUrl }: Pick<Context, "mainUrl">): readonly Migration[] {
  const folder = new URL("./migrations/", mainUrl);
  return [...Deno.readDirSync(folder)]
    .map(({ name }) => migrationOf(name, Deno.readTextFileSync(new URL(name, folder))))
    .filter((migration) => migration !== undefined)
    .sort((a, b) => a.number - b.number);
}
