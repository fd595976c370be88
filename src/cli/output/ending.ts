/** The end of a session for people: what was done, what it took, and what one would do next. */
import { programOf } from "../../app/names.ts";
import { nextStep, waitsToLand } from "../../control/next_command.ts";
import { worktreeIn } from "../../control/worktree/find.ts";
import { branchFor } from "../../control/worktree/names.ts";
import { prdOf, storyCount } from "../../control/session_prd.ts";
import { readSessions } from "../../control/liveness.ts";
import { type WorkDone, workDone } from "../../host/git/work_done.ts";
import {
  type Findings,
  type Iteration,
  type Note,
  type Session,
  spentOf,
  tokensOf,
} from "../../store/model.ts";
import { costWords, tokenWords } from "../../terminal/cost.ts";
import { duration, plural, usd } from "../../terminal/format.ts";
import { flakyWords } from "../../terminal/flaky_words.ts";
import { isOfPerson } from "../../verify/persons_files.ts";
import { isOfSetup } from "../../verify/setup_changes.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { wrap } from "../../terminal/table.ts";
import type { CommandContext } from "../command_context.ts";
import { columnsOf } from "./streams.ts";
import { gitWords } from "./session_detail.ts";

interface Ending {
  /** The folder that the person is in. */
  cwd: string;
  /** What it took, what was left, and which command of ralph's comes next was told before. */
  isTold: boolean;
}

const KEY_COLUMNS = 10;

/**
 * Tells it of a session that has ended; false where there is nothing to tell. What git does not say is
 * left out.
 */
export async function tellEnding(
  context: CommandContext,
  session: Session,
  { cwd, isTold }: Ending,
): Promise<boolean> {
  const { out } = context.output;
  const facts = readSessions(context, {
    read: (store) => ({
      iterations: store.iterations(session.id),
      findings: store.findings(session.id),
      used: store.usage(session.id),
      workedMs: store.workedMs(session.id),
      maxCostUsd: store.maxCostUsd(session.id),
      baseBranch: store.baseBranch(session.id),
      tree: worktreeIn(store.worktrees(), session),
    }),
    whenEmpty: undefined,
  });
  if (!facts || facts.iterations.length === 0) return false;
  const { iterations, findings, used, workedMs, maxCostUsd, baseBranch, tree } = facts;
  const done = await workDone(session.projectRoot, {
    since: iterations[0].headBefore ?? undefined,
    wished: tree?.base ?? baseBranch,
    clock: context.clock,
  });
  const spent = spentOf(used);
  const took = [
    costWords(spent) +
    (maxCostUsd === undefined ? "" : ` (limit ${usd(maxCostUsd)})`),
    tokenWords(tokensOf(spent), spent),
    plural(iterations.length, "iteration"),
    workedMs === undefined ? "time unknown" : `${duration(workedMs)} in all`,
  ];
  const textsOf = (of: (note: Note) => boolean) => textsIn(findings, of);
  const hasGh = programOf(context, "gh") !== undefined;
  const inside = `${cwd}/`.startsWith(`${session.projectRoot}/`);
  const isNextTold = session.status === "completed" ? !waitsToLand(session, tree) : isTold;
  const commands = [
    ...isNextTold ? [] : [nextStep(session, session.taskName, tree)],
    ...nextOf(done, {
      since: iterations[0].headBefore,
      root: session.projectRoot,
      inside,
      hasGh,
      newBranch: branchFor(session.taskName),
      isPushable: textsOf(isNotForOthers).length === 0,
    }),
  ];
  const rows: [string, readonly string[]][] = [
    [isClaim(session) ? "claimed" : "done", [storyWords(session, iterations, findings)]],
    ["branch", branchWords(done)],
    ["took", isTold ? [] : [took.join(", ")]],
    ["warning", textsOf(isOfPerson)],
    ["git", textsOf(isOfSetup)],
    ["push", done.unpushed.map(unpushedWords)],
    ["ended", textsOf(({ kind }) => kind === "job_ended")],
    ["gates", flakyGates(findings)],
    ["claims", reopenedWords(session, findings)],
    ["left", isTold ? [] : leftWords(session, findings)],
  ];
  const columns = columnsOf(out) - KEY_COLUMNS;
  for (const [key, values] of rows) {
    const lines = values.flatMap((value) => wrap(plain(value), columns));
    lines.forEach((line, i) => out.line((i === 0 ? key : "").padEnd(KEY_COLUMNS) + line));
  }
  // As they are, so that they can be pasted.
  commands.forEach((line, i) => out.line((i === 0 ? "next" : "").padEnd(KEY_COLUMNS) + line));
  return true;
}

const textsIn = ({ notes }: Findings, of: (note: Note) => boolean): readonly string[] => [
  ...new Set(notes.filter(of).map(({ text }) => text)),
];

const isNotForOthers = ({ kind }: Note) =>
  kind === "persons_file_committed" || kind === "git_remote";

