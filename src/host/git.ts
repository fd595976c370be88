/** What git says of a work tree. Nothing here changes anything: not even the index is refreshed. */
import * as path from "node:path";

export interface TreeState {
  /** The commit that is checked out; undefined before the first one. */
  head?: string;
  /** Paths that differ from it, each with a mark that changes when the file does. */
  changed: ReadonlyMap<string, string>;
}

export interface TreeChange {
  commits: number;
  /** Files that differ in the commits made since, or in the work tree. */
  files: number;
}

/** The state of the work tree; undefined when git cannot say. */
export async function treeState(root: string): Promise<TreeState | undefined> {
  const output = await git(root, [
    "status",
    "--porcelain=v2",
    "--branch",
    "--untracked-files=all",
    "-z",
  ]);
  if (output === undefined) return undefined;
  let head: string | undefined;
  const changed = new Map<string, string>();
  const records = output.split("\0");
  for (let i = 0; i < records.length; i++) {
    const record = records[i];
    const oid = /^# branch\.oid ([0-9a-f]+)$/.exec(record);
    if (oid) head = oid[1];
    const file = changedPath(record);
    if (file === undefined) continue;
    // A renamed file's record is followed by one with its old name.
    if (record.startsWith("2 ")) i++;
    changed.set(file, `${record.slice(0, record.length - file.length)}${mark(root, file)}`);
  }
  return { head, changed };
}

/** What happened between two states. `ignore`: a folder, relative to the root, that does not count. */
export async function treeChange(
  root: string,
  { before, after, ignore }: { before: TreeState; after: TreeState; ignore: string },
): Promise<TreeChange> {
  const counts = (file: string) => ignore === "" || !file.startsWith(`${ignore}/`);
  const files = new Set<string>();
  for (const [file, state] of after.changed) {
    if (counts(file) && before.changed.get(file) !== state) files.add(file);
  }
  for (const file of before.changed.keys()) {
    if (counts(file) && !after.changed.has(file)) files.add(file);
  }
  let commits = 0;
  if (after.head && after.head !== before.head) {
    const range = before.head ? `${before.head}..${after.head}` : after.head;
    const [count, names] = await Promise.all([
      git(root, ["rev-list", "--count", range]),
      git(
        root,
        before.head
          ? ["diff", "--name-only", "-z", before.head, after.head]
          : ["ls-tree", "-r", "--name-only", "-z", after.head],
      ),
    ]);
    commits = Number(count ?? 0);
    for (const file of names?.split("\0") ?? []) if (file && counts(file)) files.add(file);
  }
  return { commits, files: files.size };
}

/** The path in a record of `git status --porcelain=v2 -z` (git-status(1)), if it has one. */
function changedPath(record: string): string | undefined {
  // The number of fields before the path differs by the record's type; paths may hold spaces.
  const fields = { "1": 8, "2": 9, "u": 10, "?": 1 }[record[0]];
  if (fields === undefined || record[1] !== " ") return undefined;
  return record.split(" ").slice(fields).join(" ");
}

function mark(root: string, file: string): string {
  try {
    const { mtime, size } = Deno.lstatSync(path.join(root, file));
    return `${mtime?.getTime()}:${size}`;
  } catch {
    return "gone";
  }
}

async function git(root: string, args: string[]): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command("git", {
      args: ["--no-optional-locks", "-C", root, ...args],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).output();
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch {
    return undefined;
  }
}
