/** A session that is to go on where another branch is checked out than its own. */
import { RalphError } from "../../error.ts";
import type { TreeState } from "../../host/git/tree_state.ts";
import type { OpenCode } from "../../opencode/client.ts";
import type { ToolRun } from "../../opencode/model.ts";
import type { Iteration, Session } from "../../store/model.ts";
import type { Store } from "../../store/store.ts";
import type { Task } from "../../task/task_files.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { readUsage } from "../turn/usage.ts";
import { findTurn, unanswered } from "./find_turn.ts";

interface BranchTools {
  store: Pick<Store, "iterations">;
  client: OpenCode;
  treeState: () => Promise<TreeState | undefined>;
  /** When somebody switched away from a branch, in epoch milliseconds cut to seconds, as far as git knows. */
  leftBranchAt: (branch: string) => Promise<number | undefined>;
}

/**
 * Who goes to another branch and commits there while no turn is at work has other work in hand: it is not
 * taken for the session's, and its branch is not moved to that. Where nothing was committed since, a turn
 * may have gone there. Throws `RalphError` (`conflict`).
 */
export async function refuseOtherBranch(
  tools: BranchTools,
  task: Task,
  { previous, startTree }: { previous: Session; startTree: TreeState },
): Promise<void> {
  const { branch } = startTree;
  const now = branch === undefined ? undefined : await tools.treeState();
  if (branch === undefined || now?.head === undefined || now.branch === branch) return;
  const last = tools.store.iterations(previous.id).at(-1);
  const isCutOff = last?.outcome === null;
  const lastHead = !last ? startTree.head : isCutOff ? last.headBefore : last.headAfter;
  if (lastHead === null || now.head === lastHead) return;
  if (isCutOff && !await isLeftByPerson(tools, { branch, turn: last })) return;
  const here = now.branch === undefined ? "no branch is" : `\`${plain(now.branch, 80)}\` is`;
  const name = shellWord(task.name);
  throw new RalphError(
    "conflict",
    `cannot go on with session ${previous.id} of \`${plain(task.name, 80)}\`: its work is on the ` +
      `branch \`${plain(branch, 80)}\`, and ${here} checked out, with commits that are not its`,
    [
      {
        text: "go back to its branch",
        command: `git -C ${shellWord(task.projectRoot)} switch ${shellWord(branch)}`,
      },
      {
        text: "or end that session for good, and begin a new one here",
        command: `ralph stop ${name} --force && ralph run ${name}`,
      },
    ],
  );
}

/** Whether the branch was left while nothing of a turn ran that can have done it. */
async function isLeftByPerson(
  { client, leftBranchAt }: BranchTools,
  { branch, turn }: { branch: string; turn: Iteration },
): Promise<boolean> {
  const [at, found] = await Promise.all([
    leftBranchAt(branch),
    findTurn(client, turn).catch(unanswered),
  ]);
  if (at === undefined || found.kind !== "there") return false;
  const { toolRuns } = await readUsage(client, { sessionId: found.sessionId });
  return toolRuns !== undefined && !toolRuns.some((run) => mayHaveSwitched(run, at));
}

/** Tool calls are timed by the server, before and after what they do; git writes whole seconds down. */
const MARGIN_MS = 1_000;

/** By a command that names git, or a program that calls it for one. Any other may be a script that does. */
const SWITCHES = /\b(?:git|gh|hub|glab|jj|gt|make|npm|npx|just|sh|bash|python3?|node)\b|\.\//;

function mayHaveSwitched({ tool, input, start, end = Infinity }: ToolRun, at: number): boolean {
  const didRun = start - MARGIN_MS <= at + MARGIN_MS && at <= end + MARGIN_MS;
  return didRun && tool === "bash" && SWITCHES.test(String(input.command ?? ""));
}
