/**
 * Bringing a task's branch home: the base comes into the branch, in the worktree, the gates run on what comes
 * of that, and only then the base is moved forward. Whatever stands in the way, all stays as it was.
 */
import type { Context } from "../../app/context.ts";
import { treeLockPath } from "../../app/store.ts";
import { type Hint, RalphError } from "../../error.ts";
import type { Place } from "../../host/git/deliver.ts";
import {
  bringIn,
  changedSince,
  diffStat,
  isAncestor,
  keptIn,
  mergeCommit,
  moveBranch,
  moveForward,
  resetTo,
  stepAside,
  type Way,
} from "../../host/git/landing.ts";
import { repositoryState } from "../../host/git/repository.ts";
import { commitOf, isThere, listWorktrees, uncommittedIn } from "../../host/git/worktrees.ts";
import { takeLock } from "../../host/lock/lock.ts";
import type { Worktree } from "../../store/model.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { listed } from "../../verify/undelivered.ts";
import { readLockNote } from "../lock_note.ts";
import { alone } from "./alone.ts";
import { notIn } from "./depended_on.ts";
import { recordedWorktrees } from "./find.ts";
import { lockTask } from "./prepare.ts";

interface LandOptions {
  way: Way;
  place: Place;
  /** What the branch changes, before anything is done: `git diff --stat`, not safe to print. */
  onStat: (lines: readonly string[]) => void;
  /**
   * Runs the gates in the worktree as it is then. `brought`: the files that the base has brought into
   * it. Returns the names of those that fail.
   */
  runGates: (brought: readonly string[]) => Promise<readonly string[]>;
}

export interface Landed {
  how: "merged" | "fast_forward" | "rebased" | "nothing_to_land";
  /** What the base is at now. */
  commit: string;
}

/** Where the branch goes. */
interface Goal {
  base: string;
  /** What it is at. */
  at: string;
  /** The working tree that has it checked out; undefined: none. */
  holder: string | undefined;
}

/**
 * Brings the branch home. Throws `RalphError`: `conflict` with what stands in the way, `failed` where gates
 * fail or git does; and `signal.reason`. Where it throws, base and branch are what they were.
 */
export async function landWorktree(
  context: Context,
  tree: Worktree,
  options: LandOptions,
): Promise<Landed> {
  if (!isThere(tree.root)) throw gone(tree);
  const lock = await lockTask(context, tree, "landing it");
  try {
    const goal = await goalOf(context, tree, options.place);
    const release = await lockTrees(context, tree, goal);
    try {
      await requireFirst(context, tree, goal, options);
      return await land(tree, goal, options);
    } finally {
      release();
    }
  } finally {
    lock.release();
  }
}

async function land(tree: Worktree, goal: Goal, options: LandOptions): Promise<Landed> {
  const { place, way, onStat } = options;
  const { root } = tree;
  const head = await requireReady(tree, place);
  const { base, at } = goal;
  if (await isAncestor(root, { older: head, newer: at }, place)) {
    return { how: "nothing_to_land", commit: at };
  }
  await requireFreeWay(tree, { goal, head }, place);
  onStat(await diffStat(root, { base: at, head }, place));
  const isOnTop = await isAncestor(root, { older: at, newer: head }, place);
  const conflicts = isOnTop ? undefined : await bringIn(root, { base: at, way }, place);
  if (conflicts) throw inConflict(tree, { conflicts, way });
  try {
    const brought = isOnTop ? [] : await changedSince(root, { base: head, head: at }, place);
    await requirePassing(tree, { ...options, brought });
    const now = await commitOf(root, "HEAD", place) ?? head;
    const message = `Merge branch '${tree.branch}'`;
    const merges = !isOnTop && way === "merge";
    const commit = merges
      ? await mergeCommit(root, { tree: now, base: at, head, message }, place)
      : now;
    await moveHome(tree, { goal, commit }, place);
    const { signal: _, ...always } = place;
    await moveBranch(root, { branch: tree.branch, from: now, to: commit }, always);
    return { how: isOnTop ? "fast_forward" : merges ? "merged" : "rebased", commit };
  } catch (error) {
    const isHome = await commitOf(root, `refs/heads/${base}`, { clock: place.clock }) !== at;
    if (!isOnTop && !isHome) await resetTo(root, head, place);
    throw error;
  }
}

