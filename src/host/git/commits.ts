/**
 * The commits that each step of a branch brought, and what they changed. By commands whose answer no
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

/** What one step of a branch brought. */
export interface StepCommits {
  /** The oldest first. */
  commits: readonly Commit[];
  /** How many older ones are left out. */
  leftOut: number;
}

/** Nobody reads more of one step; the newest are kept. */
const COMMITS_MAX = 100;
/** Of all steps: a branch that was led to another history has all of that in it. */
const LISTED_MAX = 20_000;
/** What is larger is shown by its name alone: git takes it for binary (git-config(1)). */
const NO_LARGE_FILES = [["core.bigFileThreshold", "512k"]] as const;
const ID = /^[0-9a-f]{40,64}$/;

/**
 * The commits of each step from one of `heads` to the next: those that are in it and in none before. The
 * first head may be undefined: there was no commit yet. A step is undefined when git cannot say:
 * commits that are gone, another repository, no answer in time. Asks git three times, however many steps.
 */
export async function commitsOfSteps(
  root: string,
  [first, ...later]: readonly [string | undefined, ...string[]],
  options: Options,
): Promise<readonly (StepCommits | undefined)[]> {
  const heads = [first, ...later];
  const unknown = later.map(() => undefined);
  if (later.every((head) => head === first)) return later.map(() => ({ commits: [], leftOut: 0 }));
  const there = await existing(root, heads.filter((one) => one !== undefined), options);
  if (!there) return unknown;
  const isKnown = (i: number) => heads[i] === undefined || there.has(heads[i]);
  const base = heads.findIndex((_, i) => isKnown(i));
  const tips = later.filter((head) => there.has(head));
  if (base < 0 || tips.length === 0) return unknown;
  const listed = await list(root, { without: heads[base], tips }, options);
  if (!listed) return unknown;
  const taken = new Set<string>();
  const steps = later.map((head, i) => {
    // What the first known one has, none of the listed ones has brought.
    const all = i < base ? [] : take(head, { listed, taken });
    return isKnown(i) && isKnown(i + 1) ? all : undefined;
  });
  const kept = steps.map((step) => step?.slice(-COMMITS_MAX));
  const ids = kept.flatMap((step) => step?.map(({ id }) => id) ?? []);
  const files = await filesOf(root, ids, options);
  if (!files) return unknown;
  return kept.map((step, i) =>
    step && {
      commits: step.map(({ parents, ...commit }) => ({
        ...commit,
        isMerge: parents.length > 1,
        files: files.get(commit.id) ?? [],
      })),
      leftOut: (steps[i]?.length ?? 0) - step.length,
    }
  );
}

type Listed = Omit<Commit, "files" | "isMerge"> & { parents: readonly string[] };

/** Those of the ids that are commits here. */
async function existing(
  root: string,
  ids: readonly string[],
  options: Options,
): Promise<ReadonlySet<string> | undefined> {
  const asked = ids.filter((id) => ID.test(id));
  const printed = await gitText(root, ["cat-file", "--batch-check=%(objecttype) %(objectname)"], {
    ...options,
    input: asked.map((id) => `${id}\n`).join(""),
  });
  return printed === undefined
    ? undefined
    : new Set([...printed.matchAll(/^commit ([0-9a-f]+)$/gm)].map(([, id]) => id));
}

/** Commits of `tips`, in the order in which they can have been made, by their ids. */
async function list(
  root: string,
  { without, tips }: { without: string | undefined; tips: readonly string[] },
  options: Options,
): Promise<ReadonlyMap<string, Listed> | undefined> {
  const printed = await gitText(root, [
    "log",
    "-z",
    `--max-count=${LISTED_MAX}`,
    "--topo-order",
    "--no-patch",
    "--no-show-signature",
    "--no-color",
    "--no-notes",
    "--encoding=UTF-8",
    "--format=tformat:%H%x00%P%x00%an%x00%cI%x00%s%x00%b",
    "--stdin",
  ], {
    ...options,
    input: [...tips, ...without === undefined ? [] : [`^${without}`]]
      .map((line) => `${line}\n`).join(""),
  });
  if (printed === undefined) return undefined;
  // A commit's message has no NUL (git-commit-tree(1)), so that each has as many fields.
  const fields = printed.split("\0");
  const found: [string, Listed][] = [];
  for (let i = 0; i + 5 < fields.length; i += 6) {
    const [id, parents, author, committedAt, subject, body] = fields.slice(i, i + 6);
    const commit = { id, author, committedAt, subject, body: body.trim() };
    found.push([id, { ...commit, parents: parents.split(" ") }]);
  }
  return new Map(found.toReversed());
}

/** What a head has and nobody has taken yet; takes it. */
function take(
  head: string,
  { listed, taken }: { listed: ReadonlyMap<string, Listed>; taken: Set<string> },
): Listed[] {
  const found = new Set<string>();
  const next = [head];
  for (let id = next.pop(); id !== undefined; id = next.pop()) {
    const commit = listed.get(id);
    if (!commit || taken.has(id)) continue;
    taken.add(id);
    found.add(id);
    next.push(...commit.parents);
  }
  if (found.size === 0) return [];
  return [...listed.values()].filter(({ id }) => found.has(id));
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
