/** What a worktree gets beside what is committed: copies, and the task's own files. */
import * as path from "node:path";
import type { Clock } from "../../clock.ts";
import { RalphError } from "../../error.ts";
import { replaceFile } from "../../host/files/atomic_write.ts";
import { linkInCopy } from "../../host/files/file_state.ts";
import { leadsOutside } from "../../host/files/outside.ts";
import { fileExists } from "../../host/files/read_file.ts";
import { requireGit } from "../../host/git/run_git.ts";
import { listWorkTree } from "../../host/git/work_tree.ts";
import { uncommittedIn } from "../../host/git/worktrees.ts";
import { globMatcher } from "../../settings/glob.ts";
import { ownPlaces, type Task } from "../../task/task_files.ts";
import { plain } from "../../terminal/plain.ts";
import { plural } from "../../terminal/plural.ts";

interface Trees {
  home: string;
  root: string;
  clock: Clock;
  signal: AbortSignal;
}

/** A folder with more is no settings. */
const COPIES_MAX = 10_000;

/**
 * Copies what the globs mean and git does not have; what is there already stays. Returns how many files.
 * An ignored folder is looked into where a glob names it, or something in it from the root on. Throws
 * `RalphError`.
 */
export async function copyNamed(globs: readonly string[], trees: Trees): Promise<number> {
  if (globs.length === 0) return 0;
  const { home, root, clock, signal } = trees;
  const isWanted = globMatcher(globs);
  const { files, ignored } = await listWorkTree(home, { clock, signal });
  const found = [...files, ...ignored].flatMap((name) => {
    if (!name.endsWith("/")) return [name];
    const folder = name.slice(0, -1);
    const isNamed = isWanted(folder) === true || globs.some((glob) => beginsIn(glob, name));
    return isNamed ? filesIn(home, folder) : [];
  }).filter((name) => isWanted(name) === true && !fileExists(path.join(root, name)));
  if (found.length > COPIES_MAX) {
    throw new RalphError(
      "usage",
      `cannot copy what \`copy\` names: ${
        plural(found.length, "file")
      }, and at most ${COPIES_MAX} are copied`,
      [{ text: "have a command of `setup` make them" }],
    );
  }
  for (const name of found) copyOver(name, trees);
  return found.length;
}

const beginsIn = (glob: string, folder: string) =>
  glob.replace(/^\//, "").replace(/[^/]*[*?[{(].*$/s, "").startsWith(folder);

function filesIn(root: string, folder: string): string[] {
  return [...Deno.readDirSync(path.join(root, folder))].flatMap(({ name, isDirectory }) => {
    const one = path.join(folder, name);
    return isDirectory ? filesIn(root, one) : [one];
  });
}

/**
 * Brings the task's files, and `ralph.json`, that are in no commit at home. Returns those that are to be
 * committed; what git ignores is only copied. Done twice, it changes nothing. Throws `RalphError`.
 */
export async function bringTask(
  task: Task,
  { isWhole, ...trees }: Trees & {
    /** The worktree has nothing of the task: all of it is brought. */
    isWhole: boolean;
  },
): Promise<readonly string[]> {
  const { home, clock, signal } = trees;
  const within = [...ownPlaces(task), "ralph.json"];
  const list = async (...args: string[]) => {
    const listed = ["--literal-pathspecs", "ls-files", "-z", ...args, "--", ...within];
    const text = await requireGit(home, listed, { clock, signal });
    return text.split("\0").filter((name) => name !== "" && fileExists(path.join(home, name)));
  };
  const ignored = await list("--others", "--ignored", "--exclude-standard");
  const changed = isWhole
    ? await list("--cached", "--others", "--exclude-standard")
    : (await uncommittedIn(home, { within, clock, signal }))
      .filter((name) => fileExists(path.join(home, name)));
  for (const name of ignored) {
    if (!fileExists(path.join(trees.root, name))) copyOver(name, trees);
  }
  for (const name of changed) copyOver(name, trees);
  return changed;
}

/** Atomically: who dies on the way leaves no half file that would be taken for the whole one. */
function copyOver(name: string, { home, root }: Pick<Trees, "home" | "root">): void {
  const [from, to] = [path.join(home, name), path.join(root, name)];
  try {
    const folder = path.dirname(to);
    Deno.mkdirSync(folder, { recursive: true });
    if (leadsOutside(folder, [root]) !== undefined) {
      throw new Error("that leads out of the worktree");
    }
    const { isSymlink, isFile, mode } = Deno.lstatSync(from);
    if (isSymlink) {
      if (fileExists(to)) Deno.removeSync(to);
      Deno.symlinkSync(
        linkInCopy(Deno.readLinkSync(from), { file: name, root: home, target: root }),
        to,
      );
    } else if (isFile) {
      const permissions = (mode ?? 0o644) & 0o777;
      replaceFile(to, (part) => Deno.copyFileSync(from, part), { mode: permissions });
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new RalphError(
      "failed",
      `cannot copy ${plain(from, 200)} to ${plain(to, 200)}: ${plain(why, 200)}`,
      [],
      {
        cause: error,
      },
    );
  }
}
