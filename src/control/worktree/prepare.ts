/**
 * A worktree of its own for a task: written down first, then made, so that whoever dies on the way is gone
 * on with. Nothing of the tree at home is changed.
 */
import * as path from "node:path";
import type { Context } from "../../app/context.ts";
import { lockPath, openUserStore } from "../../app/store.ts";
import { RalphError } from "../../error.ts";
import { taskKey } from "../../host/files/paths.ts";
import { fileExists, textOf } from "../../host/files/read_file.ts";
import { commitFiles } from "../../host/git/deliver.ts";
import { branchesOfRemotes } from "../../host/git/remote_branch.ts";
import { gitText } from "../../host/git/run_git.ts";
import { prepareSubmodules } from "../../host/git/submodules.ts";
import {
  addWorktree,
  commitOf,
  isThere,
  listWorktrees,
  removeWorktree,
  uncommittedIn,
} from "../../host/git/worktrees.ts";
import { type Lock, takeLock } from "../../host/lock/lock.ts";
import type { Settings } from "../../settings/settings.ts";
import type { NewWorktree, Worktree } from "../../store/model.ts";
import type { Store } from "../../store/store.ts";
import { type Task, taskFile } from "../../task/task_files.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { listed } from "../../verify/undelivered.ts";
import { alreadyRunning } from "../already_running.ts";
import { runningSession } from "../liveness.ts";
import { lockNote, readLockNote } from "../lock_note.ts";
import { alone } from "./alone.ts";
import { requireDependedOn, worktreesOf } from "./depended_on.ts";
import { bringTask, copyNamed } from "./fill.ts";
import { isWhole, recordedWorktrees, taskIn, worktreeOf } from "./find.ts";
import { movedTo } from "./names.ts";
import { setUp } from "./set_up.ts";
import { planWorktree } from "./plan.ts";
import { plural } from "../../terminal/plural.ts";

interface Preparing {
  /** Of the project at home. */
  settings: Settings;
  /** Where the tasks are at home whose work has to be in it. */
  dependsOn: readonly string[];
  signal: AbortSignal;
  /** Gets what is done, line by line, as foreign text that is safe to print. */
  tell: (line: string) => void;
}

/**
 * The task in its worktree, which is made where it is not there, or not whole. Takes as long as git and the
 * commands of `setup` do. Throws `RalphError` with what stands in the way, and `signal.reason`.
 */
export async function prepareWorktree(
  context: Context,
  task: Task,
  preparing: Preparing,
): Promise<Task> {
  const tree = await wholeWorktree(context, task, preparing);
  const needed = worktreesOf(preparing.dependsOn, recordedWorktrees(context));
  await requireDependedOn(tree, needed, { clock: context.clock, signal: preparing.signal });
  return taskIn(tree);
}

async function wholeWorktree(
  context: Context,
  task: Task,
  preparing: Preparing,
): Promise<NewWorktree> {
  const known = worktreeOf(task, recordedWorktrees(context));
  if (known && isWhole(known)) return known;
  const atHome = runningSession(context, task);
  if (atHome && !known) throw alreadyRunning(task, atHome);
  const tree = known ?? await planWorktree(context, task, preparing);
  const lock = await lockTask(context, tree, "preparing its worktree");
  try {
    // Another one may have made it meanwhile.
    const now = recorded(context, tree);
    if (now && isWhole(now)) return now;
    const store = openUserStore(context);
    try {
      if (!now) store.addWorktree(tree);
      const begun = recorded(context, tree);
      if (!begun) throw new Error("a worktree that was written down is not on record");
      await make(context, { ...preparing, task, tree: begun, store, lock });
      store.setPrepared(tree.taskDir);
    } finally {
      store.close();
    }
  } finally {
    lock.release();
  }
  return tree;
}

/** As it is on record. */
function recorded(context: Context, { taskDir }: Pick<Worktree, "taskDir">): Worktree | undefined {
  return recordedWorktrees(context)
    .find((one) => one.taskDir === taskDir && one.removedAt === null);
}

/**
 * The lock of the task in its worktree, which its worker takes too: who finds it taken is told what is done.
 * Throws `RalphError` (`conflict`) when it is taken.
 */
export async function lockTask(
  context: Context,
  tree: NewWorktree,
  what: string,
): Promise<Lock> {
  const { taskName: name, taskDir: dir, root: projectRoot } = tree;
  const file = lockPath(context, taskKey({ name, dir }));
  const lock = await takeLock(file, context.clock);
  if (lock) {
    const note = {
      pid: Deno.pid,
      task: name,
      taskDir: dir,
      projectRoot,
      since: context.clock.now(),
    };
    lock.note(lockNote({ ...note, doing: what }));
    return {
      ...lock,
      release() {
        lock.note("");
        lock.release();
      },
    };
  }
  const running = runningSession(context, { dir });
  if (running) throw alreadyRunning({ name, dir, projectRoot }, running);
  const doing = readLockNote(file)?.doing ?? "another ralph has its lock";
  throw new RalphError(
    "conflict",
    `another command is at work on the worktree of \`${plain(name, 80)}\`: ${plain(doing, 200)}`,
    [
      { text: "see how far it is", command: `ralph status ${shellWord(name)}` },
      { text: "stop that", command: `ralph stop ${shellWord(name)}` },
    ],
  );
}

