/** The worker as a process: what it is put together from, in the foreground and in the background. */
import * as path from "node:path";
import { type ErrorKind, type Hint, RalphError } from "../error.ts";
import { thisBoot } from "../host/boot.ts";
import { prepareBranch } from "../host/branch.ts";
import { takeOverEnvironment } from "../host/environment.ts";
import { readFileIfAny, textEndsIfAny } from "../host/files.ts";
import { treeChange, treeState } from "../host/git.ts";
import { type Lock, takeLock } from "../host/lock.ts";
import { type LogFile, openLogFile, whyNotLogged } from "../host/log_file.ts";
import { taskKey } from "../host/paths.ts";
import { type Addressee, watchRequests } from "../host/signal_files.ts";
import { onEndingSignal } from "../host/signals.ts";
import { systemTree } from "../host/tree.ts";
import type { Emit, LoopEvent } from "../loop/event.ts";
import { LEAVE } from "../loop/leave.ts";
import { beginSession, type Begun } from "../loop/session.ts";
import { keptTree } from "../loop/stored_tree.ts";
import { createRecorder } from "../loop/recorder.ts";
import { createTurns } from "../loop/turn.ts";
import { endAtOnce } from "../loop/end_at_once.ts";
import { runLoop, type SessionEnd } from "../loop/worker.ts";
import { StoreError } from "../registry/database.ts";
import type { Lease, Session } from "../registry/model.ts";
import type { Registry } from "../registry/registry.ts";
import type { OpenCode } from "../opencode/client.ts";
import { readSettings } from "../settings/read.ts";
import type { Settings, SettingsPart } from "../settings/settings.ts";
import { findTask, type Task } from "../task/find.ts";
import { parsePrd } from "../task/prd.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { VERSION } from "../version.ts";
import { clientAt } from "./client.ts";
import type { Context } from "./context.ts";
import { EXIT } from "./exit_codes.ts";
import { eventLines } from "./narration.ts";
import { PLAIN, readInput, unread } from "./output.ts";
import { runningSession } from "./sessions.ts";
import { keptFolder, missingGates, taskFile, verificationOf, workOf } from "./session_work.ts";
import { bugText } from "./shown_error.ts";
import { lockPath, openStore, pathsOf, signalPath } from "./store.ts";
import { templateOf } from "./template.ts";

/** What a background worker reads from its standard input. */
export interface WorkerInput {
  order: WorkerOrder;
  /** The systemd unit that it runs as; undefined for a detached process. */
  unit?: string;
  /** The variables of the shell that it was started from: a unit has those of systemd. */
  environment: Readonly<Record<string, string>>;
}

/** What a worker is to do. */
export interface WorkerOrder {
  taskDir: string;
  /** What the command line says; the other sources are read by the worker itself. */
  flags: SettingsPart;
  /** A person's answer to what blocked the agent. */
  said?: string;
  /** A person takes the work as done without evidence. */
  accepted: boolean;
}

/** The first and only line that a background worker prints. */
export type WorkerReport =
  | { ready: Extract<LoopEvent, { type: "session_started" }> }
  | { error: { kind: ErrorKind; message: string; hints: readonly Hint[] } };

/**
 * Takes the task's lock, runs the loop to its end, and frees the lock. Throws `RalphError`
 * (`conflict`) when another worker has it.
 */
