/** `ralph status`: how the tasks are, one line each; one in detail; or all sessions. */
import { Command } from "@commander-js/extra-typings";
import { RalphError } from "../../error.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { findProjectRoot, findTask, listTasks } from "../../task/find.ts";
import { callName } from "../../task/task_files.ts";
import { type Session, type SessionUsage, spentOf, type Worktree } from "../../store/model.ts";
import type { ReadOnlyStore } from "../../store/store.ts";
import { remarksOnOtherPrds } from "../../task/other_prds.ts";
import { type Prd, remarksOf } from "../../task/prd.ts";
import { ago, duration, localMoment, localTime } from "../../terminal/format.ts";
import { plain } from "../../terminal/plain.ts";
import { fit, wrap } from "../../terminal/table.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { shortCost } from "../../terminal/cost.ts";
import { EXIT } from "../exit_codes.ts";
import { logReader } from "../output/log_entry.ts";
import { lastLines } from "../output/log_tail.ts";
import type { Stream } from "../output/streams.ts";
import { nextCommand, nextStep } from "../../control/next_command.ts";
import { columnsOf } from "../output/streams.ts";
import { isAlive, readSessions } from "../../control/liveness.ts";
import { logOf } from "../../control/session_log.ts";
import { suspensions, type ToldAsItIs } from "../../control/suspended.ts";
import { prdBeforeTurn, prdOf, storyCount } from "../../control/session_prd.ts";
import { type Starting, startingWorkers } from "../../control/starting.ts";
import { isOpen } from "../../queue/decide.ts";
import { worktreeIn } from "../../control/worktree/find.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { queuedRowForPipe, queuedRows, tellQueued, tellQueues } from "../queue/status_queue.ts";
import { callNames } from "../select/call_names.ts";
import { chooseQueued } from "../select/queued.ts";
import { chooseAmong, nothingRecorded } from "../select/sessions.ts";
import { workedUntil } from "../select/worked.ts";
import { chooseStarting } from "../select/starting.ts";
import { tellHints } from "../output/errors.ts";
import { detailRows, rowLines } from "../output/session_detail.ts";
import {
  sessionTable,
  stateColor,
  storyWords,
  type TaskRow,
  taskTable,
} from "../output/status_tables.ts";
import { whyNotRecorded } from "../../app/store.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { taskArgument } from "../arguments.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("status")
    .addArgument(taskArgument("[task]"))
    .option("--sessions", "one line for each session, in place of each task's latest")
    .option("--all", "show older ones too")
    .option("--watch", "the same as `ralph watch`")
    .option("--json", "print everything as JSON")
    .addHelpText(
      "after",
      `
Examples:
  ralph status                      one line for each task
  ralph status my-feature           its latest session in detail
  ralph status --sessions           one line for each session
  ralph status --json | jq '.[0]'`,
    )
    .action(async (task, options) => {
      const { sessions = false, all = false, json = false } = options;
      if (!options.watch) return done(await status(context, { task, sessions, all, json }));
      const { watchTask } = await import("./watch.ts");
      done(await watchTask(context, task));
    });
}

/** As many as fit a screen; programs get more. `--all` shows all. */
const SHOWN_MAX = 20;
const SHOWN_MAX_PIPE = 100;
const ALL = 1_000_000;
const LOG_LINES = 10;

interface Wanted {
  task?: string;
  sessions: boolean;
  all: boolean;
  json: boolean;
}

async function status(
  context: CommandContext,
  { task, sessions, all, json }: Wanted,
): Promise<number> {
  const asItIs = await suspensions(context);
  if (task !== undefined && !sessions) return detail(context, { task, json, asItIs });
  const { out, err } = context.output;
  for (const { task, doing, pid } of startingWorkers(context)) {
    err.line(`\`${plain(task, 80)}\` has not begun yet: ${plain(doing, 200)} (process ${pid})`);
  }
  const limit = all ? ALL : json || !out.isTerminal ? SHOWN_MAX_PIPE : SHOWN_MAX;
  return sessions
    ? sessionOverview(context, { task, limit, json, asItIs })
    : taskOverview(context, { limit, json, asItIs });
}

/** A worker that cannot record what it does cannot tell of that either. */
function warnIfNotRecorded(context: CommandContext, sessions: readonly Session[]): void {
  const refusal = sessions.some(isRunning) ? whyNotRecorded(context) : undefined;
  if (!refusal) return;
  context.output.err.line(
    `warning: workers wait, and what is shown may be old: ${refusal.message}`,
  );
  tellHints(context, refusal);
}

