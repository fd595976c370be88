import * as path from "node:path";
import type { Context } from "../../app/context.ts";
import { lockPath } from "../../app/store.ts";
import { sleep } from "../../clock.ts";
import { taskKey } from "../../host/files/paths.ts";
import { tryLock } from "../../host/lock/lock.ts";

const LOOK_MS = 50;

/**
 * What makes, lists or removes worktrees of the repository at `root`, one after the other: git fails where
 * it comes upon one that another git is making (`failed to read …/commondir`; 2.39, three in 240, measured).
 * Waits for as long as others are at it, which have limits of their own. Throws `signal.reason`.
 */
export async function alone<T>(
  context: Context,
  { root, signal }: { root: string; signal?: AbortSignal },
  work: () => Promise<T>,
): Promise<T> {
  const file = lockPath(
    context,
    `${taskKey({ name: path.basename(root), dir: root })}.worktrees`,
  );
  for (;;) {
    const lock = tryLock(file);
    if (!lock) {
      await sleep(context.clock, LOOK_MS, signal);
      signal?.throwIfAborted();
      continue;
    }
    try {
      return await work();
    } finally {
      lock.release();
    }
  }
}