export async function work(
  context: Context,
  order: WorkerOrder,
  { signal, emit, unit }: { signal: AbortSignal; emit: Emit; unit?: string },
): Promise<SessionEnd> {
  const { clock } = context;
  const task = findTask(order.taskDir, { cwd: order.taskDir, tree: systemTree });
  const key = taskKey(task);
  const lock = await lockTask(context, task);
  const stop = new AbortController();
  const stopToo = () => stop.abort(signal.reason);
  signal.addEventListener("abort", stopToo);
  if (signal.aborted) stopToo();
  const streamEnd = new AbortController();
  const registry = openStoreOr(context, lock.release);
  try {
    const notCopied = whyNotCopied(registry);
    const { settings } = await readSettings({
      projectRoot: task.projectRoot,
      environment: context.environment,
      variableNames: [],
      readFile: readFileIfAny,
      flags: order.flags,
    });
    const template = templateOf(task, settings);
    const branched = await prepareBranch({
      root: task.projectRoot,
      branch: branchOf(task),
      base: settings.baseBranch,
      taskFile: taskFile(task),
    }, clock);
    const client = clientAt(context, { url: settings.server, directory: task.projectRoot });
    const begun = await beginSession(
      { registry, client, clock, treeState: () => treeState(task.projectRoot) },
      {
        task,
        worker: {
          ...workerSettings(order, settings, unit),
          workerBoot: (await thisBoot(clock)).id,
        },
        settings,
        flags: order.flags,
      },
    );
    const log = openLog(context, { key, sessionId: begun.lease.sessionId });
    try {
      registry.setLogPath(begun.lease, log.path);
      const notLogged = whyNotLogged(log.path);
      const warnings = [
        ...notCopied ? [notCopied] : [],
        ...notLogged ? [`the log cannot be written: ${notLogged}`] : [],
        ...branched ? [branched] : [],
        ...begun.warnings,
      ];
      return await workOn(
        context,
        { task, key, begun, server: settings.server, template, warnings },
        { registry, client, log, emit, stop, streamEnd: streamEnd.signal },
      );
    } catch (error) {
      const time = new Date(clock.now()).toISOString();
      for (const line of lastWords(error)) log.write(`${time} ${line}`);
      if (!(error instanceof RalphError)) {
        await endAtOnce({ registry, client, clock }, begun.lease, {
          outcome: "interrupted",
          status: "failed",
          reason: "internal_error",
          detail: `a bug in ralph: ${error instanceof Error ? error.message : error}`,
        }).catch(() => {}); // whoever finds the worker gone records that
      }
      throw error;
    } finally {
      log.close();
    }
  } finally {
    signal.removeEventListener("abort", stopToo);
    streamEnd.abort();
    registry.close();
    lock.release();
  }
}

/** What a worker that does not end as it should leaves in its log: of a bug, the whole stack. */
function lastWords(error: unknown): string[] {
  if (error instanceof RalphError) return [`error: ${error.message}`];
  return bugText(error).trimEnd().split("\n");
}

/** What a session is worked on with. */
interface Tools {
  registry: Registry;
  client: OpenCode;
  log: LogFile;
  emit: Emit;
  /** Its abort stops the session. */
  stop: AbortController;
  /** Ends the event stream. */
  streamEnd: AbortSignal;
}

/** Goes round the loop of a session that has begun, to its end. Throws as `runLoop` does. */
async function workOn(
  context: Context,
  { task, key, begun, server, template, warnings }: {
    task: Task;
    key: string;
    begun: Begun;
    server: string;
    template?: string;
    /** What a person should know before it works. */
    warnings: readonly string[];
  },
  { registry, client, log, emit, stop, streamEnd }: Tools,
): Promise<SessionEnd> {
  const { clock } = context;
  const { lease } = begun;
  const tell: Emit = (event) => {
    const time = new Date(clock.now()).toISOString();
    for (const line of eventLines(event, PLAIN)) if (line.trim()) log.write(`${time} ${line}`);
    emit(event);
  };
  let checkpointAsked = false;
  const stopWatching = watchRequests({
    ...signalPath(context, key),
    to: addressee(registry, lease),
    clock,
    onRequest(request) {
      if (request === "stop") stop.abort();
      else if (!checkpointAsked) {
        checkpointAsked = true;
        tell({ type: "activity", text: "asked to pause after this iteration" });
      }
    },
  });
  try {
    const recorder = createRecorder({ registry, clock, emit: tell, signal: stop.signal });
    const folder = keptFolder(path.join(pathsOf(context).kept, key));
    if (!begun.continues) folder.clear();
    const work = workOf(task, { begun, folder, registry });
    tell({
      type: "session_started",
      session: lease.sessionId,
      task: task.name,
      server,
      maxIterations: begun.settings.limits.iterations,
      continues: begun.continues,
      warnings: [
        ...warnings,
        ...missingGates({ task, begun, work }),
      ],
      log: log.path,
    });
    const end = await runLoop(
      {
        client,
        turns: createTurns({ client, clock, signal: streamEnd }),
        recorder,
        registry,
        tree: { state: treeState, change: treeChange },
        readText: textEndsIfAny,
        clock,
        emit: tell,
      },
      {
        lease,
        task,
        settings: begun.settings,
        work,
        verification: verificationOf(context, {
          task,
          begun,
          folder,
          registry,
          recorder,
          work,
          tell,
        }),
        treeBefore: keptTree(folder),
        template,
        said: begun.said,
        begun,
        checkpointAsked: () => checkpointAsked,
      },
      stop.signal,
    );
    const goesOn = end.status === "checkpointed" || end.reason === "worker_ended";
    // Of a PRD that is gone, what is kept may be all there is.
    if (!goesOn && end.reason !== "task_unreadable") folder.clear();
    return end;
  } finally {
    stopWatching();
  }
}