interface Overview {
  rows: readonly TaskRow[];
  more: boolean;
  /** Folders of the tasks that have sessions, or wait in a queue. */
  begun: ReadonlySet<string>;
}

/** Each task by its latest session, those that run first. */
function taskOverview(
  context: CommandContext,
  { limit, json, asItIs }: { limit: number; json: boolean; asItIs: ToldAsItIs },
): number {
  const { out, err } = context.output;
  const { rows, more, begun } = readSessions<Overview>(context, {
    read(store) {
      const all = store.lastSessions().map(asItIs).toSorted((a, b) =>
        Number(isRunning(b)) - Number(isRunning(a))
      );
      const shown = all.slice(0, Math.max(limit, all.findLastIndex(isRunning) + 1));
      const trees = store.worktrees();
      const called = callNames(context, { sessions: all, trees });
      return {
        rows: shown.map((session) =>
          factsOf(context, { store, session, trees, ...called(session) })
        ),
        more: shown.length < all.length,
        // a task in a worktree has its sessions there
        begun: new Set([
          ...all.map(({ taskDir }) => taskDir),
          ...trees.map(({ homeDir }) => homeDir),
          ...store.lastQueues().flatMap(({ tasks }) => tasks.filter(isOpen))
            .map(({ taskDir }) => taskDir),
        ]),
      };
    },
    whenEmpty: { rows: [], more: false, begun: new Set() },
  });
  warnIfNotRecorded(context, rows.map(({ session }) => session));
  const queued = json || !out.isTerminal ? queuedRows(context) : [];
  if (json) {
    out.line(commandJson([...rows.map(taskFields), ...queued], 2));
  } else if (out.isTerminal) {
    const screen = { columns: out.width(), colors: out.colors };
    if (rows.length === 0) sayNothingYet(context);
    else for (const line of taskTable(rows, screen)) out.line(line);
    tellQueues(context);
  } else {
    if (rows.length + queued.length === 0) sayNothingYet(context);
    for (const row of rows) out.line(taskFieldsForPipe(row).join("\t"));
    for (const row of queued) out.line(queuedRowForPipe(row));
  }
  if (more) err.line("there are more tasks: ralph status --all");
  if (!json && rows.length > 0) tellWithoutSession(context, begun);
  return EXIT.done;
}

const NAMED_MAX = 5;

/** The tasks of this project that no session was for. */
function tellWithoutSession(
  { cwd, output: { err } }: CommandContext,
  begun: ReadonlySet<string>,
): void {
  const root = findProjectRoot(cwd(), systemTree);
  const tasks = root === undefined ? [] : listTasks(root, systemTree);
  const isNew = ({ dir }: { dir: string }) => !begun.has(dir);
  const names = tasks.filter((task) => [task, ...task.copies ?? []].every(isNew)).map((task) =>
    callName(task, tasks)
  );
  if (names.length === 0) return;
  const shown = names.slice(0, NAMED_MAX).map((name) => plain(name, 60)).join(", ");
  const rest = names.length > NAMED_MAX ? ` and ${names.length - NAMED_MAX} more` : "";
  err.line(err.colors.dim(`without a session: ${shown}${rest} (ralph tasks)`));
}

/** What a line tells of a task by its latest session. */
function factsOf(
  context: CommandContext,
  { store, session, trees, label, argument }: {
    store: ReadOnlyStore;
    session: Session;
    trees: readonly Worktree[];
    label: string;
    argument: string;
  },
): TaskRow {
  const used = store.usage(session.id);
  const isInTurn = isRunning(session) && store.iterations(session.id).at(-1)?.outcome === null;
  const before = isInTurn ? prdBeforeTurn(context, session) : undefined;
  const stories = storyCount(prdOf(session), before);
  const worktree = worktreeIn(trees, session);
  const reopened = session.status === "completed" && stories && stories.passing < stories.total;
  return {
    session,
    label,
    stories,
    workedMs: workedUntil(context.clock.now(), { session, store }),
    used,
    maxCostUsd: store.maxCostUsd(session.id),
    worktree,
    next: reopened ? `ralph run ${shellWord(argument)}` : nextStep(session, argument, worktree),
  };
}

