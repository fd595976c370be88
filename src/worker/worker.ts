/** The worker: the process that runs a session's loop, from the task's lock to the session's end. */
import { missingFilterWarning } from "../doctor/missing_filter.ts";
import { sleep } from "../clock.ts";
import { once } from "../once.ts";
import { RalphError } from "../error.ts";
import { linkedController } from "../abort_signal.ts";
import { type LogFile, whyNotLogged } from "../host/files/log_file.ts";
import type { Addressee } from "../host/files/signal_files.ts";
import type { Emit } from "../loop/event.ts";
import { reasonOf, runLoop, type SessionEnd, sessionEnded } from "../loop/loop.ts";
import { readAgenda } from "../loop/iteration/backlog.ts";
import { Crash } from "../loop/shutdown.ts";
import { beginSession, type Begun } from "../loop/session/begin.ts";
import { finishNow } from "../loop/session/finish_now.ts";
import { choicesOf } from "../loop/session/setting_changes.ts";
import type { OpenCode } from "../opencode/client.ts";
import { modelName, type Settings } from "../settings/settings.ts";
import { StoreError } from "../store/database.ts";
import { isBusy } from "../store/store_error.ts";
import type { Lease } from "../store/model.ts";
import { LostSession, type Store } from "../store/store.ts";
import type { Task } from "../task/task_files.ts";
import type { Gate } from "../task/gate.ts";
import { PLAIN } from "../terminal/colors.ts";
import { bugText } from "../terminal/bug_text.ts";
import { allGates } from "../verify/claims.ts";
import { compose, isOfFileSystem, KEPT_FOR_THE_NEXT } from "./compose.ts";
import { createHooks, type Hooks } from "./hooks.ts";
import type { WorkerHost } from "./host.ts";
import { eventLines } from "./narration.ts";
import { lockNote } from "../control/lock_note.ts";
import { StoppedBefore, type WorkerOrder } from "../control/protocol.ts";
import type { Lock } from "../host/lock/lock.ts";
import { portOf } from "../host/system/port.ts";
import { type Activity, waitingForGit } from "../loop/activity.ts";
import { tellIfSlow } from "../loop/server/retry.ts";
import { READING_TREE } from "./patient_tree.ts";

/** Of a database that others keep locked, while a worker begins. */
const LOCKED_MS_MAX = 30_000;
const LOCKED_LOOK_MS = 250;

interface WorkOptions {
  /** Its abort ends the worker: as a person's stop, or with `SHUTDOWN` as its reason. */
  signal: AbortSignal;
  emit: Emit;
}

/**
 * Takes the task's lock, runs the loop to its end, and frees the lock. Throws `RalphError`
 * (`conflict`) when another worker has it, and `StoppedBefore`.
 */
export async function work(
  host: WorkerHost,
  order: WorkerOrder,
  { signal, emit }: WorkOptions,
): Promise<SessionEnd> {
  const task = host.findTask(order);
  const lock = releasedOnce(await host.takeLock(task));
  try {
    const store = await whileOthersWrite(host, () => host.openStore());
    try {
      return await workWith(host, { task, order, store, lock }, { signal, emit });
    } finally {
      store.close();
    }
  } finally {
    lock.release();
  }
}

/** So that it can be given up before the worker itself ends. */
function releasedOnce(lock: Lock): Lock {
  return { ...lock, release: once(() => lock.release()) };
}

/** What a worker has once it has its lock. */
interface Locked {
  task: Task;
  order: WorkerOrder;
  store: Store;
  lock: Lock;
}

async function workWith(
  host: WorkerHost,
  locked: Locked,
  { signal, emit }: WorkOptions,
): Promise<SessionEnd> {
  const { clock } = host;
  const { task, store, lock } = locked;
  const { log, warnings, ...ready } = await begin(host, locked, { signal, emit });
  const { begun, client } = ready;
  const beganAt = clock.monotonic();
  const tell = logged(host, log, emit);
  const hooks = hooksOf(host, { task, begun, store, emit: tell });
  const telemetry = await telemetryOf(host, { task, begun, store, emit: tell });
  try {
    store.setLogPath(begun.lease, log.path);
    const notLogged = whyNotLogged(log.path);
    const notWritten = notLogged && `the log cannot be written: ${notLogged}`;
    const told = [
      await host.whyOutsideSandbox(begun.settings.server),
      ...(await host.missingFilters(task.projectRoot))
        .map((one) => missingFilterWarning(one, task.projectRoot)),
      ...warnings,
      notWritten,
      ...begun.warnings,
    ].filter((one) => one !== undefined);
    return await workOn(host, { ...ready, task, store, warnings: told }, {
      log,
      signal,
      emit(event) {
        tell(event);
        hooks.see(event);
        telemetry?.see(event);
      },
    });
  } catch (error) {
    const time = new Date(clock.now()).toISOString();
    for (const line of lastWords(error)) log.write(`${time} ${line}`);
    const end = endOf(error);
    if (end) {
      // Whoever finds the worker gone records that.
      await finishNow({ store, client, clock }, begun.lease, end).then(() => {
        const durationMs = clock.monotonic() - beganAt;
        const workedMs = begun.ranBeforeMs + durationMs;
        const told = { end, durationMs, workedMs, left: [] };
        const ended = sessionEnded(store, { ...begun, task }, told);
        hooks.see(ended);
        telemetry?.see(ended);
      }, () => {});
    }
    throw error;
  } finally {
    // Nobody waits for a message: not `ralph stop`, and not the task's next session.
    lock.release();
    await Promise.all([hooks.ended(), telemetry?.ended()]);
    log.close();
  }
}

