/** `ralph status`: what is running, and how the rest ended; one session in detail. */
import { Command } from "@commander-js/extra-typings";
import * as path from "node:path";
import { RalphError } from "../../error.ts";
import { whyNotLogged } from "../../host/files/log_file.ts";
import { readFileIfAny } from "../../host/files/read_file.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import {
  type Findings,
  type Session,
  type Status,
  tokensOf,
  type Usage,
} from "../../store/model.ts";
import { findProjectRoot, findTask } from "../../task/find.ts";
import { remarksOf } from "../../task/prd.ts";
import { readPrd } from "../../task/prd_file.ts";
import { age, ago, count, plural } from "../../terminal/format.ts";
import { plain } from "../../terminal/plain.ts";
import { fit, LAST_MIN, table, width } from "../../terminal/table.ts";
import { VERSION } from "../../version.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { costWords } from "../../terminal/cost.ts";
import { EXIT } from "../exit_codes.ts";
import { lastLines } from "../output/log_tail.ts";
import { nextCommand } from "../../control/next_command.ts";
import type { Colors } from "../../terminal/colors.ts";
import { columnsOf, type Stream } from "../output/streams.ts";
import { isAlive, readSessions } from "../../control/liveness.ts";
import { logOf, type SessionLog } from "../../control/session_log.ts";
import { type Starting, startingWorkers } from "../../control/starting.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { chooseAmong } from "../select/sessions.ts";
import { chooseStarting } from "../select/starting.ts";
import { hintLines } from "../output/errors.ts";
import { whyNotRecorded } from "../../app/store.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { taskArgument } from "../arguments.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("status")
    .addArgument(taskArgument("[task]"))
    .option("--all", "show older sessions too")
    .option("--watch", "the same as `ralph watch`")
    .option("--json", "print everything as JSON")
    .addHelpText(
      "after",
      `
Examples:
  ralph status                      one line for each session
  ralph status my-feature           its latest session in detail
  ralph status --json | jq '.[0]'`,
    )
    .action(async (task, options) => {
      const { all = false, json = false } = options;
      if (!options.watch) return done(status(context, { task, all, json }));
      const { watchTask } = await import("./watch.ts");
      done(await watchTask(context, task));
    });
}

/** As many ended sessions as fit a screen; programs get more. `--all` shows all. */
const SHOWN_MAX = 20;
const SHOWN_MAX_PIPE = 100;
const ALL = 1_000_000;
const LOG_LINES = 10;
const NONE: Findings = { gates: [], claims: [], notes: [] };

function status(
  context: CommandContext,
  { task, all, json }: { task?: string; all: boolean; json: boolean },
): number {
  return task === undefined ? overview(context, { all, json }) : detail(context, { task, json });
}

/** A worker that cannot record what it does cannot tell of that either. */
function warnIfNotRecorded(context: CommandContext, sessions: readonly Session[]): void {
  const refusal = sessions.some(isRunning) ? whyNotRecorded(context) : undefined;
  if (!refusal) return;
  const { err } = context.output;
  err.line(`warning: workers wait, and what is shown may be old: ${refusal.message}`);
  for (const line of hintLines(refusal, err.colors)) err.line(line);
}

