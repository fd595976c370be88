/** `ralph` alone: this project, and the commands that make sense now. */
import { ownCommand } from "../../app/own_name.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import type { Session, Worktree } from "../../store/model.ts";
import { findProjectRoot } from "../../task/find.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { table } from "../../terminal/table.ts";
import { columnsOf } from "../output/streams.ts";
import type { CommandContext } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";
import { rootsOf, worktreeIn } from "../../control/worktree/find.ts";
import { nextStep, waitsToLand } from "../../control/next_command.ts";
import { readSessions } from "../../control/liveness.ts";
import { plural } from "../../terminal/format.ts";
import { callNames, showTasks, taskSummaries, type TaskSummary } from "./tasks.ts";

interface Recorded {
  running: readonly Session[];
  /** Of each task, the newest first. */
  latest: readonly Session[];
  trees: readonly Worktree[];
}

type Suggestion = readonly [command: string, what: string];

const ALL: Suggestion = ["ralph --help", "all commands"];
const DOCTOR: Suggestion = ["ralph doctor", "what is missing, and the commands that fix it"];

export function overview(context: CommandContext): number {
  const { out } = context.output;
  const root = findProjectRoot(context.cwd(), systemTree);
  const { running, latest, trees } = readSessions<Recorded>(context, {
    read: (store) => ({
      running: store.running(),
      latest: store.lastSessions(),
      trees: store.worktrees(),
    }),
    whenEmpty: { running: [], latest: [], trees: [] },
  });
  const roots = rootsOf(root, trees);
  if (root === undefined) {
    out.line("This folder is in no git repository. ralph works on a project that is one.");
    const elsewhere: Suggestion = ["ralph watch", `what is running: ${namesOf(running)}`];
    const begin: Suggestion = ["git init", "make this folder a repository"];
    suggest(context, [...running.length > 0 ? [elsewhere] : [], begin, DOCTOR, ALL]);
    return EXIT.done;
  }
  const summaries = taskSummaries(context, root);
  if (summaries.length > 0) showTasks(context, { root, summaries });
  else out.line("This project has no tasks yet.");
  const here = running.filter(({ projectRoot }) => roots.includes(projectRoot));
  const elsewhere = running.length - here.length;
  if (elsewhere > 0) {
    out.line(
      `\nIn other projects: ${plural(elsewhere, "session")} (${
        ownCommand(context)("ralph status")
      })`,
    );
  }
  const ended = latest.filter(({ projectRoot, status }) =>
    roots.includes(projectRoot) && (status === "stopped" || status === "failed")
  );
  const landing = latest.filter((session) =>
    roots.includes(session.projectRoot) && waitsToLand(session, worktreeIn(trees, session))
  );
  suggest(context, suggestions(summaries, { root, running: here, ended, landing }));
  return EXIT.done;
}

const namesOf = (sessions: readonly Session[]) =>
  plain(sessions.map(({ taskName }) => taskName).join(", "), 80);

/** What makes sense now, the most likely first. */
function suggestions(
  summaries: readonly TaskSummary[],
  { root, running: [session], ended, landing }: {
    root: string;
    running: readonly Session[];
    ended: readonly Session[];
    /** Those whose work waits in a worktree. */
    landing: readonly Session[];
  },
): readonly Suggestion[] {
  if (session) {
    const name = shellWord(session.taskName);
    return [
      ["ralph watch", "all of it, live"],
      [`ralph logs ${name} --follow`, "what the agent says and does"],
      [`ralph status ${name}`, "how far it is, and what it cost"],
      [`ralph stop ${name}`, "stop it now"],
      ALL,
    ];
  }
  const home = landing.map(({ taskName }): Suggestion => [
    `ralph land ${shellWord(taskName)}`,
    "bring it home from its worktree, when the gates pass",
  ]);
  const needed = [...ended.flatMap((one) => neededFor(one)), ...home].slice(0, NEEDED_MAX);
  const index = summaries.findIndex(({ next }) => next !== null);
  if (index < 0) {
    const done: Suggestion = ["ralph history", "how the sessions went"];
    return [
      ...needed,
      ...summaries.length > 0 ? [done] : [],
      ["ralph new my-feature", "a task to fill in"],
      DOCTOR,
      ALL,
    ];
  }
  const name = shellWord(callNames(summaries, root)[index]);
  return [
    ...needed,
    [`ralph run ${name}`, `work on it, from ${plain(summaries[index].next ?? "", 40)} on`],
    [`ralph run ${name} --print-prompt`, "see what the agent would be told"],
    DOCTOR,
    ALL,
  ];
}

/** Tasks that wait for a person. */
const NEEDED_MAX = 3;

/** What a person has to do first for a task that has not ended well; nothing where it can just go on. */
function neededFor(session: Session): readonly Suggestion[] {
  const { taskName, detail } = session;
  const step = nextStep(session, taskName);
  if (step === `ralph run ${shellWord(taskName)}`) return [];
  return [[step, plain(detail ?? session.status, 100)]];
}

function suggest(context: CommandContext, suggested: readonly Suggestion[]): void {
  const { out } = context.output;
  const own = ownCommand(context);
  const rows = suggested.map(([command, what]) => [`  ${own(command)}`, what]);
  for (const line of ["", ...table(rows, columnsOf(out))]) out.line(line);
}
