/** Workers that wait before their session has begun: no row tells of them, but their lock does. */
import * as path from "node:path";
import type { Context } from "../app/context.ts";
import { pathsOf } from "../app/store.ts";
import { sleep } from "../clock.ts";
import { RalphError } from "../error.ts";
import { systemTree } from "../host/files/system_tree.ts";
import { holdsLock, workerLives } from "../host/lock/lock.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { type LockNote, readLockNote } from "./lock_note.ts";

export interface Starting extends LockNote {
  /** What it waits for, in words. */
  doing: string;
  /** Its lock. */
  path: string;
}

export function startingWorkers(context: Context): readonly Starting[] {
  const { locks } = pathsOf(context);
  return systemTree.list(locks).filter((name) => name.endsWith(".lock")).flatMap((name) => {
    const file = path.join(locks, name);
    const note = readLockNote(file);
    if (note?.doing === undefined || !workerLives(file)) return [];
    return [{ ...note, doing: note.doing, path: file }];
  });
}

const POLL_MS = 20;
/** It ends git first, which may take the time of grace of `host/process/ask.ts`. */
const END_MS = 10_000;
const FORCE_AFTER_MS = 3_000;

/** Ends the worker. Throws `RalphError` when that is another process by now, or it does not end. */
export async function stopStarting(
  { clock }: Context,
  { pid, path, task }: Starting,
  { force }: { force: boolean },
): Promise<void> {
  const signal = async (name: Deno.Signal) => {
    if (!workerLives(path)) return;
    if (await holdsLock(path, { pid, clock }) === false) {
      throw new RalphError(
        "conflict",
        `cannot end the worker of \`${plain(task, 80)}\`: process ${pid} does not hold its lock`,
        [{ text: "see which one does", command: `fuser -v ${shellWord(path)}` }],
      );
    }
    try {
      Deno.kill(pid, name);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  };
  await signal("SIGTERM");
  const begun = clock.monotonic();
  let killed = false;
  while (workerLives(path)) {
    const waitedMs = clock.monotonic() - begun;
    if (force && !killed && waitedMs > FORCE_AFTER_MS) {
      killed = true;
      await signal("SIGKILL");
    }
    if (waitedMs > END_MS) {
      throw new RalphError("failed", `the worker of \`${plain(task, 80)}\` does not end`, [
        { text: "end it with force", command: `ralph stop ${shellWord(task)} --force` },
      ]);
    }
    await sleep(clock, POLL_MS);
  }
}