/** What `--json` tells of a task: its latest session, and how far it is. */
function taskFields({ session, stories, workedMs, used, maxCostUsd, worktree, next }: TaskRow) {
  const { root, branch, base } = worktree ?? {};
  return {
    ...statusFields(session),
    stories: stories ?? null,
    worktree: worktree ? { root, branch, base } : null,
    workedMs: workedMs ?? null,
    maxCostUsd: maxCostUsd ?? null,
    ...usageFields(used),
    next,
  };
}

/** Tab-separated, nothing cut: what `--sessions` has, then stories, time, cost and the next command. */
function taskFieldsForPipe(row: TaskRow): string[] {
  const { session, workedMs, used, maxCostUsd, next } = row;
  return [
    ...statusFieldsForPipe(session),
    storyWords(row),
    workedMs === undefined ? "-" : duration(workedMs),
    shortCost(spentOf(used), maxCostUsd),
    plain(next),
  ];
}

function sayNothingYet({ cwd, output: { err } }: CommandContext): void {
  const isProject = findProjectRoot(cwd(), systemTree) !== undefined;
  err.line(`No sessions yet. ${isProject ? "`ralph tasks`" : "`ralph`"} says what can be begun.`);
}

/** Each session, or each of a task, those that run first. */
function sessionOverview(
  context: CommandContext,
  { task, limit, json, asItIs }: {
    task?: string;
    limit: number;
    json: boolean;
    asItIs: ToldAsItIs;
  },
): number {
  const { out, err } = context.output;
  const found = readSessions(context, {
    read: (store) =>
      task === undefined
        ? store.sessions({ limit: limit + 1 })
        : store.sessionsOf(chooseAmong(context, store, task).taskDir, { limit: limit + 1 }),
    whenEmpty: undefined,
  });
  if (!found && task !== undefined) throw nothingRecorded(context, task);
  const sessions = (found ?? []).map(asItIs);
  const shown = sessions.slice(0, Math.max(limit, sessions.findLastIndex(isRunning) + 1));
  warnIfNotRecorded(context, shown);
  if (json) {
    out.line(commandJson(shown.map(statusFields), 2));
  } else if (shown.length === 0) {
    sayNothingYet(context);
  } else if (out.isTerminal) {
    const screen = { now: context.clock.now(), columns: out.width(), colors: out.colors };
    for (const line of sessionTable(shown, screen)) out.line(line);
  } else {
    for (const session of shown) out.line(statusFieldsForPipe(session).join("\t"));
  }
  if (shown.length < sessions.length) {
    err.line("there are older ones: ralph status --sessions --all");
  }
  return EXIT.done;
}

const isRunning = (session: Session) => session.status === "running";

/** What `--json` tells of a session. Fields are only ever added. */
export function statusFields(session: Session) {
  const running = isRunning(session);
  return {
    id: session.id,
    task: session.taskName,
    taskDir: session.taskDir,
    projectRoot: session.projectRoot,
    status: session.status,
    reason: session.reason,
    detail: session.detail,
    activity: session.activity,
    activitySince: session.activitySince,
    iteration: session.iterations,
    maxIterations: session.maxIterations,
    story: session.currentStory,
    port: running ? session.serverPort : null,
    lastServerPort: session.serverPort,
    serverUrl: session.serverUrl,
    openCodeSessionId: session.openCodeSessionId,
    model: session.model,
    agent: session.agent,
    workerPid: running ? session.workerPid : null,
    workerUnit: running ? session.workerUnit : null,
    workerVersion: session.workerVersion,
    log: session.logPath,
    said: session.said,
    accepted: session.accepted,
    onlyStory: session.onlyStory,
    startedAt: session.startedAt,
    updatedAt: session.updatedAt,
    endedAt: session.endedAt,
    earlier: session.earlier === null ? null : jsonOrText(session.earlier),
  };
}