interface Making extends Preparing {
  task: Task;
  tree: Worktree;
  store: Store;
  lock: Lock;
}

async function make(context: Context, making: Making): Promise<void> {
  const { task, tree, settings, signal, store } = making;
  const { clock } = context;
  const { homeRoot: home, root } = tree;
  const since = clock.now();
  const tell = (line: string) => {
    const { taskName, taskDir } = tree;
    const note = { pid: Deno.pid, task: taskName, taskDir, projectRoot: root, since };
    making.lock.note(lockNote({ ...note, doing: `preparing its worktree: ${line}` }));
    making.tell(line);
  };
  const trees = { home, root, clock, signal };
  await alone(context, { root: home, signal }, () => checkOut(tree, { clock, signal, tell }));
  await prepareSubmodules(home, trees);
  const copied = await copyNamed(settings.copy, trees);
  if (copied > 0) {
    tell(`copied ${plural(copied, "file")} that git does not have`);
  }
  const file = movedTo(root, { dir: taskFile(task), projectRoot: task.projectRoot });
  const isNew = !fileExists(file);
  const isBrought = isNew || tree.branchMade && tree.brought === null;
  const brought = isBrought ? await bringTask(task, { ...trees, isWhole: isNew }) : [];
  await setUp(context, { settings, signal, root, tell, why: "prepare" });
  await commitBrought(brought, { tree, store, clock, signal });
  const strays = await uncommittedIn(root, { clock, signal });
  if (strays.length > 0) {
    tell(
      `in no commit, and not ignored by git, so that it is in the way of landing: ${
        listed(strays)
      }`,
    );
  }
  const left = (await uncommittedIn(home, { clock, signal })).filter((one) =>
    !brought.includes(one) && !fileExists(path.join(root, one))
  );
  if (left.length > 0) tell(`not in it, since they are in no commit: ${listed(left)}`);
}

/** Makes the worktree, unless it is there; one that git was ended in the middle of is made anew. */
async function checkOut(
  { homeRoot: home, root, branch, base, begunAt }: Worktree,
  { tell, ...options }: Pick<Preparing, "signal" | "tell"> & { clock: Context["clock"] },
): Promise<void> {
  if (isThere(root) && !await isHalfMade(root, options)) return;
  const onRecord = (await listWorktrees(home, options)).has(root);
  // Nobody has worked in it: git takes its lock off once all of it is there.
  if (onRecord) await removeWorktree(home, { root, ...options });
  else if (fileExists(root)) await Deno.remove(root).catch(() => {}); // empty, or not ralph's
  const ref = `refs/heads/${branch}`;
  const isHere = await commitOf(home, ref, options) !== undefined;
  const pushed = isHere ? [] : await branchesOfRemotes(home, branch, options);
  const tracks = pushed.length === 1;
  const from = tracks ? pushed[0] : begunAt ?? base;
  const at = isHere ? undefined : tracks ? `refs/remotes/${from}` : from;
  await addWorktree(home, { root, branch: { name: branch, at, tracks }, ...options });
  const how = isHere
    ? ""
    : `, made from \`${plain(from, 80)}\`${tracks ? ", which it tracks" : ""}`;
  tell(`worktree ${plain(root, 200)} on the branch \`${plain(branch, 80)}\`${how}`);
}

async function isHalfMade(
  root: string,
  options: Pick<Preparing, "signal"> & { clock: Context["clock"] },
): Promise<boolean> {
  const lock = await gitText(root, ["rev-parse", "--git-path", "locked"], options);
  // A person's lock has another reason (git-worktree(1), lock), or none.
  return lock === undefined || textOf(path.resolve(root, lock.trim()))?.trim() === "initializing";
}

async function commitBrought(
  files: readonly string[],
  { tree, store, clock, signal }: Pick<Making, "tree" | "store" | "signal"> & {
    clock: Context["clock"];
  },
): Promise<void> {
  if (files.length === 0) return;
  const { root, taskName, taskDir } = tree;
  const message = `chore: the task ${plain(taskName, 80)}, as it begins`;
  const committed = await commitFiles(root, { files, message }, { clock, signal });
  if ("why" in committed) {
    throw new RalphError(
      "failed",
      `cannot commit the files of \`${plain(taskName, 80)}\` in its worktree: ${committed.why}`,
      [
        { text: "see them there", command: `git -C ${shellWord(root)} status` },
        { text: "once they can be committed, run the task again: it goes on there" },
      ],
    );
  }
  const commit = "commit" in committed
    ? committed.commit
    : await commitOf(root, "HEAD", { clock, signal });
  if (commit !== undefined) store.setBrought(taskDir, commit);
}
