/** What git says of the work since a commit, and where it would go next. */
import * as path from "node:path";
import type { Clock } from "../../clock.ts";
import { fileExists } from "../files/read_file.ts";
import { gitQuestions } from "./run_git.ts";

/** What git does not say is undefined. */
export interface WorkDone {
  /** The one that is checked out. */
  branch?: string;
  /** The commit that is checked out in place of one. */
  detachedAt?: string;
  /** What the branch would be merged into: a name that git knows here. */
  base?: string;
  commits?: number;
  /** `3 files changed, 10 insertions(+)`; empty when nothing is changed. */
  changed?: string;
  /** Where the branch would be pushed to. */
  remote?: { name: string; isGitHub: boolean };
  /** Submodules that were moved to a commit that none of their remotes is known to have. */
  unpushed: readonly string[];
}

/** For a person who waits for the end of a command. */
const GIT_MS = 5_000;
const USUAL = ["main", "master"];

/** `since`: a commit; `wished`: the branch that is meant as the base. Throws nothing. */
export async function workDone(
  root: string,
  { since, wished, clock }: { since?: string; wished?: string; clock: Clock },
): Promise<WorkDone> {
  const { ask: git } = gitQuestions(root, { clock, timeoutMs: GIT_MS });
  const range = since === undefined || !/^[0-9a-f]{40,64}$/.test(since) ? undefined : since;
  const [branch, refs, remotes, commits, changed, moved] = await Promise.all([
    git("symbolic-ref", "--quiet", "--short", "HEAD"),
    git("for-each-ref", "--format=%(refname) %(symref)", "refs/heads", "refs/remotes"),
    git("remote", "-v"),
    range && git("rev-list", "--count", `${range}..HEAD`),
    range && git("diff", "--no-ext-diff", "--no-textconv", "--shortstat", range, "HEAD"),
    range && git("diff", "--raw", "-z", "--no-abbrev", "--ignore-submodules=none", range, "HEAD"),
  ]);
  const remote = remoteOf(remotes ?? "");
  const head = branch === undefined ? await git("rev-parse", "--verify", "HEAD") : undefined;
  return {
    branch,
    ...head !== undefined && { detachedAt: head },
    base: baseOf(refs ?? "", { wished, remote: remote?.name }),
    commits: commits === undefined ? undefined : Number(commits),
    changed: changed?.trim(),
    remote,
    unpushed: await unpushedOf(root, movedSubmodules(moved ?? ""), clock),
  };
}

interface Moved {
  file: string;
  commit: string;
}

/** More are not asked for, and not named. */
const SUBMODULES_MAX = 10;

/** From the lines of `git diff --raw -z` (gitformat-diff): the mode of a submodule is 160000. */
function movedSubmodules(raw: string): readonly Moved[] {
  const pattern = /:\d{6} 160000 [0-9a-f]+ ([0-9a-f]+) [A-Z]\d*\0([^\0]+)\0/g;
  return [...raw.matchAll(pattern)].slice(0, SUBMODULES_MAX)
    .map(([, commit, file]) => ({ commit, file }));
}

/** Of one that is not fetched, or does not answer, nothing is said. */
async function unpushedOf(
  root: string,
  moved: readonly Moved[],
  clock: Clock,
): Promise<readonly string[]> {
  const asked = moved.map(async ({ file, commit }) => {
    const place = path.join(root, file);
    // Without one of its own git would answer for the repository around it.
    if (!fileExists(path.join(place, ".git"))) return [];
    const { ask: git } = gitQuestions(place, { clock, timeoutMs: GIT_MS });
    const having = await git("for-each-ref", "--count=1", "--contains", commit, "refs/remotes");
    return having === "" ? [file] : [];
  });
  return (await Promise.all(asked)).flat();
}

/** The branch that is wished for, else the remote's own, else the usual ones; here or at the remote. */
function baseOf(
  refs: string,
  { wished, remote }: { wished?: string; remote?: string },
): string | undefined {
  const known = new Map(
    refs.split("\n").map((line) => {
      const [name, leadsTo = ""] = line.split(" ");
      return [name, leadsTo] as const;
    }),
  );
  const there = `refs/remotes/${remote}/`;
  const head = known.get(`${there}HEAD`);
  const own = remote !== undefined && head?.startsWith(there) ? [head.slice(there.length)] : [];
  for (const name of [...wished === undefined ? [] : [wished], ...own, ...USUAL]) {
    if (known.has(`refs/heads/${name}`)) return name;
    if (remote !== undefined && known.has(there + name)) return `${remote}/${name}`;
  }
  return undefined;
}

/** `origin`, else the only one there is. What its address holds, as a password, is not handed on. */
function remoteOf(listed: string): WorkDone["remote"] {
  const remotes = new Map(
    listed.split("\n").filter((line) => line.endsWith("(push)")).map((line) => {
      const [name, address] = line.split("\t");
      return [name, address] as const;
    }),
  );
  const name = remotes.has("origin") ? "origin" : remotes.size === 1 ? [...remotes.keys()][0] : "";
  const address = remotes.get(name);
  return address === undefined ? undefined : { name, isGitHub: /\bgithub\./i.test(address) };
}
