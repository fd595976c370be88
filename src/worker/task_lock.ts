/** The locks that make a process the worker of a task, and the only one in its working tree. */
import type { Context } from "../app/context.ts";
import type { Clock } from "../clock.ts";
import { requireOwnFolders } from "../app/own_folders.ts";
import { lockPath, treeLockPath } from "../app/store.ts";
import { alreadyRunning } from "../control/already_running.ts";
import { runningSession } from "../control/liveness.ts";
import { lockNote, readLockNote } from "../control/lock_note.ts";
import { treeTaken } from "../control/tree_taken.ts";
import { RalphError } from "../error.ts";
import { taskKey } from "../host/files/paths.ts";
import { type Lock, takeLock } from "../host/lock/lock.ts";
import type { Task } from "../task/task_files.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";

/** How long a worker may take from its lock to its row: git comes between, in a large tree too. */
const BEGIN_MS_MAX = 10_000;
const TOUCH_MS = 1_000;

/**
 * Both locks, as one. Throws `RalphError`: `conflict` with who has the one that is taken, `state` where
 * ralph's folders are not this user's alone.
 */
export async function takeLocks(context: Context, task: Task): Promise<Lock> {
  requireOwnFolders(context);
  const lock = await takeTaskLock(context, task);
  // What another one left there is not true of this one.
  lock.note("");
  try {
    const treePath = treeLockPath(context, task.projectRoot);
    const tree = await takeLock(treePath, context.clock);
    if (!tree) throw takenBy(task, treePath);
    const { name, dir: taskDir, projectRoot } = task;
    const since = context.clock.now();
    tree.note(lockNote({ pid: Deno.pid, task: name, taskDir, projectRoot, since }));
    const stopTouching = touchOften(lock, context.clock);
    return {
      ...lock,
      release() {
        stopTouching();
        tree.release();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Between two writes of the worker the lock's file tells how long it was there, if it is killed. */
function touchOften(lock: Lock, clock: Clock): () => void {
  const touch = () => {
    lock.touch(clock.now());
    cancel = clock.after(TOUCH_MS, touch);
  };
  let cancel = clock.after(TOUCH_MS, touch);
  return () => cancel();
}

function takenBy(task: Task, path: string): RalphError {
  const note = readLockNote(path);
  return treeTaken(task, note && { ...note, who: `process ${note.pid}` });
}

/**
 * The task's lock. Who has it is named by the row that it writes: that is waited for, and so is the
 * end of a worker that has recorded its own. Throws `RalphError` (`conflict`) with what it found.
 */
async function takeTaskLock(context: Context, task: Task): Promise<Lock> {
  const { clock } = context;
  const path = lockPath(context, taskKey(task));
  const deadline = clock.monotonic() + BEGIN_MS_MAX;
  for (;;) {
    const lock = await takeLock(path, clock);
    if (lock) return lock;
    const session = runningSession(context, task);
    if (session) throw alreadyRunning(task, session);
    const doing = readLockNote(path)?.doing;
    if (doing !== undefined) throw beginning(task, doing);
    if (clock.monotonic() >= deadline) throw lockHeld(task, path);
  }
}

function beginning({ name }: Task, doing: string): RalphError {
  return new RalphError(
    "conflict",
    `\`${name}\` is beginning already, and is not there yet: ${plain(doing, 200)}`,
    [
      { text: "see what it does", command: `ralph status ${shellWord(name)}` },
      { text: "stop it", command: `ralph stop ${shellWord(name)}` },
    ],
  );
}

function lockHeld(task: Task, path: string): RalphError {
  return new RalphError(
    "conflict",
    `cannot start \`${task.name}\`: another process holds its lock, and has recorded nothing ` +
      `within ${BEGIN_MS_MAX / 1_000} s`,
    [{ text: "see which one it is", command: `fuser -v ${shellWord(path)}` }],
  );
}