/** The commit that the branch is at, once all of the work is in it. */
async function requireReady(tree: Worktree, place: Place): Promise<string> {
  const { root, branch, taskName } = tree;
  const state = await repositoryState(root, place.clock, { timeoutMs: STATE_MS });
  const status = { text: "see how it stands", command: inRoot(root, "status") };
  if (!state) throw refused(tree, "git does not answer in its worktree", [status]);
  if (state.underWay) {
    throw refused(tree, `a ${state.underWay.what} is under way in its worktree`, [
      { text: "finish it there", command: inRoot(root, "status") },
      { text: "or give it up", command: inRoot(root, state.underWay.abort) },
    ]);
  }
  if (state.branch !== branch) {
    const now = state.branch === undefined ? "no branch" : `\`${plain(state.branch, 80)}\``;
    throw refused(tree, `its worktree has ${now} checked out, and not \`${plain(branch, 80)}\``, [
      status,
      { text: "go back to it", command: inRoot(root, `switch ${shellWord(branch)}`) },
    ]);
  }
  const left = await uncommittedIn(root, place);
  if (left.length > 0) {
    throw refused(tree, `in its worktree there is what no commit has: ${listed(left)}`, [
      status,
      { text: "commit it there, or remove it; or let the agent go on", command: run(taskName) },
    ]);
  }
  return await commitOf(root, "HEAD", place) ?? "";
}

const STATE_MS = 30_000;

/** The branch that this one began at would go home with it, unasked. */
async function requireFirst(
  context: Context,
  tree: Worktree,
  { at }: Goal,
  { place }: LandOptions,
): Promise<void> {
  const { root, begunAt, homeRoot, taskName, base } = tree;
  const first = recordedWorktrees(context).find((one) =>
    one.branch === begunAt && one.homeRoot === homeRoot && one.removedAt === null
  );
  if (!first || (await notIn(at, { root, trees: [first] }, place)).length === 0) return;
  const name = plain(first.taskName, 80);
  throw refused(
    tree,
    `it began at the branch of \`${name}\`, which is not in ` +
      `\`${plain(base, 80)}\` yet`,
    [
      { text: "bring that home first", command: `ralph land ${shellWord(first.taskName)}` },
      { text: "then this one", command: `ralph land ${shellWord(taskName)}` },
    ],
  );
}

async function goalOf(context: Context, tree: Worktree, place: Place): Promise<Goal> {
  const { homeRoot, base, branch, root } = tree;
  const shown = `\`${plain(base, 80)}\``;
  const at = await commitOf(root, `refs/heads/${base}`, place);
  if (at === undefined) {
    throw refused(tree, `it was made from ${shown}, which is no branch here`, [{
      text: "merge it into the branch that it belongs to",
      command: `git -C ${shellWord(homeRoot)} merge ${shellWord(branch)}`,
    }]);
  }
  const { signal } = place;
  const trees = await alone(
    context,
    { root: homeRoot, signal },
    () => listWorktrees(root, place),
  );
  const [holder] = [...trees].find(([one, name]) => name === base && isThere(one)) ?? [];
  if (holder === undefined || holder === homeRoot) return { base, at, holder };
  throw refused(tree, `${shown} is checked out elsewhere, in ${plain(holder, 200)}`, [{
    text: "merge it there",
    command: `git -C ${shellWord(holder)} merge ${shellWord(branch)}`,
  }]);
}

/** Throws for what is a person's, and would be written over where the base is checked out. */
async function requireFreeWay(
  tree: Worktree,
  { goal: { holder, base, at }, head }: { goal: Goal; head: string },
  place: Place,
): Promise<void> {
  if (holder === undefined) return;
  const state = await repositoryState(holder, place.clock, { timeoutMs: STATE_MS });
  const status = { text: "see how it stands there", command: inRoot(holder, "status") };
  const where = `where \`${plain(base, 80)}\` is checked out, ${plain(holder, 200)}`;
  if (!state) throw refused(tree, `git does not answer ${where}`, [status]);
  if (state.underWay) {
    const { what, abort } = state.underWay;
    const giveUp = { text: "finish it, or give it up", command: inRoot(holder, abort) };
    throw refused(tree, `a ${what} is under way ${where}`, [status, giveUp]);
  }
  if (state.indexLock !== undefined) {
    throw refused(tree, `git's index is locked ${where}`, [status]);
  }
  const inWay = await personsFiles(tree, { holder, base: at, commit: head }, place);
  if (inWay.length === 0) return;
  throw refused(tree, `it changes what is not committed ${where}: ${listed(inWay)}`, [
    status,
    {
      text: "commit it there, or put it away",
      command: inRoot(holder, "stash --include-untracked"),
    },
  ]);
}

/** What is in no commit there, is changed by the work, and is in no commit of it either. */
async function personsFiles(
  { brought }: Worktree,
  { holder, base, commit }: { holder: string; base: string; commit: string },
  place: Place,
): Promise<readonly string[]> {
  const files = await inTheWay({ holder, base, commit }, place);
  const commits = [commit, ...brought === null ? [] : [brought]];
  const safe = new Set(await keptIn(holder, { files, commits }, place));
  return files.filter((file) => !safe.has(file));
}

