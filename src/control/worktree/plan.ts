/** Where a task's worktree will be, on which branch, and what stands in the way. */
import * as path from "node:path";
import type { Context } from "../../app/context.ts";
import { pathsOf } from "../../app/store.ts";
import { type Hint, RalphError } from "../../error.ts";
import { taskKey } from "../../host/files/paths.ts";
import { fileExists, readFileIfAny } from "../../host/files/read_file.ts";
import { whyNotWritten } from "../../host/files/why_not_written.ts";
import { readRepository } from "../../host/git/repository.ts";
import { branchesOfRemotes } from "../../host/git/remote_branch.ts";
import { runGit } from "../../host/git/run_git.ts";
import { commitOf, isThere, listWorktrees } from "../../host/git/worktrees.ts";
import type { Settings } from "../../settings/settings.ts";
import type { NewWorktree, Worktree } from "../../store/model.ts";
import { readPrd } from "../../task/prd_file.ts";
import type { Task } from "../../task/task_files.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { alone } from "./alone.ts";
import { notIn, worktreesOf } from "./depended_on.ts";
import { NotInTree } from "../protocol.ts";
import { homeTask, recordedWorktrees } from "./find.ts";
import { branchFor, folderBeside, movedTo } from "./names.ts";

/** As for any question of a session that begins. */
const STATE_MS = 30_000;

/** Writes nothing but the empty folder that the project's worktrees are in. Throws `RalphError`. */
export async function planWorktree(
  context: Context,
  task: Task,
  { settings, dependsOn, signal }: {
    settings: Pick<Settings, "baseBranch" | "worktreeIn">;
    /** Where the tasks are at home that have to be in it. */
    dependsOn: readonly string[];
    signal: AbortSignal;
  },
): Promise<NewWorktree> {
  const options = { clock: context.clock, signal };
  const trees = recordedWorktrees(context);
  const home = homeTask(task, trees);
  const { projectRoot: homeRoot } = home;
  if (path.relative(homeRoot, home.dir).startsWith("..")) {
    throw refused(task, `its folder ${plain(home.dir, 200)} is not in the project`, []);
  }
  const base = await baseOf(task, { homeRoot, wanted: settings.baseBranch, options });
  const wanted = task.prdPath && readPrd(readFileIfAny, task.prdPath).branchName;
  const branch = wanted ?? branchFor(task.name);
  await requireFreeBranch(context, task, { homeRoot, branch, base, options });
  const root = path.join(folderOf(context, homeRoot, settings.worktreeIn), task.name);
  if (fileExists(root)) {
    throw refused(task, `there is something else at ${plain(root, 200)}`, [
      { text: "see what it is", command: `ls -ld ${shellWord(root)}` },
      {
        text: "one that git knows, and that nobody needs, it removes",
        command: `git -C ${shellWord(homeRoot)} worktree remove ${shellWord(root)}`,
      },
    ]);
  }
  const begunAt = await beginningOf(task, { homeRoot, base, trees, dependsOn, options });
  const isMade = await commitOf(homeRoot, `refs/heads/${branch}`, options) === undefined &&
    // What somebody has pushed is only checked out.
    (await branchesOfRemotes(homeRoot, branch, options)).length !== 1;
  return {
    taskDir: movedTo(root, home),
    taskName: task.name,
    root,
    homeDir: home.dir,
    homeRoot,
    branch,
    branchMade: isMade,
    base,
    begunAt: begunAt ?? null,
  };
}

/**
 * The branch of what the task depends on, where that is not in the base yet: the one that has all the
 * others. Throws `NotInTree` when none has: nobody has put those together.
 */
async function beginningOf(
  task: Task,
  { homeRoot, base, trees, dependsOn, options }: {
    homeRoot: string;
    base: string;
    trees: readonly Worktree[];
    dependsOn: readonly string[];
    options: Options;
  },
): Promise<string | undefined> {
  const apart = await notIn(
    base,
    { root: homeRoot, trees: worktreesOf(dependsOn, trees) },
    options,
  );
  for (const tree of apart) {
    const others = await notIn(tree.branch, { root: homeRoot, trees: apart }, options);
    if (others.length === 0) return tree.branch;
  }
  if (apart.length === 0) return undefined;
  const names = apart.map(({ taskName }) => `\`${plain(taskName, 80)}\``).join(" and ");
  const into = `\`${plain(base, 80)}\``;
  const { message, hints } = refused(
    task,
    `it depends on ${names}, and no branch has them all: land them first`,
    [
      ...apart.map(({ taskName }) => ({
        text: `bring it into ${into}`,
        command: `ralph land ${shellWord(taskName)}`,
      })),
      { text: "then run it", command: `ralph run ${shellWord(task.name)} --worktree` },
    ],
  );
  throw new NotInTree(message, hints);
}

