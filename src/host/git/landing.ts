/** What bringing a branch home takes of git. What is checked out is never left half changed. */
import * as path from "node:path";
import { RalphError } from "../../error.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { changeBy, type Place } from "./deliver.ts";
import { withoutLocalFilters } from "./local_filters.ts";
import { inGitsWords, noAnswer, requireGit, runGit, WORK_TREE_MS } from "./run_git.ts";
import { commitOf } from "./worktrees.ts";

/** Hooks may run a project's whole test suite. */
const MERGE_MS = 600_000;

/** What a person has not committed is not put away, and not put back. */
const AS_IT_IS = [["merge.autoStash", "false"], ["rebase.autoStash", "false"]] as const;

export const isAncestor = async (
  root: string,
  { older, newer }: { older: string; newer: string },
  place: Place,
): Promise<boolean> =>
  (await runGit(root, ["merge-base", "--is-ancestor", older, newer], place)).kind === "printed";

/** Files that a branch has changed since it left the base. Throws as `requireGit` does. */
export async function changedSince(
  root: string,
  { base, head }: { base: string; head: string },
  place: Place,
): Promise<readonly string[]> {
  const args = ["diff", "--no-ext-diff", "--name-only", "--no-renames", "-z", `${base}...${head}`];
  const limits = { ...place, timeoutMs: WORK_TREE_MS };
  return (await requireGit(root, args, limits)).split("\0").filter(Boolean);
}

/** `git diff --stat`, as lines that are not safe to print. Throws as `requireGit` does. */
export async function diffStat(
  root: string,
  { base, head }: { base: string; head: string },
  place: Place,
): Promise<readonly string[]> {
  const limits = { ...place, timeoutMs: WORK_TREE_MS };
  const how = ["--no-ext-diff", "--no-textconv", "--no-color", "--stat=100"];
  const text = await requireGit(root, ["diff", ...how, `${base}...${head}`], limits);
  return text.split("\n").filter(Boolean);
}

/** How the base comes into the branch. */
export type Way = "merge" | "rebase";

/**
 * Brings the base into the branch that is checked out at `root`. Returns the files in conflict, and then all
 * is as it was; undefined when there are none. Throws `RalphError` when git refuses for another reason.
 */
export async function bringIn(
  root: string,
  { base, way }: { base: string; way: Way },
  place: Place,
): Promise<readonly string[] | undefined> {
  const before = await requireGit(root, ["rev-parse", "HEAD"], place);
  const args = way === "merge"
    ? ["merge", "--quiet", "--no-edit", "--ff", base]
    : ["rebase", "--quiet", base];
  const config = [...AS_IT_IS, ["core.editor", "true"], ["rebase.autoSquash", "false"]] as const;
  const answer = await changeBy(root, args, { ...place, config, timeoutMs: MERGE_MS });
  if (answer.kind === "printed") return undefined;
  // What was stopped has to be given up, too.
  const { signal: _, ...always } = place;
  const named = await runGit(root, ["diff", "--name-only", "--diff-filter=U", "-z"], always);
  const conflicts = named.kind === "printed" ? named.text.split("\0").filter(Boolean) : [];
  await changeBy(root, [way, "--abort"], { ...always, timeoutMs: MERGE_MS });
  await requireAt(root, { commit: before.trim(), way }, always);
  if (conflicts.length > 0) return conflicts;
  if (answer.kind !== "failed") throw noAnswer(root, args, { answer, signal: place.signal });
  const { why, remedy } = inGitsWords(answer.said);
  throw new RalphError("failed", `git cannot ${way} \`${plain(base, 80)}\`: ${why}`, [
    ...remedy,
    { text: "see the state of the worktree", command: `git -C ${shellWord(root)} status` },
  ]);
}

async function requireAt(
  root: string,
  { commit, way }: { commit: string; way: Way },
  place: Place,
): Promise<void> {
  const branch = await runGit(root, ["symbolic-ref", "--quiet", "HEAD"], place);
  if (await commitOf(root, "HEAD", place) === commit && branch.kind === "printed") return;
  throw new RalphError(
    "failed",
    `the ${way} in ${plain(root, 200)} could not be given up; it began at ${commit.slice(0, 12)}`,
    [{ text: "see how it stands", command: `git -C ${shellWord(root)} status` }],
  );
}

