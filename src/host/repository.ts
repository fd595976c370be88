/** The state of a git repository that commits depend on. */
import * as path from "node:path";
import type { Clock } from "../clock.ts";
import { ask } from "./ask.ts";
import { fileExists } from "./files.ts";

export interface RepositoryState {
  /** Undefined when no branch is checked out. */
  branch?: string;
  hasCommits: boolean;
  /** What somebody has begun and not ended, with the command that gives it up. */
  underWay?: { what: string; abort: string };
  /** The lock file of a git that has the index, or that died with it. */
  indexLock?: string;
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

const GIT_MS = 2_000;

/** Undefined when git does not answer for this folder. Changes nothing. */
export async function repositoryState(
  root: string,
  clock: Clock,
): Promise<RepositoryState | undefined> {
  const git = async (...args: string[]) => {
    const command = ["git", "--no-optional-locks", "-C", root, ...args];
    const answer = await ask(command, { clock, timeoutMs: GIT_MS });
    return answer.kind === "ended" && answer.code === 0 ? answer.stdout : undefined;
  };
  const [folder, branch, head, identity] = await Promise.all([
    git("rev-parse", "--absolute-git-dir"),
    git("symbolic-ref", "--quiet", "--short", "HEAD"),
    git("rev-parse", "--quiet", "--verify", "HEAD"),
    git("var", "GIT_COMMITTER_IDENT"),
  ]);
  if (folder === undefined) return undefined;
  const indexLock = path.join(folder, "index.lock");
  return {
    branch,
    hasCommits: head !== undefined,
    underWay: UNDER_WAY.find(({ mark }) => fileExists(path.join(folder, mark))),
    indexLock: fileExists(indexLock) ? indexLock : undefined,
    // `Name <address> 1700000000 +0000`
    identity: identity?.replace(/ \d+ [+-]\d{4}$/, ""),
  };
}