async function inTheWay(
  { holder, base, commit }: { holder: string; base: string; commit: string },
  place: Place,
): Promise<readonly string[]> {
  const changed = new Set(await changedSince(holder, { base, head: commit }, place));
  return (await uncommittedIn(holder, place)).filter((file) => changed.has(file));
}

async function requirePassing(
  tree: Worktree,
  { runGates, brought, place: { signal } }: LandOptions & { brought: readonly string[] },
): Promise<void> {
  const failing = await runGates(brought);
  signal?.throwIfAborted();
  if (failing.length === 0) return;
  const which = failing.map((name) => `\`${name}\``).join(", ");
  throw new RalphError(
    "failed",
    `cannot land \`${plain(tree.taskName, 80)}\`: ${which} failed with \`${
      plain(tree.base, 80)
    }\` in it; nothing was changed`,
    [
      {
        text: "bring the base in for good, and see it there",
        command: inRoot(tree.root, `merge ${shellWord(tree.base)}`),
      },
      { text: "run the gates there", command: `ralph verify ${shellWord(tree.taskName)}` },
    ],
  );
}

async function moveHome(
  tree: Worktree,
  { goal: { base, at, holder }, commit }: { goal: Goal; commit: string },
  place: Place,
): Promise<void> {
  if (holder === undefined) {
    return await moveBranch(tree.root, { branch: base, from: at, to: commit }, place);
  }
  const { signal: _, ...always } = place;
  const files = await inTheWay({ holder, base: at, commit }, always);
  const commits = [commit, ...tree.brought === null ? [] : [tree.brought]];
  const putBack = await stepAside(holder, { files, commits }, always);
  const why = await moveForward(holder, commit, always);
  if (why === undefined) return;
  putBack();
  throw refused(tree, `git cannot move \`${plain(base, 80)}\` forward: ${why}`, [
    { text: "see how it stands there", command: inRoot(holder, "status") },
    { text: "then try again", command: `ralph land ${shellWord(tree.taskName)}` },
  ]);
}

/** No session may begin meanwhile in the worktree, nor where the base is checked out. */
async function lockTrees(
  context: Context,
  tree: Worktree,
  { holder }: Goal,
): Promise<() => void> {
  const held: { release(): void }[] = [];
  const release = () => held.forEach((one) => one.release());
  for (const root of [tree.root, ...holder === undefined ? [] : [holder]]) {
    const file = treeLockPath(context, root);
    const lock = await takeLock(file, context.clock);
    if (lock) {
      held.push(lock);
      continue;
    }
    release();
    const other = readLockNote(file);
    const who = other ? `\`${plain(other.task, 80)}\`` : "another task";
    throw refused(
      tree,
      `${who} is at work in ${plain(root, 200)}`,
      other
        ? [
          { text: "wait until it has ended", command: `ralph wait ${shellWord(other.taskDir)}` },
          { text: "or stop it", command: `ralph stop ${shellWord(other.taskDir)}` },
        ]
        : [],
    );
  }
  return release;
}

function inConflict(
  tree: Worktree,
  { conflicts, way }: { conflicts: readonly string[]; way: Way },
): RalphError {
  const { root, base, taskName } = tree;
  const again = `ralph land ${shellWord(taskName)}${way === "rebase" ? " --rebase" : ""}`;
  return refused(
    tree,
    `it is in conflict with \`${plain(base, 80)}\` in ${listed(conflicts)}; nothing was changed`,
    [
      {
        text: "bring the base in by hand, and resolve it there",
        command: inRoot(root, `${way} ${shellWord(base)}`),
      },
      { text: "once that is committed", command: again },
    ],
  );
}

function gone(tree: Worktree): RalphError {
  const { homeRoot, branch, root } = tree;
  return refused(tree, `its worktree ${plain(root, 200)} is gone`, [
    { text: "make it again, from its branch", command: `${run(tree.taskName)} --worktree` },
    {
      text: "or merge the branch as it is",
      command: `git -C ${shellWord(homeRoot)} merge ${shellWord(branch)}`,
    },
  ]);
}

const inRoot = (root: string, rest: string) => `git -C ${shellWord(root)} ${rest}`;
const run = (name: string) => `ralph run ${shellWord(name)}`;

function refused(tree: Worktree, why: string, hints: readonly Hint[]): RalphError {
  return new RalphError("conflict", `cannot land \`${plain(tree.taskName, 80)}\`: ${why}`, hints);
}
