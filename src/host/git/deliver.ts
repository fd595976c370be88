/**
 * What ralph itself does so that work ends up where it belongs: it moves the task's branch forward,
 * and commits files. Both change no file of the work tree; done twice, they change nothing.
 */
import * as path from "node:path";
import { type Clock, sleep, soonAfter } from "../../clock.ts";
import { once } from "../../once.ts";
import { fileExists, textOf } from "../files/read_file.ts";
import type { EnterSandbox } from "../process/server_sandbox.ts";
import { plain } from "../../terminal/plain.ts";
import { plural } from "../../terminal/plural.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { treeWithBranch } from "./branch.ts";
import { gitSetup } from "./git_setup.ts";
import { isLockLeft } from "./left_lock.ts";
import { FATAL, unmendable } from "./commit_refusal.ts";
import { headOf } from "./git_folder.ts";
import { type RepositoryState, repositoryState, stateAt } from "./repository.ts";
import { type KnownThen, madeBefore, without } from "./made_before.ts";
import { strayLinks } from "./stray_links.ts";
import { whereabouts } from "./whereabouts.ts";
import { gitQuestions, gitText, inGitsWords, runGit, WORK_TREE_MS } from "./run_git.ts";

/**
 * All of it, of one worker. `handOn`: variables that hooks get beside the usual ones; `enter`: where they
 * run, since an agent may have written them.
 */
export function deliveryGit(
  clock: Clock,
  signal: AbortSignal,
  { handOn = [], enter }: Pick<Place, "handOn" | "enter"> = {},
) {
  const place = { clock, signal, handOn, enter };
  return {
    async state(root: string) {
      // Asked three times an iteration, of a repository that git has answered for: two programs less.
      const head = headOf(root);
      const state = head ? stateAt(head) : await askedState(root, { clock, signal });
      if (!state) return undefined;
      const { indexLock } = state;
      const lockLeft = indexLock !== undefined && await isLockLeft(indexLock, { root, clock });
      return { state, lockLeft };
    },
    setup: gitSetup,
    bring: (root: string, to: Target) => bringToBranch(root, to, place),
    strayLinks: (root: string, trees: Parameters<typeof strayLinks>[1]) =>
      strayLinks(root, trees, { clock, signal }),
    whereabouts: (root: string, sought: Parameters<typeof whereabouts>[1]) =>
      whereabouts(root, sought, { clock, signal }),
    commit: (root: string, order: CommitOrder) => commitFiles(root, order, place),
    lastMessage: (root: string) =>
      gitText(root, ["log", "-1", "--format=%B", "--no-show-signature"], { clock, signal }),
  };
}

