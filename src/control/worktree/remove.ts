/** Removing a worktree, once nothing would be lost with it. */
import * as path from "node:path";
import type { Context } from "../../app/context.ts";
import { clientOf } from "../../app/server_client.ts";
import { treeLockPath } from "../../app/store.ts";
import { RalphError } from "../../error.ts";
import { fileExists, textOf } from "../../host/files/read_file.ts";
import { repositoryState } from "../../host/git/repository.ts";
import { gitText, requireGit } from "../../host/git/run_git.ts";
import {
  commitOf,
  isThere,
  listWorktrees,
  onlyHere,
  removeWorktree,
  uncommittedIn,
} from "../../host/git/worktrees.ts";
import { takeLock } from "../../host/lock/lock.ts";
import { whyResumable } from "../../loop/session/resumable.ts";
import type { Session, Worktree } from "../../store/model.ts";
import type { Store } from "../../store/store.ts";
import { ownPlaces } from "../../task/task_files.ts";
import { plain } from "../../terminal/plain.ts";
import { listed } from "../../verify/undelivered.ts";
import { isLocked, readSessions } from "../liveness.ts";
import { alone } from "./alone.ts";
import { taskIn } from "./find.ts";
import { lockTask } from "./prepare.ts";

const STATE_MS = 30_000;
/** The server is told for its memory's sake: who removes a folder does not wait for that. */
const UNLOAD_MS = 3_000;

export interface Inspected {
  tree: Worktree;
  /** Why it stays, in words that are safe to print; undefined: nothing would be lost with it. */
  stays?: string;
  /** What its branch is at, if that goes too: it was made for the worktree, and another one has all of it. */
  branchAt?: string;
}

/** Looks what would be lost with a worktree. Throws as `requireGit` does. */
export async function inspectWorktree(context: Context, tree: Worktree): Promise<Inspected> {
  const session = lastSession(context, tree);
  if (session && isLocked(context, session)) return { tree, stays: "a session runs in it" };
  return await inspect(context, tree);
}

/** The same, whoever holds the lock of its task. */
async function inspect(context: Context, tree: Worktree): Promise<Inspected> {
  const { clock } = context;
  const { root, homeRoot, branch, branchMade } = tree;
  const session = lastSession(context, tree);
  if (session?.status === "running") return { tree, stays: "a session runs in it" };
  if (session && whyResumable(session)) return { tree, stays: "its session can go on" };
  if (!fileExists(homeRoot)) return { tree, stays: `${plain(homeRoot, 200)} is not there` };
  if (isThere(root)) {
    const stays = await whyItStays(context, tree);
    if (stays !== undefined) return { tree, stays };
  } else if (fileExists(root)) {
    return { tree, stays: "what is there is no worktree any more" };
  }
  const tip = await commitOf(homeRoot, `refs/heads/${branch}`, { clock });
  if (tip === undefined || !branchMade) return { tree };
  return await isElsewhere(tree, tip, context) ? { tree, branchAt: tip } : { tree };
}

async function isElsewhere({ homeRoot, branch }: Worktree, tip: string, { clock }: Context) {
  const places = ["refs/heads", "refs/remotes", "refs/tags"];
  const args = ["for-each-ref", "--contains", tip, "--format=%(refname)", ...places];
  const refs = (await requireGit(homeRoot, args, { clock })).split("\n");
  return refs.some((ref) => ref !== "" && ref !== `refs/heads/${branch}`);
}

async function whyItStays(context: Context, tree: Worktree): Promise<string | undefined> {
  const { clock } = context;
  const { root, homeRoot: home, branch } = tree;
  const state = await repositoryState(root, clock, { timeoutMs: STATE_MS });
  if (!state) return "git does not answer in it";
  if (state.underWay) return `a ${state.underWay.what} is under way in it`;
  const left = await uncommittedIn(root, { clock });
  if (left.length > 0) return `there is what no commit has: ${listed(left)}`;
  const only = await onlyHere(root, { own: branch, home, clock });
  if (only.includes("")) return "no other branch has its commits";
  if (only.length > 0) return `no other place has the commits of ${listed(only)}`;
  const ignored = await ignoredOfTask(tree, context);
  return ignored.length > 0
    ? `git ignores ${listed(ignored)}, and at home it is another one`
    : undefined;
}

/** Of the task's files, those that git keeps nowhere and that are not the same at home. */
async function ignoredOfTask(tree: Worktree, { clock }: Context): Promise<readonly string[]> {
  const { root, homeRoot } = tree;
  let within: readonly string[];
  try {
    within = ownPlaces(taskIn(tree));
  } catch (error) {
    if (error instanceof RalphError) return [];
    throw error;
  }
  const args = ["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--", ...within];
  const text = await gitText(root, ["--literal-pathspecs", ...args], { clock });
  return (text ?? "").split("\0").filter((name) =>
    name !== "" && textOf(path.join(root, name)) !== textOf(path.join(homeRoot, name))
  );
}

/**
 * Removes the worktree, unless something would be lost by now, and its branch where that can go. Returns
 * why it stays. Throws `RalphError`.
 */
export async function removeInspected(
  context: Context,
  { tree }: Inspected,
  store: Store,
): Promise<string | undefined> {
  const { clock } = context;
  const lock = await lockTask(context, tree, "removing its worktree");
  try {
    const treeLock = await takeLock(treeLockPath(context, tree.root), clock);
    if (!treeLock) return "a task is at work in it";
    try {
      return await remove(context, tree, store);
    } finally {
      treeLock.release();
    }
  } finally {
    lock.release();
  }
}

async function remove(
  context: Context,
  tree: Worktree,
  store: Store,
): Promise<string | undefined> {
  const { clock } = context;
  const { root, homeRoot, branch } = tree;
  const { stays, branchAt } = await inspect(context, tree);
  if (stays !== undefined) return stays;
  if (isThere(root)) await unload(context, tree);
  await alone(context, { root: homeRoot }, async () => {
    const isOnRecord = (await listWorktrees(homeRoot, { clock })).has(root);
    if (isOnRecord) await removeWorktree(homeRoot, { root, clock });
  });
  if (branchAt !== undefined) {
    const args = ["update-ref", "-d", `refs/heads/${branch}`, branchAt];
    await requireGit(homeRoot, args, { clock, changes: true });
  }
  store.setRemoved(tree);
  try {
    Deno.removeSync(path.dirname(root));
  } catch {
    // other worktrees are in there
  }
  return undefined;
}

function lastSession(context: Context, { taskDir }: Worktree): Session | undefined {
  return readSessions(context, {
    read: (store) => store.lastSession(taskDir),
    whenEmpty: undefined,
  });
}

/** A server keeps each directory that it has ever worked in. */
async function unload(context: Context, tree: Worktree): Promise<void> {
  const session = lastSession(context, tree);
  if (!session) return;
  try {
    const client = await clientOf(context, session, { requestTimeoutMs: UNLOAD_MS });
    await client.unload();
  } catch (error) {
    // It is away, or one that cannot: it forgets all when it is started again.
    if (!(error instanceof RalphError)) throw error;
  }
}