type Options = { clock: Context["clock"]; signal: AbortSignal };

async function baseOf(
  task: Task,
  { homeRoot, wanted, options: { clock, signal } }: {
    homeRoot: string;
    wanted: string | undefined;
    options: Options;
  },
): Promise<string> {
  const state = await readRepository(homeRoot, clock, { timeoutMs: STATE_MS, signal });
  if (!state) {
    throw refused(task, "git does not answer", [
      { text: "see what it says", command: `git -C ${shellWord(homeRoot)} status` },
    ]);
  }
  if (!state.hasCommits) {
    throw refused(task, "the repository has no commit yet", [{
      text: "make the first one",
      command: `git -C ${shellWord(homeRoot)} add --all && git -C ${
        shellWord(homeRoot)
      } commit -m start`,
    }]);
  }
  const base = wanted ?? state.branch;
  if (base === undefined) {
    throw refused(task, "no branch is checked out (HEAD is detached)", [{
      text: "say which one it begins at, and goes home to",
      command: `ralph run ${shellWord(task.name)} --worktree --base-branch main`,
    }]);
  }
  if (await commitOf(homeRoot, base, { clock, signal }) !== undefined) return base;
  throw refused(task, `there is no branch or commit \`${plain(base, 80)}\` to begin at`, [
    { text: "see which there are", command: `git -C ${shellWord(homeRoot)} branch --all` },
  ]);
}

async function requireFreeBranch(
  context: Context,
  task: Task,
  { homeRoot, branch, base, options }: {
    homeRoot: string;
    branch: string;
    base: string;
    options: Options;
  },
): Promise<void> {
  const shown = `\`${plain(branch, 80)}\``;
  const isName = await runGit(homeRoot, ["check-ref-format", `refs/heads/${branch}`], options);
  if (branch.startsWith("-") || isName.kind !== "printed") {
    throw refused(task, `${shown} cannot be the name of a branch (\`branchName\` of the PRD)`, [
      { text: "write one such as `ralph/my-feature`" },
    ]);
  }
  const { signal } = options;
  const trees = await alone(
    context,
    { root: homeRoot, signal },
    () => listWorktrees(homeRoot, options),
  );
  const [holder] = [...trees].find(([, one]) => one === branch) ?? [];
  if (holder !== undefined) {
    throw refused(task, `its branch ${shown} is checked out in ${plain(holder, 200)}`, [
      isThere(holder)
        ? {
          text: "go to another branch there",
          command: `git -C ${shellWord(holder)} switch ${
            shellWord(base === branch ? "main" : base)
          }`,
        }
        : {
          text: "that folder is gone; have git forget it",
          command: `git -C ${shellWord(homeRoot)} worktree prune`,
        },
    ]);
  }
  if (branch === base) {
    throw refused(task, `its branch ${shown} is the one that it would begin at`, [{
      text: "name the one that it goes home to",
      command: `ralph run ${shellWord(task.name)} --worktree --base-branch main`,
    }]);
  }
}

/** Made, so that its real path is known. */
function folderOf(
  context: Context,
  homeRoot: string,
  where: Settings["worktreeIn"],
): string {
  const key = taskKey({ name: path.basename(homeRoot), dir: homeRoot });
  const folder = where === "beside"
    ? folderBeside(homeRoot)
    : path.join(path.dirname(pathsOf(context).database), "worktrees", key);
  try {
    Deno.mkdirSync(folder, { recursive: true });
    return Deno.realPathSync(folder);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new RalphError(
      "failed",
      `cannot make the folder ${plain(folder, 200)} for worktrees: ${plain(why, 200)}`,
      [
        whyNotWritten(folder, error),
        ...where === "beside"
          ? [{ text: 'or have them among ralph\'s data: `"worktreeIn": "data"` in your settings' }]
          : [],
      ],
      { cause: error },
    );
  }
}

function refused(task: Task, why: string, hints: readonly Hint[]): RalphError {
  return new RalphError(
    "conflict",
    `cannot make a worktree for \`${plain(task.name, 80)}\`: ${why}`,
    hints,
  );
}