/** Makes the branch that is checked out at `root`, and its files, what they were at the commit. */
export async function resetTo(root: string, commit: string, place: Place): Promise<void> {
  const { signal: _, ...always } = place;
  const limits = { ...always, timeoutMs: WORK_TREE_MS };
  await changeBy(root, ["reset", "--hard", "--quiet", commit], limits);
}

/**
 * The commit that merges `head` into `base` with the files of `tree`: the base's own history goes on with
 * it. Signed where the user has git sign. Throws as `requireGit` does.
 */
export async function mergeCommit(
  root: string,
  { tree, base, head, message }: { tree: string; base: string; head: string; message: string },
  place: Place,
): Promise<string> {
  const sign = await runGit(root, ["config", "--type=bool", "commit.gpgSign"], place);
  const signs = sign.kind === "printed" && sign.text.trim() === "true" ? ["-S"] : [];
  const parents = ["-p", base, "-p", head];
  const args = ["commit-tree", ...signs, ...parents, "-m", message, `${tree}^{tree}`];
  return (await requireGit(root, args, { ...place, changes: true })).trim();
}

/** Moves a branch that nobody has checked out. Throws as `requireGit` does, also where it has moved. */
export async function moveBranch(
  root: string,
  { branch, from, to }: { branch: string; from: string; to: string },
  place: Place,
): Promise<void> {
  const args = ["update-ref", "-m", "ralph land", `refs/heads/${branch}`, to, from];
  await requireGit(root, args, { ...place, changes: true });
}

/** Moves the branch that is checked out at `root` forward. Returns why git refuses, in its words. */
export async function moveForward(
  root: string,
  commit: string,
  place: Place,
): Promise<string | undefined> {
  const args = ["merge", "--ff-only", "--quiet", commit];
  const limits = { ...place, config: AS_IT_IS, timeoutMs: MERGE_MS };
  const answer = await changeBy(root, args, limits);
  if (answer.kind === "printed") return undefined;
  return answer.kind === "failed" ? inGitsWords(answer.said).why : "git does not answer";
}

/**
 * Takes files out of the way of a move forward whose content one of these commits has, so that nothing is
 * lost. Returns a function that puts them back. Files that no commit has as they are stay.
 */
export async function stepAside(
  root: string,
  { files, commits }: { files: readonly string[]; commits: readonly string[] },
  place: Place,
): Promise<() => void> {
  const moved: { file: string; bytes: Uint8Array; mode: number }[] = [];
  for (const file of await keptIn(root, { files, commits }, place)) {
    const full = path.join(root, file);
    const { mode } = Deno.lstatSync(full);
    moved.push({ file: full, bytes: Deno.readFileSync(full), mode: (mode ?? 0o644) & 0o777 });
    const isTracked = await runGit(root, ["cat-file", "-e", `HEAD:${file}`], place);
    if (isTracked.kind !== "printed") {
      Deno.removeSync(full);
      continue;
    }
    // A file that stays in the way is seen by whoever moves the branch forward.
    await changeBy(root, ["--literal-pathspecs", "checkout", "--quiet", "HEAD", "--", file], place);
  }
  return () => {
    for (const { file, bytes, mode } of moved) {
      Deno.mkdirSync(path.dirname(file), { recursive: true });
      Deno.writeFileSync(file, bytes, { mode });
    }
  };
}

/** Those of the files that one of the commits has as they are now. */
export async function keptIn(
  root: string,
  { files, commits }: { files: readonly string[]; commits: readonly string[] },
  place: Place,
): Promise<readonly string[]> {
  const found: string[] = [];
  const config = files.length === 0 ? [] : await withoutLocalFilters(root, place);
  for (const file of files) {
    const hash = await runGit(root, ["hash-object", "--", file], { ...place, config });
    if (hash.kind !== "printed") continue;
    const ids = await Promise.all(
      commits.map((commit) =>
        runGit(root, ["rev-parse", "--verify", "--quiet", `${commit}:${file}`], place)
      ),
    );
    if (ids.some((id) => id.kind === "printed" && id.text === hash.text)) found.push(file);
  }
  return found;
}