/** What `--json` tells of what a session used. */
export function usageFields({ usage, unknown, open }: SessionUsage) {
  return {
    usage: unknown === 0 ? usage : null,
    usageComplete: unknown + open + usage.uncountedCalls === 0,
  };
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Tab-separated, nothing cut: task, status, reason, iteration, story, port, times, project. */
function statusFieldsForPipe(session: Session): string[] {
  const fields = statusFields(session);
  return [
    fields.task,
    fields.status,
    fields.activity ?? fields.reason ?? "-",
    `${fields.iteration}/${fields.maxIterations ?? "?"}`,
    fields.story ?? "-",
    fields.port === null ? "-" : String(fields.port),
    fields.startedAt,
    fields.endedAt ?? "-",
    fields.projectRoot,
  ].map((field) => plain(field));
}

function detail(
  context: CommandContext,
  { task, json, asItIs }: { task: string; json: boolean; asItIs: ToldAsItIs },
): number {
  const { out } = context.output;
  const starting = chooseStarting(context, task);
  if (starting) return tellStarting(context, starting, { json });
  const queued = chooseQueued(context, task);
  if (queued?.queued.state === "waiting") {
    tellQueued(context, queued, { json });
    return EXIT.done;
  }
  const found = readSessions(context, {
    read(store) {
      const session = asItIs(chooseAmong(context, store, task));
      const trees = store.worktrees();
      const called = callNames(context, { sessions: store.lastSessions(), trees })(session);
      const facts = factsOf(context, { store, session, trees, ...called });
      const words = [...store.wordsTold(session.id), ...store.waitingWords(session.taskDir)];
      return { facts, findings: store.findings(session.id), words };
    },
    whenEmpty: undefined,
  });
  if (!found) throw nothingRecorded(context, task);
  const { facts, findings, words } = found;
  const { session } = facts;
  const prd = prdOf(session);
  const remarks = prd ? [...remarksOf(prd), ...remarksOnOthers(session, prd)] : [];
  warnIfNotRecorded(context, [session]);
  if (json) {
    out.line(commandJson({ ...taskFields(facts), ...findings, words, remarks }, 2));
    return EXIT.done;
  }
  const { colors } = out;
  const alive = isAlive(context, session);
  const log = logOf(context, session);
  const columns = columnsOf(out);
  const mark = stateColor(session, colors)(isRunning(session) ? "●" : "○");
  out.line(`${mark} ${colors.bold(plain(facts.label))} - session ${session.id}`);
  const now = context.clock.now();
  const rows = detailRows({ ...facts, now, alive, findings, words, log, remarks });
  for (const line of rowLines(rows, columns)) out.line(line);
  const lines = log ? logLines(log.path) : [];
  if (lines.length > 0) out.line();
  for (const line of lines) out.line(fit(logLine(line, out), out.isTerminal ? columns : 400));
  out.line();
  for (const line of wrap(nextCommand(session, facts.worktree), columns)) out.line(line);
  return EXIT.done;
}

function remarksOnOthers({ taskDir, projectRoot }: Session, { stories }: Prd): readonly string[] {
  const task = findTask(taskDir, { cwd: taskDir, tree: systemTree, projectRoot });
  return remarksOnOtherPrds(task, stories, systemTree);
}

/** A worker that waits, and has recorded nothing yet. */
function tellStarting(
  context: CommandContext,
  { task, taskDir, projectRoot, pid, since, doing }: Starting,
  { json }: { json: boolean },
): number {
  const { out } = context.output;
  const startedAt = new Date(since).toISOString();
  if (json) {
    const fields = { task, taskDir, projectRoot, status: "starting", activity: doing };
    out.line(commandJson({ ...fields, workerPid: pid, startedAt }, 2));
    return EXIT.done;
  }
  out.line(
    `${out.colors.green("●")} ${out.colors.bold(plain(task))} - its session has not begun yet`,
  );
  const rows = [
    ["now", doing],
    ["since", `${localMoment(since)} (${ago(since, context.clock.now())})`],
    ["task", taskDir],
    ["worker", `process ${pid}`],
  ].map(([key, value]) => [key, plain(value)] as const);
  for (const line of rowLines(rows, columnsOf(out))) out.line(line);
  out.line();
  out.line(`ralph stop ${shellWord(task)}`);
  return EXIT.done;
}

/** With the time of day, as `ralph logs` has it. */
function logLine(line: string, { isTerminal }: Stream): string {
  const { at, isTimed, text } = logReader()(line);
  if (!isTerminal || !isTimed || at === undefined) return plain(line);
  return `${localTime(at)}  ${plain(text)}`;
}

/** The last lines of the log, or why there are none. */
function logLines(path: string): readonly string[] {
  try {
    return lastLines(path, LOG_LINES);
  } catch (error) {
    if (error instanceof RalphError) return [error.message];
    throw error;
  }
}