function openStoreOr(context: Context, giveUp: () => void): Registry {
  try {
    return openStore(context);
  } catch (error) {
    giveUp();
    throw error;
  }
}

/** A copy that cannot be made stops no work. */
function whyNotCopied(registry: Registry): string | undefined {
  try {
    registry.keepDailyCopy();
    return undefined;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return error.message;
  }
}

function workerSettings(
  order: WorkerOrder,
  { server, model, agent }: Settings,
  unit: string | undefined,
) {
  return {
    model: model && `${model.providerId}/${model.modelId}`,
    agent,
    serverUrl: server,
    serverPort: Number(new URL(server).port) || 80,
    workerPid: Deno.pid,
    workerVersion: VERSION,
    workerUnit: unit,
    said: order.said,
    accepted: order.accepted,
  };
}

function openLog(
  context: Context,
  { key, sessionId }: { key: string; sessionId: number },
): LogFile {
  return openLogFile(path.join(pathsOf(context).logs, key, `session-${sessionId}.log`));
}

function addressee(registry: Registry, { sessionId, epoch }: Lease): Addressee {
  const startedAt = registry.session(sessionId)?.startedAt ?? "";
  return { sessionId, epoch, startedAt };
}

/** `ralph __worker`: the background half of `ralph run`. */
export async function worker(context: Context): Promise<number> {
  const { order, unit, environment } = orderFrom(await readInput());
  if (unit !== undefined) takeOverEnvironment(environment);
  const stop = new AbortController();
  const stopListening = onEndingSignal(() => stop.abort(LEAVE));
  let reported = false;
  // Whoever started this worker waits for one line, and reads no more than that; it may be gone.
  const out = unread(context.output.out);
  const report = (message: WorkerReport) => {
    if (!reported) out.line(JSON.stringify(message));
    reported = true;
  };
  try {
    await work(context, order, {
      unit,
      signal: stop.signal,
      emit: (event) => {
        if (event.type === "session_started") report({ ready: event });
      },
    });
    return EXIT.done;
  } catch (error) {
    if (error instanceof RalphError) {
      report({ error: { kind: error.kind, message: error.message, hints: error.hints } });
    }
    throw error;
  } finally {
    stopListening();
  }
}

/** Throws `RalphError` (`failed`) for what was cut short. */
function orderFrom(input: string): WorkerInput {
  if (input.endsWith("\n")) return JSON.parse(input);
  throw new RalphError("failed", "the worker was not told what to do: its caller has ended");
}

/** The branch that the PRD asks for. Throws `RalphError` when the PRD cannot be read. */
function branchOf({ prdPath }: Task): string | undefined {
  const bytes = prdPath && readFileIfAny(prdPath);
  return bytes ? parsePrd({ path: prdPath, bytes }).branchName : undefined;
}

/** How long a worker may take from its lock to its row: git comes between, in a large tree too. */
const BEGIN_MS_MAX = 10_000;

/**
 * The task's lock. Who has it is named by the row that it writes: that is waited for, and so is the
 * end of a worker that has recorded its own. Throws `RalphError` (`conflict`) with what it found.
 */
async function lockTask(context: Context, task: Task): Promise<Lock> {
  const { clock } = context;
  const path = lockPath(context, taskKey(task));
  const deadline = clock.monotonic() + BEGIN_MS_MAX;
  for (;;) {
    const lock = await takeLock(path, clock);
    if (lock) return lock;
    const session = runningSession(context, task);
    if (session) throw alreadyRunning(task, session);
    if (clock.monotonic() >= deadline) throw lockHeld(task, path);
  }
}

/** The error for a task that another worker works on. */
export function alreadyRunning(task: Task, session: Session): RalphError {
  const { id, iterations, maxIterations, workerPid, startedAt } = session;
  return new RalphError(
    "conflict",
    `\`${task.name}\` is running already (session ${id}, iteration ${iterations} of ` +
      `${maxIterations ?? "?"}, worker ${workerPid ?? "unknown"}, since ${startedAt})`,
    [
      { text: "see what it does", command: `ralph status ${shellWord(task.name)}` },
      { text: "stop it", command: `ralph stop ${shellWord(task.name)}` },
    ],
  );
}

function lockHeld(task: Task, path: string): RalphError {
  return new RalphError(
    "conflict",
    `cannot start \`${task.name}\`: another process holds its lock, and has recorded nothing ` +
      `within ${BEGIN_MS_MAX / 1_000} s`,
    [{ text: "see which one it is", command: `fuser -v ${shellWord(path)}` }],
  );
}