/** Brings the session about. `warnings`: what a person should know, where that is known. */
async function begin(
  host: WorkerHost,
  { task, order, store, lock }: Locked,
  { signal, emit }: WorkOptions,
) {
  const { clock } = host;
  const waitFor = gitBeforeSession(host, { task, lock, signal, emit });
  const notCopied = whyNotCopied(store);
  const { settings, sources, template, promptFile } = await host.configure(task, order.flags);
  const branched = await waitFor(
    waitingForGit("it looks at the branch, or switches to it"),
    () => host.prepareBranch(task, settings, signal),
  );
  const client = host.openCode({
    url: settings.server,
    directory: task.projectRoot,
    ofProject: settings.serverOfProject,
  });
  const worker = await workerRecord(host, order, settings);
  const choices = choicesOf(settings, { promptFile, template, prdGates: prdGates(host, task) });
  const ownPrompt = promptFile !== undefined && promptFile === task.promptPath &&
    { prompt: "prompt.md" } as const;
  const readTree = () => host.tree.state(task.projectRoot, undefined, signal);
  const begun = await whileOthersWrite(host, () =>
    beginSession(
      {
        store,
        client,
        clock,
        treeState: () => waitFor(READING_TREE, readTree),
        leftBranchAt: (branch) => host.leftBranchAt(task.projectRoot, branch, signal),
      },
      {
        task,
        worker,
        settings,
        choices,
        sources: { ...sources, ...ownPrompt },
        flags: order.flags,
      },
    ));
  lock.note("");
  const log = host.openLog(task, begun.lease.sessionId);
  return { begun, client, template, log, warnings: [notCopied, branched] };
}

/** What fails is told, and recorded if that can be done at once: it stops no work. */
function hooksOf(
  host: WorkerHost,
  { task, begun, store, emit }: Pick<Ready, "task" | "begun" | "store"> & { emit: Emit },
): Hooks {
  const { lease, settings } = begun;
  const { name, projectRoot } = task;
  return createHooks({
    about: { task: name, projectRoot, session: lease.sessionId },
    settings,
    os: Deno.build.os,
    run: (call) => host.runHook(call, { root: projectRoot, handOn: settings.gateEnv }),
    onFailure(text) {
      emit({ type: "note", about: "hook", text });
      try {
        store.recordHookFailure(lease, text);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
      }
    },
  });
}

/** What cannot be told stops no work: once a person is told so. */
function telemetryOf(
  host: WorkerHost,
  { task, begun, store, emit }: Pick<Ready, "task" | "begun" | "store"> & { emit: Emit },
) {
  const { lease: { sessionId }, settings: { model, agent } } = begun;
  const { startedAt = "" } = store.session(sessionId) ?? {};
  const { providerId: provider, modelId } = model ?? {};
  const about = { task: task.name, session: sessionId, startedAt, taskDir: task.dir };
  return host.telemetry(
    { ...about, provider, model: modelId, agent },
    (text) => emit({ type: "warning", text }),
  );
}

/**
 * The end of a session whose worker failed; undefined where it stays for the next: its record is out of
 * reach.
 */
function endOf(error: unknown): Parameters<typeof finishNow>[2] | undefined {
  const failed = { outcome: "interrupted", status: "failed" } as const;
  if (error instanceof StoreError || error instanceof LostSession) return undefined;
  if (error instanceof RalphError) {
    return { ...failed, reason: reasonOf(error), detail: error.message };
  }
  const why = error instanceof Error ? error.message : error;
  return { ...failed, reason: "internal_error", detail: `a bug in ralph: ${why}` };
}

/**
 * Waits for git while no session tells of it: what takes long is told, and left in the lock, where
 * `ralph status` and `ralph stop` find it. Throws `StoppedBefore` when stopped meanwhile.
 */