/** In sight of a stop it is still worth a moment: a repository answers at once. */
async function askedState(
  root: string,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<RepositoryState | undefined> {
  const limit = soonAfter(signal, { clock, ms: AFTER_STOP_MS });
  try {
    return await repositoryState(root, clock, { timeoutMs: STATE_MS, signal: limit.signal });
  } finally {
    limit.cancel();
  }
}

interface CommitOrder {
  readonly files: readonly string[];
  readonly message: string;
}

export interface Place {
  clock: Clock;
  signal?: AbortSignal;
  handOn?: readonly string[];
  enter?: EnterSandbox;
}

/** As long as a stop waits for git. */
const AFTER_STOP_MS = 5_000;
/** On a machine that has far too much to do. */
const STATE_MS = 30_000;
/** Longer than an editor's `git status`, or a prompt's, holds the index. */
const LOCK_WAIT_MS = 2_000;
const LOCK_LOOK_MS = 50;
const LOCKED = /index\.lock.*File exists/s;
/** Hooks may run a project's whole test suite. */
const COMMIT_MS = 600_000;
/** pre-commit and lint-staged put back what they hid of a person's work on Ctrl-C, and on no other signal. */
const INTERRUPT_MS = 5_000;
/** Of what a hook says, in UTF-16 units: its end has the verdict. */
const SAID_MAX = 1_500;

interface Target {
  branch: string;
  /** What was there when the work began: it stays where it is, but for what a merge has taken in. */
  start?: KnownThen;
}

/**
 * Moves the branch forward to what is checked out, and checks it out: where that has all its commits,
 * no file changes by it. Returns why that cannot be, in words; undefined when it is checked out now.
 */
export async function bringToBranch(
  root: string,
  { branch, start }: Target,
  place: Place,
): Promise<string | undefined> {
  const ref = `refs/heads/${branch}`;
  const { ask: git, answered } = gitQuestions(root, place);
  const commit = (name: string) => git("rev-parse", "--verify", "--quiet", `${name}^{commit}`);
  if (await git("symbolic-ref", "--quiet", "HEAD") === ref) return undefined;
  const [head, old] = [await commit("HEAD"), await commit(ref)];
  const name = `\`${plain(branch, 80)}\``;
  const isAhead = head !== undefined && old !== undefined &&
    await git("merge-base", "--is-ancestor", old, head) !== undefined;
  const trees = await git("worktree", "list", "--porcelain");
  if (!answered() || trees === undefined) return "git does not answer";
  if (head === undefined) return "nothing is committed there";
  if (old === undefined) return `there is no branch ${name} any more`;
  if (!isAhead) return `${name} has commits that it has not`;
  const foreign = await foreignOnTheWay(root, { from: old, to: head, start }, place);
  if (foreign === undefined) return "git does not answer";
  if (foreign > 0) return foreignWords(foreign, { root, branch });
  const elsewhere = treeWithBranch(trees, branch);
  // One whose folder is gone was removed without git.
  if (elsewhere !== undefined && fileExists(path.join(elsewhere, ".git"))) {
    return `${name} is checked out in ${plain(elsewhere, 200)}`;
  }
  const message = `ralph: to the task's branch ${branch}`;
  const steps = [["update-ref", "-m", message, ref, head, old], [
    "symbolic-ref",
    "-m",
    message,
    "HEAD",
    ref,
  ]];
  for (const args of steps) {
    const answer = await changeBy(root, args, place);
    if (answer.kind === "failed") return `git says: ${inGitsWords(answer.said).why}`;
    if (answer.kind !== "printed") return "git does not answer";
  }
  return undefined;
}

/**
 * How many commits of the straight way between two were there at the start: what a merge on it has taken
 * in is none of them. Undefined when git cannot say.
 */
async function foreignOnTheWay(
  root: string,
  { from, to, start }: { from: string; to: string; start?: KnownThen },
  { clock, signal }: Place,
): Promise<number | undefined> {
  if (!start || from === to) return 0;
  const options = { clock, signal };
  const refs = await gitText(root, ["for-each-ref", "--format=%(objectname)", REMOTES], options);
  if (refs === undefined) return undefined;
  const known = await madeBefore(root, start, {
    remotes: refs.split("\n").filter(Boolean),
    ...options,
  });
  if (!known) return undefined;
  const count = async (...others: string[]) => {
    const input = [to, ...without([from, ...others])].map((line) => `${line}\n`).join("");
    const args = ["rev-list", "--first-parent", "--count", "--ignore-missing", "--stdin"];
    return await gitText(root, args, { ...options, input });
  };
  const [all, made] = await Promise.all([count(), count(...known)]);
  return all === undefined || made === undefined ? undefined : Number(all) - Number(made);
}

const REMOTES = "refs/remotes";

function foreignWords(count: number, { root, branch }: { root: string; branch: string }): string {
  const which = `${plural(count, "commit")} of it ${count === 1 ? "was" : "were"}`;
  const back = `git -C ${shellWord(root)} switch ${shellWord(branch)}`;
  return `${which} there before the work began, so that ralph does not move \`${
    plain(branch, 80)
  }\` ` +
    `to it; go back with \`${back}\`, and bring along what the work made (\`git cherry-pick\`), ` +
    "or merge that branch if its commits are wanted, too";
}

/** Git where it runs hooks and filters: in the server's sandbox. */
export async function changeBy(
  root: string,
  args: readonly string[],
  { enter, ...options }: Omit<Parameters<typeof runGit>[2], "changes" | "within"> & Place,
): ReturnType<typeof runGit> {
  const within = await enter?.(root, options.signal) ?? [];
  if ("why" in within) return { kind: "missing", why: within.why };
  return await runGit(root, args, { ...options, within, changes: true });
}

/**
 * Makes the index have these files as they are committed, also when the work was stopped: or the next
 * commit of anybody has what was taken back, the tick of a story among it.
 */
async function unstage(
  root: string,
  files: readonly string[],
  { clock, enter }: Place,
): Promise<void> {
  const args = ["--literal-pathspecs", "reset", "--quiet", ...NAMED];
  const input = listOf(files);
  await unlocked(() => changeBy(root, args, { clock, enter, input }), { clock });
}

/** The same once more while somebody has the index for a moment, as a person's editor does. */
async function unlocked(
  run: () => ReturnType<typeof runGit>,
  { clock, signal }: Place,
): ReturnType<typeof runGit> {
  const end = clock.monotonic() + LOCK_WAIT_MS;
  for (;;) {
    const answer = await run();
    const isLocked = answer.kind === "failed" && LOCKED.test(answer.said);
    if (!isLocked || clock.monotonic() >= end) return answer;
    await sleep(clock, LOCK_LOOK_MS, signal);
  }
}

/** Why there is no commit, in words. */
interface Refused {
  why: string;
  /** The same where no turn of an agent can mend it, with the command that does. */
  unmendable?: string;
  /** A hook refuses, and not git; `ofMessage`: the one that looks at messages. */
  byHook?: boolean;
  ofMessage?: boolean;
}

/** `unchanged`: all of it is in the last commit already. */
export type Committed = { commit: string } | { unchanged: true } | Refused;

/**
 * Commits these files as they are now, and nothing else, whatever is staged: once more where a hook refuses
 * them and has mended them meanwhile, as many formatters do. None of them is staged when they are refused.
 */
export async function commitFiles(
  root: string,
  { files, message }: CommitOrder,
  place: Place,
): Promise<Committed> {
  let committed = await stageAndCommit(root, { files, message }, place);
  if ("why" in committed && await differFromIndex(root, files, place)) {
    committed = await stageAndCommit(root, { files, message }, place);
  }
  if (!("why" in committed)) return committed;
  await unstage(root, files, place);
  const isOfMessage = committed.byHook && await isMessageRefused(root, message, place);
  return isOfMessage ? { ...committed, ofMessage: true } : committed;
}

/**
 * Asks the hook `commit-msg` alone about the message of the commit that was refused, which git keeps once the
 * hooks before it are content. False where git cannot do that (before 2.36).
 */
async function isMessageRefused(root: string, message: string, place: Place): Promise<boolean> {
  const { clock, signal } = place;
  const named = ["rev-parse", "--git-path", "COMMIT_EDITMSG"];
  const file = (await gitText(root, named, { clock, signal }))?.replace(/\n$/, "");
  const kept = file === undefined ? undefined : textOf(path.resolve(root, file));
  if (file === undefined || !kept?.startsWith(message)) return false;
  const args = ["hook", "run", "--ignore-missing", "commit-msg", "--", file];
  const answer = await changeBy(root, args, { ...place, timeoutMs: COMMIT_MS });
  return answer.kind === "failed" && !/is not a git command|^fatal: /m.test(answer.said);
}

/** False when it is not known, as after a stop. */
async function differFromIndex(
  root: string,
  files: readonly string[],
  place: Place,
): Promise<boolean> {
  const args = ["diff", "--name-only", "--no-renames", "--no-ext-diff", "-z"];
  const answer = await changeBy(root, args, { ...place, timeoutMs: WORK_TREE_MS });
  const wanted = new Set(files);
  return answer.kind === "printed" && answer.text.split("\0").some((file) => wanted.has(file));
}

async function stageAndCommit(
  root: string,
  { files, message }: CommitOrder,
  place: Place,
): Promise<Committed> {
  const { clock, signal } = place;
  // Where the server's sandbox is takes a look at all sockets: one for both calls.
  const within = once(async () => await place.enter?.(root, signal) ?? []);
  const options = { ...place, enter: within, timeoutMs: COMMIT_MS, interruptMs: INTERRUPT_MS };
  const git = (args: string[], given?: string) =>
    unlocked(
      () => changeBy(root, ["--literal-pathspecs", ...args], { ...options, input: given }),
      place,
    );
  // Unlike `git add` it takes files that are gone from the index already, as after `git mv`.
  const added = await git(
    ["update-index", "--add", "--remove", "--replace", "-z", "--stdin"],
    listOf(files),
  );
  if (added.kind !== "printed") return refused(added, root);
  // Neither runs anything that the repository names: they need no sandbox.
  const ask = (...args: string[]) => runGit(root, args, { clock, signal, timeoutMs: WORK_TREE_MS });
  const diff = await ask("diff", "--cached", "--name-only", "--no-renames", "-z");
  if (diff.kind !== "printed") return { why: whyNot(diff) };
  const staged = diff.text.split("\0").filter((file) => file !== "");
  const wanted = new Set(files);
  const differing = staged.filter((file) => wanted.has(file));
  if (differing.length === 0) return { unchanged: true };
  const isAll = differing.length === staged.length;
  // A hook that changes files, as formatters do, finds them in the index that it knows.
  const committed = isAll
    ? await git(["commit", "--quiet", "--message", message])
    : await git(["commit", "--quiet", "--message", message, "--only", ...NAMED], listOf(differing));
  if (committed.kind !== "printed") return refused(committed, root);
  // After `--only` the index has them as they were before a hook changed them (2.39, measured).
  if (!isAll) await unstage(root, files, place);
  const head = await ask("rev-parse", "HEAD");
  return head.kind === "printed" ? { commit: head.text.trim() } : { why: whyNot(head) };
}

/** The files are those of the standard input. */
const NAMED = ["--pathspec-from-file=-", "--pathspec-file-nul"];
const listOf = (files: readonly string[]) => files.map((file) => `${file}\0`).join("");

type NotPrinted = Exclude<Awaited<ReturnType<typeof runGit>>, { kind: "printed" }>;

function refused(answer: NotPrinted, root: string): Refused {
  const known = answer.kind === "failed" ? unmendable(answer, root) : undefined;
  const why = whyNot(answer);
  if (known) return { why, unmendable: known.words };
  return answer.kind === "failed" && answer.code !== FATAL ? { why, byHook: true } : { why };
}

function whyNot(answer: NotPrinted): string {
  switch (answer.kind) {
    case "failed":
      return `git refuses: ${endOf(answer.said)}`;
    case "late":
      return `git, or a hook of it, did not end within ${answer.timeoutMs / 60_000} min`;
    case "missing":
      return `git cannot be run: ${answer.why}`;
    case "killed":
      return `git was ended by ${answer.signal}`;
    case "aborted":
      return "it was stopped";
  }
}

function endOf(said: string): string {
  const lines = said.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const text = lines.join("; ");
  const end = text.length > SAID_MAX ? `…${text.slice(-SAID_MAX)}` : text;
  return end === "" ? "it says nothing" : plain(end);
}