/** All stories pass by the PRD, and something says otherwise. */
const isClaim = ({ reason }: Session) =>
  reason === "unproven" || reason === "gates_fail" || reason === "not_delivered";

/** The stories that this session brought to pass, and how far the PRD is. */
function storyWords(
  session: Session,
  iterations: readonly Iteration[],
  { claims }: Findings,
): string {
  const fallen = new Set(
    claims.filter(({ held }) => held === false).map((one) => `${one.iteration} ${one.storyId}`),
  );
  const passed = iterations.flatMap(({ number, storiesPassed }) =>
    storiesPassed.filter((id) => !fallen.has(`${number} ${id}`))
  );
  const ids = [...new Set(passed)];
  const stories = storyCount(prdOf(session));
  const of = stories
    ? ` (${stories.passing} of ${stories.total} ${isClaim(session) ? "ticked" : "pass"})`
    : "";
  return (ids.length === 0 ? "no story" : ids.join(", ")) + of;
}

function leftWords(session: Session, findings: Findings): readonly string[] {
  const notes = findings.notes.filter((note) => !isOfSetup(note));
  return [gitWords(session, { ...findings, notes })].filter((one) => one !== null);
}

/** Gates that failed and passed on the same content: each once, with how often. */
function flakyGates({ gates }: Findings): readonly string[] {
  return [...Map.groupBy(gates.filter(({ flaky }) => flaky), ({ gate }) => gate)].map((
    [gate, all],
  ) =>
    `${gate} is ${flakyWords(all.at(-1)?.why ?? "")}` +
    (all.length > 1 ? ` (${plural(all.length, "time")})` : "")
  );
}

/** Claims that were taken back in a PRD that is not committed, so that the commits still have them. */
function reopenedWords(session: Session, findings: Findings): readonly string[] {
  const isLeft = findings.notes.some(({ kind, iteration }) =>
    iteration === session.iterations && kind === "prd_not_committed"
  );
  if (!isLeft) return [];
  const open = new Set(
    prdOf(session)?.stories.filter(({ passes }) => !passes).map(({ id }) => id),
  );
  const fallen = findings.claims.filter(({ held, storyId }) => held === false && open.has(storyId));
  const ids = [...new Set(fallen.map(({ storyId }) => storyId))];
  if (ids.length === 0) return [];
  return [
    `${
      ids.join(", ")
    } taken back in the PRD, which is not committed: what the agent has committed ` +
    "may still claim it",
  ];
}

const unpushedWords = (submodule: string) =>
  `no remote of the submodule \`${submodule}\` is known to have its commit: without that nobody ` +
  "else can check it out";

function branchWords({ branch, detachedAt, commits, changed }: WorkDone): readonly string[] {
  if (commits === undefined) return branch === undefined ? [] : [branch];
  const what = [plural(commits, "commit"), ...changed ? [changed] : []].join(", ");
  if (branch !== undefined || !commits) return [`${branch ?? "none is checked out"}: ${what}`];
  return [
    `none is checked out (HEAD is detached): ${what}, on no branch: ${detachedAt?.slice(0, 12)}`,
  ];
}

/** Commands to look at the work and to hand it on; none where there is nothing committed. */
export function nextOf(
  { branch, detachedAt, base, commits, remote, unpushed }: WorkDone,
  { since, root, inside, hasGh, newBranch, isPushable = true }: {
    since: string | null;
    root: string;
    inside: boolean;
    hasGh: boolean;
    /** The name for one, where none is checked out. */
    newBranch: string;
    /** Nothing is in the commits that a person may not have meant for others. */
    isPushable?: boolean;
  },
): readonly string[] {
  if (!commits) return [];
  const go = inside ? [] : [`cd ${shellWord(root)}`];
  if (branch === undefined) {
    if (detachedAt === undefined) return [];
    // With the commit, so that it is found after a switch, too.
    return [...go, `git switch -c ${shellWord(newBranch)} ${detachedAt.slice(0, 12)}`];
  }
  const onto = remote && isPushable
    ? (unpushed.length > 0 ? "--recurse-submodules=on-demand " : "") + shellWord(remote.name)
    : undefined;
  if (base === undefined || base === branch) {
    const look = `git diff ${shellWord(since?.slice(0, 12) ?? "")} HEAD`;
    return [...go, look, ...onto === undefined ? [] : [`git push ${onto} ${shellWord(branch)}`]];
  }
  const target = remote && base.startsWith(`${remote.name}/`)
    ? base.slice(remote.name.length + 1)
    : base;
  const request = `gh pr create --base ${shellWord(target)} --head ${shellWord(branch)} --fill`;
  return [
    ...go,
    `git diff ${shellWord(`${base}...${branch}`)}`,
    ...onto === undefined ? [] : [`git push -u ${onto} ${shellWord(branch)}`],
    ...remote?.isGitHub && hasGh && isPushable ? [request] : [],
  ];
}
