/** `ralph run <task>`: looks whether the loop can work, then starts it here or in the background. */
import * as path from "node:path";
import { RalphError } from "../error.ts";
import { selfCommand, startInBackground } from "../host/background.ts";
import { readFileIfAny } from "../host/files.ts";
import { workerLives } from "../host/lock.ts";
import { makePrivateFolder, taskKey } from "../host/paths.ts";
import { type EndingSignal, onEndingSignal } from "../host/signals.ts";
import { systemTree } from "../host/tree.ts";
import type { Emit } from "../loop/event.ts";
import { readPrd } from "../loop/prd_file.ts";
import type { OpenCode } from "../opencode/client.ts";
import { DEFAULT_SERVER_URL, serverUrl } from "../settings/server_url.ts";
import { findTask, type Task } from "../task/find.ts";
import { nearest } from "../task/nearest.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import type { Context } from "./context.ts";
import { lockPath, pathsOf } from "./store.ts";
import { chooseTask } from "./choose_task.ts";
import { clientAt } from "./client.ts";
import { requireServer } from "./require_server.ts";
import { EXIT, exitCodeOfSession } from "./exit_codes.ts";
import { liveView } from "./live_view.ts";
import { eventLines } from "./narration.ts";
import { ambiguous, readSessions } from "./sessions.ts";
import { alreadyRunning, requirePrd, work, type WorkerOrder, type WorkerReport } from "./worker.ts";

export interface RunOptions {
  task?: string;
  maxIterations?: number;
  model?: { providerId: string; modelId: string };
  agent?: string;
  server?: string;
  foreground: boolean;
  json?: boolean;
}

export async function run(context: Context, options: RunOptions): Promise<number> {
  const task = taskToRun(context, options.task ?? await chooseTask(context));
  const { stories } = readPrd(readFileIfAny, requirePrd(task));
  if (workerLives(lockPath(context, taskKey(task)))) throw alreadyRunning(context, task);

  const url = serverUrl(options.server ?? DEFAULT_SERVER_URL);
  if (stories.some((story) => !story.passes)) {
    const client = clientAt(context, { url, directory: task.projectRoot });
    await requireServer(context, client);
    await checkChoices(client, options);
  }

  warnOfNeighbours(context, task);

  const order: WorkerOrder = {
    taskDir: task.dir,
    serverUrl: url,
    maxIterations: options.maxIterations,
    model: options.model,
    agent: options.agent,
  };
  return options.foreground
    ? await inForeground(context, order, options.json ?? false)
    : await inBackground(context, { task, order, json: options.json ?? false });
}

/** Two agents in one work tree see each other's half-done changes. */
function warnOfNeighbours(context: Context, task: Task): void {
  const running = readSessions(context, { read: (registry) => registry.running(), whenEmpty: [] });
  for (const { projectRoot, taskDir, taskName } of running) {
    if (projectRoot !== task.projectRoot || taskDir === task.dir) continue;
    context.output.err.line(
      `warning: \`${plain(taskName, 80)}\` is running in the same working tree`,
    );
  }
}

/** A task of this project, else one of another project that has a session on record. */
function taskToRun(context: Context, argument: string): Task {
  const at = { cwd: context.cwd(), tree: systemTree };
  try {
    return findTask(argument, at);
  } catch (error) {
    if (!(error instanceof RalphError) || error.kind !== "not_found") throw error;
    const elsewhere = readSessions(context, {
      read: (registry) => registry.lastSessions().filter(({ taskName }) => taskName === argument),
      whenEmpty: [],
    });
    if (elsewhere.length === 0) throw error;
    if (elsewhere.length > 1) throw ambiguous(context, `\`${plain(argument, 80)}\``, elsewhere);
    return findTask(elsewhere[0].taskDir, at);
  }
}

async function inForeground(context: Context, order: WorkerOrder, json: boolean): Promise<number> {
  const { out, err } = context.output;
  const stop = new AbortController();
  let signalled: EndingSignal | undefined;
  const stopListening = onEndingSignal((name) => {
    signalled = name;
    stop.abort();
    err.line("stopping: the turn is being aborted; again to end at once");
  });
  const live = !json && out.isTerminal ? liveView(out, context.clock) : undefined;
  const emit: Emit = live?.show ?? ((event) => {
    if (json) out.line(JSON.stringify(event));
    else for (const line of eventLines(event, out.colors)) out.line(line);
  });
  try {
    const end = await work(context, order, { signal: stop.signal, emit });
    if (signalled && end.reason === "user_stop") {
      return signalled === "SIGINT" ? EXIT.interrupted : EXIT.terminated;
    }
    return exitCodeOfSession(end);
  } finally {
    live?.close();
    stopListening();
  }
}

async function inBackground(
  context: Context,
  { task, order, json }: { task: Task; order: WorkerOrder; json: boolean },
): Promise<number> {
  const logs = path.join(pathsOf(context).logs, taskKey(task));
  makePrivateFolder(logs);
  const stderrPath = path.join(logs, "worker.stderr");
  const line = await startInBackground(
    [...selfCommand(context.mainUrl), "__worker", JSON.stringify(order)],
    { cwd: "/", stderrPath },
  );
  if (line === undefined) {
    throw new RalphError("failed", "the worker ended before it had begun", [
      { text: "see what it said", command: `cat '${stderrPath}'` },
    ]);
  }
  const report: WorkerReport = JSON.parse(line);
  if ("error" in report) {
    const { kind, message, hints } = report.error;
    throw new RalphError(kind, message, hints);
  }
  const { out, colors } = { out: context.output.out, colors: context.output.out.colors };
  if (json) {
    out.line(JSON.stringify(report.ready));
    return EXIT.done;
  }
  for (const line of eventLines(report.ready, colors)) out.line(line);
  out.line("");
  const name = shellWord(task.name);
  out.line(`  look     ralph status ${name}`);
  out.line(`  follow   ralph logs ${name} --follow`);
  out.line(`  attach   ralph attach ${name}`);
  out.line(`  stop     ralph stop ${name}`);
  return EXIT.done;
}

/** Throws `RalphError` (`not_found`) for a model or an agent that the server does not have. */
async function checkChoices(
  client: OpenCode,
  { model, agent }: Pick<RunOptions, "model" | "agent">,
): Promise<void> {
  if (model) {
    const name = `${model.providerId}/${model.modelId}`;
    requireKnown("model", name, await client.models());
  }
  if (agent) requireKnown("agent", agent, await client.agents());
}

function requireKnown(what: string, name: string, known: readonly string[]): void {
  if (known.includes(name)) return;
  const near = nearest(name, known);
  throw new RalphError("not_found", `the server has no ${what} \`${name}\``, [
    ...(near ? [{ text: `did you mean \`${near}\`?` }] : []),
    { text: `it has: ${known.slice(0, 20).join(", ")}${known.length > 20 ? ", …" : ""}` },
  ]);
}