function gitBeforeSession(
  { clock, process }: WorkerHost,
  { task, lock, signal, emit }: { task: Task; lock: Lock; signal: AbortSignal; emit: Emit },
) {
  const since = clock.now();
  return async <T>(slow: Activity, work: () => Promise<T>): Promise<T> => {
    const tell = ({ text }: Activity) => {
      const { name, dir: taskDir, projectRoot } = task;
      const note = { pid: process.pid, task: name, taskDir, projectRoot, since, doing: text };
      lock.note(lockNote(note));
      emit({ type: "activity", text });
    };
    try {
      const found = await tellIfSlow(work(), { clock, slow, tell });
      if (!signal.aborted) return found;
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    throw new StoppedBefore(task.name);
  };
}

/** A session that has begun, to be worked on. */
interface Ready {
  task: Task;
  begun: Begun;
  template: string | undefined;
  store: Store;
  client: OpenCode;
  /** What a person should know before it works. */
  warnings: readonly string[];
}

/** Goes round the loop of a session that has begun, to its end. Throws as `runLoop` does. */
async function workOn(
  host: WorkerHost,
  { warnings, ...ready }: Ready,
  { log, signal, emit }: WorkOptions & { log: LogFile },
): Promise<SessionEnd> {
  const { task, begun, store, client } = ready;
  const stop = linkedController(signal);
  const streamEnd = new AbortController();
  let checkpointAsked = false;
  const stopWatching = host.watchRequests(task, {
    to: addressee(store, begun.lease),
    onRequest(request) {
      if (request === "stop") stop.abort();
      else if (!checkpointAsked) {
        checkpointAsked = true;
        emit({ type: "activity", text: "asked to pause after this iteration" });
      }
    },
    onError(error) {
      // It is looked again.
      if (isOfFileSystem(error)) log.write(`cannot look for requests: ${error.message}`);
      else stop.abort(new Crash(error));
    },
  });
  try {
    const { tools, order, folder, warnings: found } = compose(host, {
      ...ready,
      emit,
      signal: stop.signal,
      streamEnd: streamEnd.signal,
    });
    const { costUsd } = begun.settings.limits;
    emit({
      type: "session_started",
      session: begun.lease.sessionId,
      task: task.name,
      server: client.url,
      maxIterations: begun.settings.limits.iterations,
      continues: begun.continues,
      only: begun.only,
      changes: begun.changes,
      warnings: [...warnings, ...found],
      ...begun.continues !== undefined && { before: spentBefore(store, begun) },
      ...costUsd !== undefined && { maxCostUsd: costUsd },
      log: log.path,
    });
    const end = await runLoop(
      tools,
      { ...order, checkpointAsked: () => checkpointAsked },
      stop.signal,
    );
    const goesOn = end.status === "checkpointed" || end.reason === "worker_ended";
    // Of a PRD that is gone, what is kept may be all there is.
    if (!goesOn && end.reason !== "task_unreadable") folder.clear(KEPT_FOR_THE_NEXT);
    return end;
  } finally {
    stopWatching();
    stop.unlink();
    streamEnd.abort();
  }
}

/** What earlier workers of a session that goes on have worked and used. */
function spentBefore(store: Store, { lease: { sessionId }, ranBeforeMs }: Begun) {
  const { usage, complete } = store.usage(sessionId);
  return { workedMs: ranBeforeMs, usage: complete ? usage : null };
}

/** Tells, and writes the lines that stay into the log, each with its time. */
function logged({ clock }: WorkerHost, log: LogFile, emit: Emit): Emit {
  return (event) => {
    const time = new Date(clock.now()).toISOString();
    for (const line of eventLines(event, PLAIN)) if (line.trim()) log.write(`${time} ${line}`);
    emit(event);
  };
}

/** What a worker that does not end as it should leaves in its log: of a bug, the whole stack. */
function lastWords(error: unknown): string[] {
  if (error instanceof RalphError) return [`error: ${error.message}`];
  return bugText(error).trimEnd().split("\n");
}

/**
 * Tries again while other programs keep the database locked, as when many workers begin at once. Throws
 * the last `StoreError` after 30 s, and any other trouble at once: somebody waits for this worker.
 */
async function whileOthersWrite<T>(
  { clock }: WorkerHost,
  act: () => T | Promise<T>,
): Promise<T> {
  const end = clock.monotonic() + LOCKED_MS_MAX;
  for (;;) {
    try {
      return await act();
    } catch (error) {
      const isLocked = error instanceof StoreError && isBusy(error.cause);
      if (!isLocked || clock.monotonic() >= end) throw error;
      await sleep(clock, LOCKED_LOOK_MS);
    }
  }
}

/** The loop says what is wrong with a PRD that cannot be read. */
function prdGates({ prdFiles }: WorkerHost, task: Task): readonly Gate[] | undefined {
  try {
    return allGates([], readAgenda(prdFiles, { task, promised: false }));
  } catch (error) {
    if (error instanceof RalphError) return undefined;
    throw error;
  }
}

/** A copy that cannot be made stops no work. */
function whyNotCopied(store: Store): string | undefined {
  try {
    store.keepDailyCopy();
    return undefined;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return error.message;
  }
}

async function workerRecord(
  host: WorkerHost,
  { said, accepted, only: onlyStory, resumes }: WorkerOrder,
  { server, model, agent }: Settings,
) {
  return {
    model: model && modelName(model),
    agent,
    serverUrl: server,
    serverPort: portOf(server),
    workerPid: host.process.pid,
    workerVersion: host.process.version,
    workerUnit: host.process.unit,
    workerBoot: await host.bootId(),
    said,
    accepted,
    onlyStory,
    resumes,
  };
}

function addressee(store: Store, { sessionId, epoch }: Lease): Addressee {
  const startedAt = store.session(sessionId)?.startedAt ?? "";
  return { sessionId, epoch, startedAt };
}
