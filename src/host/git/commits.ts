/**
 * The commits between two states of a branch, and what each changed. By commands whose answer no
 * setting of the user or the repository changes, and that run no program which these name.
 */
import type { Clock } from "../../clock.ts";
import { gitText } from "./run_git.ts";

export interface Commit {
  id: string;
  /** Name of the author, not safe to print; so are all texts here. */
  author: string;
  /** RFC 3339, by the clock of whoever committed. */
  committedAt: string;
  subject: string;
  body: string;
  /** None for a merge: what it brings is in its parents. */
  files: readonly FileChange[];
  isMerge: boolean;
}

export interface FileChange {
  path: string;
  /** Lines; null: git takes it for binary. */
  added: number | null;
  deleted: number | null;
}

interface Options {
  clock: Clock;
  signal?: AbortSignal;
}

/** Nobody reads more of one iteration; the newest are kept. */
const COMMITS_MAX = 100;
/** What is larger is shown by its name alone: git takes it for binary (git-config(1)). */
const NO_LARGE_FILES = [["core.bigFileThreshold", "512k"]] as const;
const ID = /^[0-9a-f]{40,64}$/;

/**
 * The commits that are in `to` and not in `from`, the oldest first, and how many older ones are left
 * out. `from` undefined: there was none before. Undefined when git cannot say: commits that are gone,
 * another repository, no answer in time.
 */
export async function commitsBetween(
  root: string,
  { from, to }: { from?: string; to: string },
  options: Options,
): Promise<{ commits: readonly Commit[]; leftOut: number } | undefined> {
  if (from === to) return { commits: [], leftOut: 0 };
  if (!ID.test(to) || (from !== undefined && !ID.test(from))) return undefined;
  const range = from === undefined ? to : `${from}..${to}`;
  const [count, listed] = await Promise.all([
    gitText(root, ["rev-list", "--count", range], options),
    gitText(root, [
      "log",
      "-z",
      `--max-count=${COMMITS_MAX}`,
      "--no-patch",
      "--no-show-signature",
      "--no-color",
      "--no-notes",
      "--encoding=UTF-8",
      "--format=tformat:%H%x00%P%x00%an%x00%cI%x00%s%x00%b",
      range,
      "--",
    ], options),
  ]);
  if (count === undefined || listed === undefined) return undefined;
  const commits = commitsFrom(listed).toReversed();
  const files = await filesOf(root, commits.map(({ id }) => id), options);
  if (files === undefined) return undefined;
  return {
    commits: commits.map((commit) => ({ ...commit, files: files.get(commit.id) ?? [] })),
    leftOut: Number(count) - commits.length,
  };
}

/** A commit's message has no NUL (git-commit-tree(1)), so that each has as many fields. */
function commitsFrom(listed: string): Omit<Commit, "files">[] {
  const fields = listed.split("\0");
  const commits: Omit<Commit, "files">[] = [];
  for (let i = 0; i + 5 < fields.length; i += 6) {
    const [id, parents, author, committedAt, subject, body] = fields.slice(i, i + 6);
    const isMerge = parents.includes(" ");
    commits.push({ id, isMerge, author, committedAt, subject, body: body.trim() });
  }
  return commits;
}

/** What each commit changed, by its id. */
async function filesOf(
  root: string,
  ids: readonly string[],
  options: Options,
): Promise<Map<string, FileChange[]> | undefined> {
  const found = new Map<string, FileChange[]>();
  if (ids.length === 0) return found;
  const printed = await gitText(
    root,
    [
      "diff-tree",
      "--stdin",
      "--root",
      "-r",
      "-z",
      "--numstat",
      "--no-renames",
      "--no-ext-diff",
      "--no-textconv",
    ],
    { ...options, config: NO_LARGE_FILES, input: ids.map((id) => `${id}\n`).join("") },
  );
  if (printed === undefined) return undefined;
  let files: FileChange[] = [];
  for (const field of printed.split("\0")) {
    const [, added, deleted, path] = /^(\d+|-)\t(\d+|-)\t(.+)$/s.exec(field) ?? [];
    if (path !== undefined) files.push({ path, added: lines(added), deleted: lines(deleted) });
    else if (ID.test(field.trim())) found.set(field.trim(), files = []);
  }
  return found;
}

const lines = (text: string) => text === "-" ? null : Number(text);

/**
 * What commits changed, as patches by their ids; files of more than 512 KiB only by their names. Those
 * that git cannot tell are left out. Not safe to print.
 */
export async function patchesOf(
  root: string,
  ids: readonly string[],
  options: Options,
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const asked = ids.filter((id) => ID.test(id));
  if (asked.length === 0) return found;
  const args = ["diff-tree", "--stdin", "--root", "-r", "-p", "--no-color", "--no-renames"];
  const plainly = ["--no-ext-diff", "--no-textconv", "--submodule=short"];
  const printed = await gitText(root, [...args, ...plainly], {
    ...options,
    config: [...NO_LARGE_FILES, ["core.quotePath", "false"]],
    input: asked.map((id) => `${id}\n`).join(""),
  });
  // No line of a patch is an id alone: it begins with what kind of line it is.
  const [, ...parts] = (printed ?? "").split(/^([0-9a-f]{40,64})\n/m);
  for (let i = 0; i + 1 < parts.length; i += 2) found.set(parts[i], parts[i + 1]);
  return found;
}
