/**
 * The branch that a task works on. ralph switches to it, or creates it, when nothing stands in the
 * way; it never resets, stashes, cleans, rebases or pushes.
 */
import * as path from "node:path";
import { type Clock, sleep } from "../../clock.ts";
import { type Hint, RalphError } from "../../error.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { withoutLocalFilters } from "./local_filters.ts";
import { branchesOfRemotes } from "./remote_branch.ts";
import { readRepository, type Repository } from "./repository.ts";
import { SIGNS } from "./commit_refusal.ts";
import { whyUnsigned } from "./signing.ts";
import { noAnswer, runGit, whyRefused } from "./run_git.ts";

/** Longer than any git command of an editor holds the lock. */
const LOCK_WAIT_MS = 2_000;
const LOCK_LOOK_MS = 50;
/** A machine with much to do gets no further in that time. */
const LOCK_LOOKS_MIN = 5;
const LISTED_MAX = 5;
/** As for any question: a session that begins has time. */
const STATE_MS = 30_000;
/** A large tree is written, and what it keeps elsewhere fetched: cut short, it would be half done. */
const SWITCH_MS = 600_000;

/** Where git is asked. */
interface Place {
  root: string;
  clock: Clock;
  signal?: AbortSignal;
}

export interface BranchWish {
  /** Real path of the project root. */
  root: string;
  /** Of the PRD; undefined: whichever is checked out. */
  branch?: string;
  /** What the branch is made from; undefined: what is checked out. */
  base?: string;
  /** Real path of the task's PRD or prompt, which has to be there afterwards. */
  taskFile: string;
  /** Files and folders of the task, from the root: what is changed there is in nobody's way. */
  own: readonly string[];
}

/**
 * Makes sure that an agent can work and commit in the repository, and that the wanted branch is
 * checked out. Returns what was done, in words; undefined when that was nothing. Throws `RalphError`
 * (`conflict`, `usage`) with what stands in the way, `failed` when git does not answer, and
 * `signal.reason` when aborted.
 */
export async function prepareBranch(
  wish: BranchWish,
  clock: Clock,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const { root } = wish;
  const place = { root, clock, signal };
  const state = await unlockedState(place);
  refuseUnfinished(root, state);
  refuseNoAuthor(root, state);
  const unsigned = state.hasCommits ? await unsignedWords(place) : undefined;
  const branched = await checkedOut(place, wish, state);
  return [unsigned, branched].filter((one) => one !== undefined).join("; ") || undefined;
}

/** What was done so that the branch is checked out, in words; undefined when it was. */
async function checkedOut(
  place: Place,
  wish: BranchWish,
  state: Repository,
): Promise<string | undefined> {
  const { root, branch } = wish;
  if (branch === undefined) return undefined;
  await refuseBadName(place, branch);
  const { branch: current } = state;
  if (current === branch) return undefined;
  if (!state.hasCommits) throw noCommit(root, branch);
  if (current === undefined) throw detached(wish);
  await refuseChanges(place, wish);

  const ref = `refs/heads/${branch}`;
  if ((await git(place, ["show-ref", "--verify", "--quiet", ref])).ok) {
    await refuseElsewhere(place, branch);
    await refuseLostTask(place, { wish, commit: ref });
    await switchTo(place, branch, ["--no-guess", branch]);
    return `switched to the branch \`${branch}\``;
  }
  return await create(place, { wish, branch, current });
}

/** From the one remote's that has the branch, else from the base. Returns it in words. */
async function create(
  place: Place,
  { wish, branch, current }: { wish: BranchWish; branch: string; current: string },
): Promise<string> {
  const [pushed, ...others] = await branchesOfRemotes(place.root, branch, place);
  if (pushed !== undefined && others.length === 0) {
    const commit = `refs/remotes/${pushed}`;
    await refuseLostTask(place, { wish, commit });
    await switchTo(place, branch, ["--track", "-c", branch, commit]);
    return `created the branch \`${branch}\` from \`${plain(pushed, 80)}\`, which it tracks`;
  }
  const from = wish.base === undefined ? "HEAD" : await commitOf(place, wish.base);
  await refuseLostTask(place, { wish, commit: from });
  await switchTo(place, branch, ["--no-track", "-c", branch, from]);
  const created = `created the branch \`${branch}\` from \`${plain(wish.base ?? current, 80)}\``;
  if (pushed === undefined) return created;
  return `${created}: several remotes have one of that name, and none of them was taken`;
}

