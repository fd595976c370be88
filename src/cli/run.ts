/** `ralph run <task>`: looks whether the loop can work, then starts it here or in the background. */
import * as path from "node:path";
import { RalphError } from "../error.ts";
import { startInBackground } from "../host/background.ts";
import { selfCommand } from "../host/self.ts";
import { allEnvironment, environmentNames } from "../host/environment.ts";
import { readFileIfAny, textEndsIfAny } from "../host/files.ts";
import { makePrivateFolder, taskKey } from "../host/paths.ts";
import { type EndingSignal, onEndingSignal } from "../host/signals.ts";
import { systemTree } from "../host/tree.ts";
import type { Emit } from "../loop/event.ts";
import { continuation } from "../loop/continuation.ts";
import { promptFacts } from "../loop/iteration.ts";
import { buildPrompt } from "../loop/prompt.ts";
import { type Agenda, prdWork, promptWork } from "../loop/work.ts";
import type { OpenCode } from "../opencode/client.ts";
import { readSettings } from "../settings/read.ts";
import type { Settings, SettingsPart } from "../settings/settings.ts";
import { findTask, type Task } from "../task/find.ts";
import { nearest } from "../task/nearest.ts";
import { nextStory } from "../task/prd.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import type { Context } from "./context.ts";
import { pathsOf } from "./store.ts";
import { chooseTask } from "./choose_task.ts";
import { clientAt } from "./client.ts";
import { requireServer } from "./require_server.ts";
import { EXIT, exitCodeOfSession } from "./exit_codes.ts";
import { liveView } from "./live_view.ts";
import { unread } from "./output.ts";
import { eventLines } from "./narration.ts";
import { ambiguous, readSessions, runningSession } from "./sessions.ts";
import { templateOf } from "./template.ts";
import {
  alreadyRunning,
  work,
  type WorkerInput,
  type WorkerOrder,
  type WorkerReport,
} from "./worker.ts";

export interface RunOptions {
  task?: string;
  flags: SettingsPart;
  foreground: boolean;
  json: boolean;
  /** A person's answer to what blocked the agent. */
  say?: string;
  /** Take the work as done without evidence. */
  accept: boolean;
  /** Only show what the agent would be told next. */
  printPrompt: boolean;
}

export async function run(context: Context, options: RunOptions): Promise<number> {
  const { flags, say: said, accept: accepted, json } = options;
  const task = taskToRun(context, options.task ?? await chooseTask(context));
  const agenda = agendaOf(task, { promised: accepted });
  const { settings, warnings } = await readSettings({
    projectRoot: task.projectRoot,
    environment: context.environment,
    variableNames: environmentNames(),
    readFile: readFileIfAny,
    flags,
  });
  const template = templateOf(task, settings);
  if (options.printPrompt) return printPrompt(context, { task, agenda, settings, template, said });
  const running = runningSession(context, task);
  if (running) throw alreadyRunning(task, running);
  if (accepted) requireSomethingToAccept(context, { task, agenda });

  if (agenda.stories.some((story) => !story.passes)) {
    const client = clientAt(context, { url: settings.server, directory: task.projectRoot });
    await requireServer(context, client);
    await checkChoices(client, settings);
  }
  for (const warning of warnings) context.output.err.line(`warning: ${warning}`);
  warnOfNeighbours(context, task);

  const order: WorkerOrder = { taskDir: task.dir, flags, said, accepted };
  return options.foreground
    ? await inForeground(context, order, json)
    : await inBackground(context, { task, order, json });
}

/** What there is to do now. Throws `RalphError` when the PRD cannot be read. */
function agendaOf(task: Task, { promised }: { promised: boolean }): Agenda {
  const { prdPath } = task;
  const work = prdPath
    ? prdWork({ files: Deno, task, prdPath, keep: () => {} })
    : promptWork({ task, promised });
  return work.read();
}

/** Prints what the agent would be told in the next iteration; nothing is started or written. */
function printPrompt(
  context: Context,
  { task, agenda, settings, template, said }: {
    task: Task;
    agenda: Agenda;
    settings: Settings;
    template?: string;
    said?: string;
  },
): number {
  const story = nextStory(agenda.stories);
  if (!story) {
    throw new RalphError("failed", `there is no prompt: all stories of \`${task.name}\` pass`);
  }
  const left = readSessions(context, {
    read(registry) {
      const session = registry.lastSession(task.dir);
      if (!session || !continuation(session)) return {};
      const failure = registry.iterations(session.id).at(-1)?.failure ?? undefined;
      return { failure, said: session.said ?? undefined };
    },
    whenEmpty: {},
  });
  const order = { task, story, agenda, settings, template, ...left, ...said && { said } };
  context.output.out.write(buildPrompt(promptFacts({ readText: textEndsIfAny }, order)));
  return EXIT.done;
}

/** Throws `RalphError` (`usage`) when there is no finished work that could be accepted. */
function requireSomethingToAccept(
  context: Context,
  { task, agenda }: { task: Task; agenda: Agenda },
): void {
  const open = agenda.stories.filter((story) => !story.passes).length;
  if (open > 0) {
    throw new RalphError(
      "usage",
      `cannot accept \`${task.name}\`: ${open} of ${agenda.stories.length} stories are open`,
      [{ text: "go on with it", command: `ralph run ${shellWord(task.name)}` }],
    );
  }
  if (task.prdPath) return;
  const reason = readSessions(context, {
    read: (registry) => registry.lastSession(task.dir)?.reason,
    whenEmpty: undefined,
  });
  if (reason === "unproven") return;
  throw new RalphError(
    "usage",
    `cannot accept \`${task.name}\`: its last session did not end with a claim that is unproven`,
    [{ text: "see how it ended", command: `ralph status ${shellWord(task.name)}` }],
  );
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
  // As in the background: the agent may remove the folder that the user stands in.
  Deno.chdir("/");
  const [out, err] = [unread(context.output.out), unread(context.output.err)];
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
  const { line, notAsUnit } = await startInBackground(
    [...selfCommand(context.mainUrl), "__worker"],
    {
      cwd: "/",
      stderrPath,
      input({ unit }) {
        const input: WorkerInput = { order, unit, environment: allEnvironment() };
        return JSON.stringify(input);
      },
      unit: {
        name: `ralph-${taskKey(task)}-${context.clock.now()}`,
        description: `ralph: ${plain(task.name, 80)}`,
      },
    },
  );
  if (notAsUnit !== undefined) {
    context.output.err.line(
      `warning: the worker is a process of this login, not a unit of systemd: ${
        plain(notAsUnit, 200)
      }`,
    );
  }
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
  { model, agent }: Pick<Settings, "model" | "agent">,
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
