/**
 * The branch that a task works on. ralph switches to it, or creates it, when nothing stands in the
 * way; it never resets, stashes, cleans, rebases or pushes.
 */
import * as path from "node:path";
import { type Clock, sleep } from "../clock.ts";
import { type Hint, RalphError } from "../error.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { type RepositoryState, repositoryState } from "./repository.ts";

/** Longer than any git command of an editor holds the lock. */
const LOCK_WAIT_MS = 2_000;
const LOCK_LOOK_MS = 50;
const LISTED_MAX = 5;

export interface BranchWish {
  /** Real path of the project root. */
  root: string;
  /** Of the PRD; undefined: whichever is checked out. */
  branch?: string;
  /** What the branch is made from; undefined: what is checked out. */
  base?: string;
  /** Real path of the task's PRD or prompt, which has to be there afterwards. */
  taskFile: string;
}

/**
 * Makes sure that an agent can work and commit in the repository, and that the wanted branch is
 * checked out. Returns what was done, in words; undefined when that was nothing. Throws `RalphError`
 * (`conflict`, `usage`) with what stands in the way.
 */
export async function prepareBranch(wish: BranchWish, clock: Clock): Promise<string | undefined> {
  const { root, branch } = wish;
  const state = await unlockedState(root, clock);
  refuseUnfinished(root, state);
  if (branch === undefined) return undefined;
  await refuseBadName(root, branch);
  const { branch: current } = state;
  if (current === branch) return undefined;
  if (!state.hasCommits) throw noCommit(root, branch);
  if (current === undefined) throw detached(wish);
  await refuseChanges(wish, branch);

  const exists = (await git(root, "show-ref", "--verify", "--quiet", `refs/heads/${branch}`)).ok;
  if (exists) {
    await refuseElsewhere(root, branch);
    await refuseLostTask(wish, `refs/heads/${branch}`);
    await switchTo(root, branch, ["--no-guess", branch]);
    return `switched to the branch \`${branch}\``;
  }
  const from = wish.base === undefined ? "HEAD" : await commitOf(root, wish.base);
  await refuseLostTask(wish, from);
  await switchTo(root, branch, ["--no-track", "-c", branch, from]);
  return `created the branch \`${branch}\` from \`${plain(wish.base ?? current, 80)}\``;
}

function refuseUnfinished(root: string, { underWay }: RepositoryState): void {
  if (!underWay) return;
  const { what, abort } = underWay;
  throw new RalphError(
    "conflict",
    `cannot work in ${plain(root, 200)}: a ${what} is under way there`,
    [
      { text: "finish it; see how far it is", command: inRoot(root, "status") },
      { text: "or give it up", command: inRoot(root, abort) },
    ],
  );
}

/** The state once nobody has the index; throws when somebody has it for too long. */
async function unlockedState(root: string, clock: Clock): Promise<RepositoryState> {
  const end = clock.monotonic() + LOCK_WAIT_MS;
  for (;;) {
    const state = await repositoryState(root, clock);
    if (!state) throw new RalphError("conflict", `git does not answer in ${plain(root, 200)}`);
    const { indexLock } = state;
    if (indexLock === undefined) return state;
    if (clock.monotonic() >= end) {
      throw new RalphError(
        "conflict",
        `cannot work in ${plain(root, 200)}: git's index is locked, so that nothing can be ` +
          `committed (${plain(indexLock, 200)})`,
        [
          { text: "see whether a git command is at work", command: "pgrep -a git" },
          { text: "when none is, the lock was left behind", command: `rm ${shellWord(indexLock)}` },
        ],
      );
    }
    await sleep(clock, LOCK_LOOK_MS);
  }
}

async function refuseBadName(root: string, branch: string): Promise<void> {
  const ref = `refs/heads/${branch}`;
  if (!branch.startsWith("-") && (await git(root, "check-ref-format", ref)).ok) return;
  throw new RalphError(
    "usage",
    `\`${plain(branch, 80)}\` cannot be the name of a branch (\`branchName\` of the PRD)`,
    [{ text: "write one such as `ralph/my-feature`" }],
  );
}

function noCommit(root: string, branch: string): RalphError {
  return cannotSwitch(root, branch, "the repository has no commit yet", [
    {
      text: "make the first one",
      command: `${inRoot(root, "add --all")} && ${inRoot(root, "commit -m start")}`,
    },
  ]);
}

