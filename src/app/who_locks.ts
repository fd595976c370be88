/** Who has the database locked, for the error that says that somebody has. */
import { RalphError } from "../error.ts";
import { lockHolders } from "../host/lock/lock_holders.ts";
import { isBusy, StoreError } from "../store/store_error.ts";
import type { Context } from "./context.ts";
import { pathsOf } from "./store.ts";

/** The same error with the processes that hold the lock; any other error as it is. */
export async function withWhoLocks(error: unknown, context: Context): Promise<unknown> {
  if (!(error instanceof StoreError) || !isBusy(error.cause)) return error;
  const { database } = pathsOf(context);
  const holders = await lockHolders([database, `${database}-shm`], context.clock);
  if (holders.length === 0) return error;
  const who = holders.map(({ pid, command }) => `process ${pid} (${command})`).join(", ");
  return new RalphError(error.kind, `${error.message}: ${who}`, error.hints, { cause: error });
}
