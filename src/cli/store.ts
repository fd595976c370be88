/** The registry and the locks where this user has them. */
import * as path from "node:path";
import type { RalphError } from "../error.ts";
import { runSelf } from "../host/self.ts";
import { makePrivateFolder, type Paths, pathsFrom } from "../host/paths.ts";
import { hasDatabase } from "../registry/database_files.ts";
import { inspectDatabase, type Inspection, whyNotWritable } from "../registry/inspect.ts";
import { type Migration, migrationOf } from "../registry/migrations.ts";
import {
  openRegistry,
  openRegistryReadOnly,
  type ReadOnlyRegistry,
  type Registry,
} from "../registry/registry.ts";
import type { Context } from "./context.ts";

/** Throws `RalphError` (`usage`) when there is no home folder. */
export function pathsOf(context: Context): Paths {
  return pathsFrom(context.environment);
}

/**
 * Opens the registry for writing; makes or migrates it when that is needed. `timeoutMs`: how long to
 * wait for a program that has it locked, when not as long as usual.
 */
export function openStore(context: Context, { timeoutMs }: { timeoutMs?: number } = {}): Registry {
  const { database } = pathsOf(context);
  makePrivateFolder(path.dirname(database));
  return openRegistry({
    path: database,
    migrations: migrationsOf(context),
    now: () => context.clock.now(),
    monotonic: () => context.clock.monotonic(),
    timeoutMs,
    // The binary has not every permission, so that only a process that can wait makes a copy.
    copyDatabase: Deno.build.standalone
      ? (from, to) => runSelf(context.mainUrl, ["__copy", from, to])
      : undefined,
  });
}

/** Opens the registry for reading only; undefined when nothing was ever recorded. */
export function openStoreReadOnly(context: Context): ReadOnlyRegistry | undefined {
  const { database } = pathsOf(context);
  if (!hasDatabase(database)) return undefined;
  const registry = openRegistryReadOnly({ path: database, migrations: migrationsOf(context) });
  return registry ?? openStore(context);
}

/** A look at the registry that changes nothing; undefined when nothing was ever recorded. */
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

/** Where requests to the worker of a task are left, by the task's key. */
export function signalPath(context: Context, key: string): { path: string; folder: string } {
  const { signals } = pathsOf(context);
  makePrivateFolder(signals);
  return { path: path.join(signals, `${key}.signal`), folder: signals };
}

/** The migrations that this program brings along, by number. */
export function migrationsOf({ mainUrl }: Context): readonly Migration[] {
  const folder = new URL("./migrations/", mainUrl);
  return [...Deno.readDirSync(folder)]
    .map(({ name }) => migrationOf(name, Deno.readTextFileSync(new URL(name, folder))))
    .filter((migration) => migration !== undefined)
    .sort((a, b) => a.number - b.number);
}