function refuseUnfinished(root: string, { underWay }: Repository): void {
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

/** Whoever commits would fail, and the work would be paid for. */
function refuseNoAuthor(root: string, { identity }: Repository): void {
  if (identity !== undefined) return;
  throw new RalphError(
    "conflict",
    `cannot work in ${
      plain(root, 200)
    }: git does not know who commits there (user.name, user.email)`,
    [
      { text: "say who, here", command: inRoot(root, "config user.name 'Your Name'") },
      { text: "and where", command: inRoot(root, "config user.email you@example.com") },
    ],
  );
}

/** Each commit would fail, the agent's and ralph's. Returns what may be so only while nobody is there. */
async function unsignedWords({ root, ...place }: Place): Promise<string | undefined> {
  const unsigned = await whyUnsigned(root, place);
  if (!unsigned) return undefined;
  if (!unsigned.isSure) {
    return "signing a commit (commit.gpgsign) did not work where nobody could be asked: unlock the key " +
      `with \`${inRoot(root, SIGNS)}\` before you leave it alone`;
  }
  throw new RalphError(
    "conflict",
    `cannot work in ${plain(root, 200)}: commits are to be signed there (commit.gpgsign), and ` +
      "cannot be",
    [
      { text: "mend it until this prints a commit", command: inRoot(root, SIGNS) },
      { text: "or do without", command: inRoot(root, "config commit.gpgsign false") },
    ],
  );
}

/** The state once nobody has the index; throws when somebody has it for too long. */
async function unlockedState({ root, clock, signal }: Place): Promise<Repository> {
  const end = clock.monotonic() + LOCK_WAIT_MS;
  for (let looks = 1;; looks++) {
    const state = await readRepository(root, clock, { timeoutMs: STATE_MS, signal });
    if (!state) throw await whyNoState({ root, clock, signal });
    const { indexLock } = state;
    if (indexLock === undefined) return state;
    const isOver = clock.monotonic() >= end && looks >= LOCK_LOOKS_MIN;
    if (isOver || signal?.aborted) {
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
    await sleep(clock, LOCK_LOOK_MS, signal);
  }
}

/** What git says to the plainest of questions. */
async function whyNoState(place: Place): Promise<RalphError> {
  const { why = "", remedy = [] } = await whyRefused(place.root, place) ?? {};
  place.signal?.throwIfAborted();
  const words = why === "" ? "git does not answer" : `git refuses: ${why}`;
  return new RalphError("conflict", `cannot work in ${plain(place.root, 200)}: ${words}`, [
    ...remedy,
    { text: "see what it says", command: inRoot(place.root, "status") },
  ]);
}

async function refuseBadName(place: Place, branch: string): Promise<void> {
  const ref = `refs/heads/${branch}`;
  if (!branch.startsWith("-") && (await git(place, ["check-ref-format", ref])).ok) return;
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
      text: "go to the branch that it should start from",
      command: inRoot(root, `switch ${shellWord(base ?? "main")}`),
    },
  ]);
}

/** Untracked files are no matter: git itself refuses to overwrite one. */
async function refuseChanges(
  place: Place,
  { root, own, branch = "" }: BranchWish,
): Promise<void> {
  const { text = "" } = await git(place, [
    "status",
    "--porcelain",
    "--untracked-files=no",
    "--no-renames",
    "-z",
  ], { config: await withoutLocalFilters(place.root, place) });
  const files = text.split("\0").map((record) => record.slice(3))
    .filter((file) =>
      file !== "" && !own.some((place) => file === place || file.startsWith(`${place}/`))
    );
  if (files.length === 0) return;
  const listed = files.slice(0, LISTED_MAX).map((file) => plain(file, 80)).join(", ");
  const more = files.length > LISTED_MAX ? `, and ${files.length - LISTED_MAX} more` : "";
  throw cannotSwitch(root, branch, `there are uncommitted changes (${listed}${more})`, [
    { text: "see them, then commit them or put them away", command: inRoot(root, "status") },
  ]);
}

async function refuseElsewhere(place: Place, branch: string): Promise<void> {
  const { text = "" } = await git(place, ["worktree", "list", "--porcelain"]);
  const tree = treeWithBranch(text, branch);
  if (tree === undefined) return;
  throw cannotSwitch(place.root, branch, `it is checked out in ${plain(tree, 200)}`, [
    { text: "run the task there", command: `cd ${shellWord(tree)}` },
  ]);
}

/** The tree of `git worktree list --porcelain` (whose `-z` came with 2.36) that has the branch. */
export function treeWithBranch(listed: string, branch: string): string | undefined {
  return listed.split("\n\n").map((entry) => entry.split("\n"))
    .find((lines) => lines.includes(`branch refs/heads/${branch}`))?.[0].replace(/^worktree /, "");
}

/** A task that is committed here must be so in `commit` too: it would vanish. */
async function refuseLostTask(
  place: Place,
  { wish, commit }: { wish: BranchWish; commit: string },
): Promise<void> {
  const { root, taskFile, branch = "" } = wish;
  const file = path.relative(root, taskFile);
  const listed = await git(place, ["ls-files", "--error-unmatch", "--", `:(literal)${file}`]);
  if (!listed.ok || (await git(place, ["cat-file", "-e", `${commit}:${file}`])).ok) return;
  throw cannotSwitch(root, branch, `${plain(file, 200)} is not there in it`, [
    { text: "bring the task into that branch, or name another one in the PRD's `branchName`" },
  ]);
}

async function commitOf(place: Place, base: string): Promise<string> {
  const { text } = await git(place, [
    "rev-parse",
    "--verify",
    "--quiet",
    "--end-of-options",
    `${base}^{commit}`,
  ]);
  if (text !== undefined) return text;
  throw new RalphError(
    "usage",
    `there is no branch or commit \`${plain(base, 80)}\` to start from`,
    [
      { text: "see which there are", command: inRoot(place.root, "branch --all") },
    ],
  );
}

async function switchTo(place: Place, branch: string, args: readonly string[]): Promise<void> {
  const { ok, error } = await git(place, ["switch", "--quiet", ...args], {
    timeoutMs: SWITCH_MS,
    changes: true,
  });
  if (ok) return;
  const { root } = place;
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

/**
 * `text` is what it printed without the last line end; undefined when it failed. Throws `RalphError`
 * (`failed`) when it did not answer, and `signal.reason` when aborted.
 */
async function git(
  { root, clock, signal }: Place,
  args: readonly string[],
  options?: Pick<Parameters<typeof runGit>[2], "timeoutMs" | "changes" | "config">,
): Promise<{ ok: boolean; text?: string; error: string }> {
  const answer = await runGit(root, args, { clock, signal, ...options });
  switch (answer.kind) {
    case "printed":
      return { ok: true, text: answer.text.replace(/\n$/, ""), error: "" };
    case "failed":
      return { ok: false, error: answer.said };
    default:
      throw noAnswer(root, args, { answer, signal });
  }
}