function overview(context: CommandContext, { all, json }: { all: boolean; json: boolean }): number {
  const { out, err } = context.output;
  const limit = all ? ALL : json || !out.isTerminal ? SHOWN_MAX_PIPE : SHOWN_MAX;
  const sessions = readSessions(context, {
    read: (store) => store.sessions({ limit: limit + 1 }),
    whenEmpty: [],
  });
  const shown = sessions.slice(0, Math.max(limit, sessions.findLastIndex(isRunning) + 1));
  warnIfNotRecorded(context, shown);
  for (const { task, doing, pid } of startingWorkers(context)) {
    err.line(`\`${plain(task, 80)}\` has not begun yet: ${plain(doing, 200)} (process ${pid})`);
  }
  if (json) {
    out.line(commandJson(shown.map(statusFields), 2));
  } else if (shown.length === 0) {
    const isProject = findProjectRoot(context.cwd(), systemTree) !== undefined;
    err.line(`No sessions yet. ${isProject ? "`ralph tasks`" : "`ralph`"} says what can be begun.`);
  } else if (out.isTerminal) {
    const now = context.clock.now();
    for (const line of statusTable(shown, { now, stream: out })) out.line(line);
  } else {
    for (const session of shown) out.line(statusFieldsForPipe(session).join("\t"));
  }
  if (shown.length < sessions.length) err.line("there are older ones: ralph status --all");
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
    startedAt: session.startedAt,
    updatedAt: session.updatedAt,
    endedAt: session.endedAt,
    earlier: session.earlier === null ? null : jsonOrText(session.earlier),
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

function statusTable(
  sessions: readonly Session[],
  { now, stream }: { now: number; stream: Stream },
): string[] {
  const { colors } = stream;
  // Tasks of one name in several projects would look the same.
  const severalProjects = new Set(sessions.map(({ projectRoot }) => projectRoot)).size > 1;
  const project = (text: string) => severalProjects ? [text] : [];
  const header = [...project("PROJECT"), "TASK", "STATUS", "ITERATION", "STORY", "PORT", "AGE"];
  const rows = sessions.map((session) => [
    ...project(plain(path.basename(session.projectRoot), 30)),
    plain(session.taskName, 40),
    paint(session.status, colors),
    `${session.iterations}/${session.maxIterations ?? "?"}`,
    plain(session.currentStory ?? "-", 20),
    isRunning(session) ? String(session.serverPort ?? "-") : "-",
    age(Date.parse(session.endedAt ?? session.startedAt), now),
  ]);
  const left = table([header.map((title) => colors.dim(title)), ...rows]);
  const room = stream.width() - Math.max(...left.map(width)) - 2;
  const isBelow = room < LAST_MIN;
  const what = sessions.map((session) =>
    fit(plain(session.activity ?? session.detail ?? ""), isBelow ? stream.width() - 6 : room)
  );
  return table(
    [
      [...header, "WHAT"].map((title) => colors.dim(title)),
      ...rows.map((row, i) => [...row, what[i]]),
    ],
    stream.width(),
  );
}

/** Of names and what they are. */
const keyTable = (out: Stream, rows: readonly (readonly string[])[]) =>
  table(rows.map(([key, value]) => [`  ${key}:`.padStart(15), value]), columnsOf(out));

function paint(status: Status, colors: Colors): string {
  const color: Colors["dim"] | undefined = {
    running: colors.green,
    checkpointed: colors.yellow,
    completed: colors.dim,
    stopped: colors.yellow,
    failed: colors.red,
  }[status];
  // One that another ralph wrote is shown as it is.
  return color === undefined ? plain(status) : color(status);
}

function detail(context: CommandContext, { task, json }: { task: string; json: boolean }): number {
  const { out } = context.output;
  const starting = chooseStarting(context, task);
  if (starting) return tellStarting(context, starting, { json });
  const { session, used, findings } = readSessions(context, {
    read(store) {
      const session = chooseAmong(context, store, task);
      const { id } = session;
      return { session, used: store.usage(id), findings: store.findings(id) };
    },
    whenEmpty: undefined,
  }) ?? { session: chooseAmong(context, undefined, task), used: undefined, findings: NONE };
  const usage = used?.complete ? used.usage : undefined;
  warnIfNotRecorded(context, [session]);
  if (json) {
    const remarks = prdRemarks(session);
    const fields = { ...statusFields(session), usage: usage ?? null, ...findings, remarks };
    out.line(commandJson(fields, 2));
    return EXIT.done;
  }
  const now = context.clock.now();
  const { colors } = out;
  const mark = isRunning(session) ? colors.green("●") : colors.dim("○");
  out.line(`${mark} ${colors.bold(plain(session.taskName))} - session ${session.id}`);
  const alive = isAlive(context, session);
  const log = logOf(context, session);
  const rows = detailRows(session, { now, usage, alive, findings, log });
  for (const line of keyTable(out, rows)) {
    out.line(line);
  }
  const lines = log ? logLines(log.path) : [];
  if (lines.length > 0) out.line();
  for (const line of lines) out.line(fit(plain(line), out.isTerminal ? out.width() : 400));
  out.line();
  out.line(nextCommand(session));
  return EXIT.done;
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
    ["since", `${startedAt} (${ago(since, context.clock.now())})`],
    ["task", taskDir],
    ["worker", `process ${pid}`],
  ];
  for (const line of keyTable(out, rows.map(([key, value]) => [key, plain(value)]))) {
    out.line(line);
  }
  out.line();
  out.line(`ralph stop ${shellWord(task)}`);
  return EXIT.done;
}

