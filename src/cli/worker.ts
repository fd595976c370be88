/** The worker as a process: what it is put together from, in the foreground and in the background. */
import * as path from "node:path";
import { type ErrorKind, type Hint, RalphError } from "../error.ts";
import { readFileIfAny } from "../host/files.ts";
import { treeChange, treeState } from "../host/git.ts";
import { takeLock } from "../host/lock.ts";
import { type LogFile, openLogFile } from "../host/log_file.ts";
import { makePrivateFolder, taskKey } from "../host/paths.ts";
import { type Addressee, watchRequests } from "../host/signal_files.ts";
import { onEndingSignal } from "../host/signals.ts";
import { systemTree } from "../host/tree.ts";
import type { Emit, LoopEvent } from "../loop/event.ts";
import { beginSession } from "../loop/session.ts";
import { createTurns } from "../loop/turn.ts";
import { runLoop, type SessionEnd } from "../loop/worker.ts";
import type { Lease } from "../registry/model.ts";
import type { Registry } from "../registry/registry.ts";
import { findTask, type Task } from "../task/find.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { VERSION } from "../version.ts";
import { clientAt } from "./client.ts";
import type { Context } from "./context.ts";
import { lockPath, openStore, pathsOf, signalPath } from "./store.ts";
import { EXIT } from "./exit_codes.ts";
import { eventLines } from "./narration.ts";
import { PLAIN } from "./output.ts";

/** What a worker is to do. Travels as JSON in an argument: it holds no secret. */
export interface WorkerOrder {
  taskDir: string;
  serverUrl: string;
  maxIterations?: number;
  model?: { providerId: string; modelId: string };
  agent?: string;
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
  { signal, emit }: { signal: AbortSignal; emit: Emit },
): Promise<SessionEnd> {
  const { clock } = context;
  const task = findTask(order.taskDir, { cwd: order.taskDir, tree: systemTree });
  const prdPath = requirePrd(task);
  const key = taskKey(task);
  const lock = await takeLock(lockPath(context, key), clock);
  if (!lock) throw alreadyRunning(context, task);
  const stop = new AbortController();
  const stopToo = () => stop.abort();
  signal.addEventListener("abort", stopToo);
  if (signal.aborted) stopToo();
  const streamEnd = new AbortController();
  const registry = openStore(context);
  try {
    const client = clientAt(context, { url: order.serverUrl, directory: task.projectRoot });
    const { lease, outcomes, maxIterations, continues } = await beginSession(
      { registry, client, clock },
      { task, worker: workerSettings(order) },
    );
    const log = openLog(context, { key, sessionId: lease.sessionId });
    registry.setLogPath(lease, log.path);
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
    tell({
      type: "session_started",
      session: lease.sessionId,
      task: task.name,
      server: order.serverUrl,
      maxIterations,
      continues,
      log: log.path,
    });
    const tools = {
      client,
      turns: createTurns({ client, clock, signal: streamEnd.signal }),
      registry,
      tree: { state: treeState, change: treeChange },
      readFile: readFileIfAny,
      clock,
      emit: tell,
    };
    try {
      const { model, agent } = order;
      return await runLoop(
        tools,
        {
          lease,
          task,
          prdPath,
          outcomes,
          maxIterations,
          model,
          agent,
          checkpointAsked: () => checkpointAsked,
        },
        stop.signal,
      );
    } finally {
      stopWatching();
      log.close();
    }
  } finally {
    signal.removeEventListener("abort", stopToo);
    streamEnd.abort();
    registry.close();
    lock.release();
  }
}

function workerSettings(order: WorkerOrder) {
  return {
    maxIterations: order.maxIterations,
    model: order.model && `${order.model.providerId}/${order.model.modelId}`,
    agent: order.agent,
    serverUrl: order.serverUrl,
    serverPort: Number(new URL(order.serverUrl).port) || 80,
    workerPid: Deno.pid,
    workerVersion: VERSION,
  };
}

function openLog(
  context: Context,
  { key, sessionId }: { key: string; sessionId: number },
): LogFile {
  const folder = path.join(pathsOf(context).logs, key);
  makePrivateFolder(folder);
  return openLogFile(path.join(folder, `session-${sessionId}.log`));
}

function addressee(registry: Registry, { sessionId, epoch }: Lease): Addressee {
  const startedAt = registry.session(sessionId)?.startedAt ?? "";
  return { sessionId, epoch, startedAt };
}

/** `ralph __worker`: the background half of `ralph run`. */
export async function worker(context: Context, orderJson: string): Promise<number> {
  const stop = new AbortController();
  const stopListening = onEndingSignal(() => stop.abort());
  let reported = false;
  // Whoever started this worker waits for one line, and reads no more than that.
  const report = (message: WorkerReport) => {
    if (!reported) context.output.out.line(JSON.stringify(message));
    reported = true;
  };
  try {
    await work(context, JSON.parse(orderJson), {
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

/** The path of the task's PRD. Throws `RalphError` when it has none. */
export function requirePrd(task: Task): string {
  if (task.prdPath) return task.prdPath;
  throw new RalphError(
    "not_found",
    `the task \`${task.name}\` has no PRD: there is no prd.json and no prd.md in ${task.dir}`,
  );
}

/** The error for a task that another worker works on. */
export function alreadyRunning(context: Context, task: Task): RalphError {
  const registry = openStore(context);
  try {
    const session = registry.lastSession(task.dir);
    const which = session
      ? ` (session ${session.id}, iteration ${session.iterations} of ` +
        `${session.maxIterations ?? "?"}, worker ${session.workerPid ?? "unknown"}, since ` +
        `${session.startedAt})`
      : "";
    return new RalphError("conflict", `\`${task.name}\` is running already${which}`, [
      { text: "see what it does", command: `ralph status ${shellWord(task.name)}` },
      { text: "stop it", command: `ralph stop ${shellWord(task.name)}` },
    ]);
  } finally {
    registry.close();
  }
}
