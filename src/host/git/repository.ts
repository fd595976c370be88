/** The state of a git repository that commits depend on. */
import * as path from "node:path";
import type { Clock } from "../../clock.ts";
import { fileExists } from "../files/read_file.ts";
import type { Head } from "./git_folder.ts";
import { gitQuestions } from "./run_git.ts";

export interface RepositoryState {
  /** Undefined when no branch is checked out. */
  branch?: string;
  /** What somebody has begun and not ended, with the command that gives it up. */
  underWay?: { what: string; abort: string };
  /** The lock file of a git that has the index, or that died with it. */
  indexLock?: string;
}

/** What whoever begins to work there has to know beside. */
export interface Repository extends RepositoryState {
  hasCommits: boolean;
  /** Who would commit, as `Name <address>`; undefined when git does not know. */
  identity?: string;
}

/** What leaves its mark in the git folder while it is under way (gitrepository-layout(5)). */
const UNDER_WAY = [
  { mark: "rebase-merge", what: "rebase", abort: "rebase --abort" },
  { mark: "rebase-apply/applying", what: "am", abort: "am --abort" },
  { mark: "rebase-apply", what: "rebase", abort: "rebase --abort" },
  { mark: "MERGE_HEAD", what: "merge", abort: "merge --abort" },
  { mark: "CHERRY_PICK_HEAD", what: "cherry-pick", abort: "cherry-pick --abort" },
  { mark: "REVERT_HEAD", what: "revert", abort: "revert --abort" },
];

/** For a person who waits. Far too short where 30 sessions begin at once on 2 cores (measured). */
const GIT_MS = 2_000;

interface Limits {
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** Undefined when git does not answer one of the questions within `timeoutMs`. Changes nothing. */
export async function readRepository(
  root: string,
  clock: Clock,
  { timeoutMs = GIT_MS, signal }: Limits = {},
): Promise<Repository | undefined> {
  const { ask: git, answered } = gitQuestions(root, { clock, timeoutMs, signal });
  const [state, head, committer, author] = await Promise.all([
    repositoryState(root, clock, { timeoutMs, signal }),
    git("rev-parse", "--quiet", "--verify", "HEAD"),
    git("var", "GIT_COMMITTER_IDENT"),
    git("var", "GIT_AUTHOR_IDENT"),
  ]);
  if (!answered() || state === undefined) return undefined;
  return {
    ...state,
    hasCommits: head !== undefined,
    // `Name <address> 1700000000 +0000`
    identity: author === undefined ? undefined : committer?.replace(/ \d+ [+-]\d{4}$/, ""),
  };
}

/** The same, of what may change while somebody works there. */
export async function repositoryState(
  root: string,
  clock: Clock,
  { timeoutMs = GIT_MS, signal }: Limits = {},
): Promise<RepositoryState | undefined> {
  const { ask: git, answered } = gitQuestions(root, { clock, timeoutMs, signal });
  const [folder, branch] = await Promise.all([
    git("rev-parse", "--absolute-git-dir"),
    git("symbolic-ref", "--quiet", "--short", "HEAD"),
  ]);
  return answered() && folder !== undefined ? stateAt({ folder, branch }) : undefined;
}

/** The same of a repository whose folder and branch are known. */
export function stateAt({ folder, branch }: Head): RepositoryState {
  const indexLock = path.join(folder, "index.lock");
  return {
    branch,
    underWay: UNDER_WAY.find(({ mark }) => fileExists(path.join(folder, mark))),
    indexLock: fileExists(indexLock) ? indexLock : undefined,
  };
}