function detailRows(
  session: Session,
  { now, usage, alive, findings, log }: {
    now: number;
    usage?: Usage;
    alive: boolean;
    findings: Findings;
    log?: SessionLog;
  },
): [string, string][] {
  const since = (time: string) => `${time} (${ago(Date.parse(time), now)})`;
  const running = isRunning(session);
  const rows: [string, string | null][] = [
    ["status", running ? `running since ${since(session.startedAt)}` : session.status],
    ["reason", [session.reason, session.detail].filter(Boolean).join(": ") || null],
    ["ended", session.endedAt && since(session.endedAt)],
    [
      "now",
      session.activity &&
      `${session.activity}${session.activitySince ? ` since ${since(session.activitySince)}` : ""}`,
    ],
    ["task", session.taskDir],
    ["PRD", prdRemarks(session).join("; ") || null],
    ["story", session.currentStory],
    ["iterations", `${session.iterations} of ${session.maxIterations ?? "unknown"}`],
    [
      "used",
      usage
        ? `${count(tokensOf(usage))} tokens, ${plural(usage.modelCalls, "model call")}, ${
          costWords(usage)
        }`
        : "tokens unknown, cost unknown",
    ],
    ["gates", gateWords(findings)],
    ["claims", claimWords(findings)],
    ["tests", findings.notes.findLast(({ about }) => about === "tests")?.text ?? null],
    ["git", gitWords(session, findings)],
    ["answer", session.said],
    ["server", running ? session.serverUrl : `- (last: ${session.serverUrl ?? "unknown"})`],
    ["model", session.model],
    ["agent", session.agent],
    ["worker", running ? workerWords(session, alive) : null],
    ["OpenCode", session.openCodeSessionId],
    ["log", log ? logWords(log, { alive }) : null],
  ];
  return rows.flatMap(([key, value]) => value === null ? [] : [[key, plain(value)]]);
}

/** What its PRD has that a person has to know; nothing when it cannot be read. */
function prdRemarks({ taskDir, projectRoot }: Session): readonly string[] {
  try {
    const { prdPath } = findTask(taskDir, { cwd: taskDir, tree: systemTree, projectRoot });
    return prdPath === undefined ? [] : remarksOf(readPrd(readFileIfAny, prdPath));
  } catch (error) {
    if (error instanceof RalphError) return [];
    throw error;
  }
}

/** As a unit of systemd it outlives every logout; it stays the ralph that it was at its start. */
function workerWords({ workerPid, workerUnit, workerVersion }: Session, alive: boolean): string {
  const how = workerUnit === null ? "detached" : `unit ${workerUnit}`;
  const version = workerVersion === VERSION ? "" : `, ralph ${workerVersion ?? "unknown"}`;
  return `process ${workerPid}, ${how}${version}${alive ? "" : ", gone"}`;
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

/** Only a worker that lives would write into it. */
function logWords({ path, elsewhere }: SessionLog, { alive }: { alive: boolean }): string {
  if (elsewhere !== undefined) return elsewhere;
  const problem = alive ? whyNotLogged(path) : undefined;
  return problem === undefined ? path : `${path} (lines may be missing: ${problem})`;
}

/** Each gate as it was when it ran last. */
function gateWords({ gates }: Findings): string | null {
  const last = [...new Map(gates.map((one) => [one.gate, one])).values()];
  if (last.length === 0) return null;
  return last.map(({ gate, passed, why }) => passed ? `${gate} passes` : `${gate} fails (${why})`)
    .join("; ");
}

/** What was not where it belongs after the last iteration. */
function gitWords({ iterations }: Session, { notes }: Findings): string | null {
  const last = notes.filter(({ about, iteration }) => about === "git" && iteration === iterations);
  return last.map(({ text }) => text).join("; ") || null;
}

function claimWords({ claims }: Findings): string | null {
  const fallen = claims.filter(({ held }) => held === false);
  if (fallen.length === 0) return null;
  const which = fallen.map(({ storyId, iteration }) => `${storyId} (iteration ${iteration})`);
  return `taken back: ${which.join(", ")}`;
}