function detached({ root, branch = "", base }: BranchWish): RalphError {
  return cannotSwitch(root, branch, "no branch is checked out (HEAD is detached)", [
    {
      text: "go to the branch that it shall start from",
      command: inRoot(root, `switch ${shellWord(base ?? "main")}`),
    },
  ]);
}

/** Untracked files are no matter: git itself refuses to overwrite one. */
async function refuseChanges({ root, taskFile }: BranchWish, branch: string): Promise<void> {
  const folder = `${path.relative(root, path.dirname(taskFile))}/`;
  const { text = "" } = await git(
    root,
    "status",
    "--porcelain",
    "--untracked-files=no",
    "--no-renames",
    "-z",
  );
  const files = text.split("\0").map((record) => record.slice(3))
    .filter((file) => file !== "" && !file.startsWith(folder));
  if (files.length === 0) return;
  const listed = files.slice(0, LISTED_MAX).map((file) => plain(file, 80)).join(", ");
  const more = files.length > LISTED_MAX ? `, and ${files.length - LISTED_MAX} more` : "";
  throw cannotSwitch(root, branch, `there are uncommitted changes (${listed}${more})`, [
    { text: "see them, then commit them or put them away", command: inRoot(root, "status") },
  ]);
}

async function refuseElsewhere(root: string, branch: string): Promise<void> {
  const { text = "" } = await git(root, "worktree", "list", "--porcelain", "-z");
  for (const entry of text.split("\0\0")) {
    const lines = entry.split("\0");
    if (!lines.includes(`branch refs/heads/${branch}`)) continue;
    const place = lines[0].replace(/^worktree /, "");
    throw cannotSwitch(root, branch, `it is checked out in ${plain(place, 200)}`, [
      { text: "run the task there", command: `cd ${shellWord(place)}` },
    ]);
  }
}

/** A task that is committed here must be so in `commit` too: it would vanish. */
async function refuseLostTask(wish: BranchWish, commit: string): Promise<void> {
  const { root, taskFile, branch = "" } = wish;
  const file = path.relative(root, taskFile);
  const tracked = (await git(root, "ls-files", "--error-unmatch", "--", `:(literal)${file}`)).ok;
  if (!tracked || (await git(root, "cat-file", "-e", `${commit}:${file}`)).ok) return;
  throw cannotSwitch(root, branch, `${plain(file, 200)} is not there in it`, [
    { text: "bring the task into that branch, or name another one in the PRD's `branchName`" },
  ]);
}

async function commitOf(root: string, base: string): Promise<string> {
  const { text } = await git(
    root,
    "rev-parse",
    "--verify",
    "--quiet",
    "--end-of-options",
    `${base}^{commit}`,
  );
  if (text !== undefined) return text;
  throw new RalphError(
    "usage",
    `there is no branch or commit \`${plain(base, 80)}\` to start from`,
    [
      { text: "see which there are", command: inRoot(root, "branch --all") },
    ],
  );
}

async function switchTo(root: string, branch: string, args: readonly string[]): Promise<void> {
  const { ok, error } = await git(root, "switch", "--quiet", ...args);
  if (ok) return;
  throw cannotSwitch(root, branch, `git says: ${plain(error.trim(), 400)}`, [
    { text: "see the state of the repository", command: inRoot(root, "status") },
  ]);
}

function cannotSwitch(
  root: string,
  branch: string,
  why: string,
  hints: readonly Hint[],
): RalphError {
  return new RalphError(
    "conflict",
    `cannot switch ${plain(root, 200)} to the branch \`${plain(branch, 80)}\`: ${why}`,
    hints,
  );
}

const inRoot = (root: string, rest: string) => `git -C ${shellWord(root)} ${rest}`;

/** `text` is what it printed without the last line end; undefined when it failed. */
async function git(
  root: string,
  ...args: string[]
): Promise<{ ok: boolean; text?: string; error: string }> {
  const { success, stdout, stderr } = await new Deno.Command("git", {
    args: ["-C", root, ...args],
    env: { GIT_TERMINAL_PROMPT: "0", LC_ALL: "C" },
    stdin: "null",
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return {
    ok: success,
    text: success ? decode(stdout).replace(/\n$/, "") : undefined,
    error: decode(stderr),
  };
}
