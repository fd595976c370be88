/** `ralph run <task>`: looks whether the loop can work, then starts it here or in the background. */
import * as path from "node:path";
import { Command, Option } from "@commander-js/extra-typings";
import { requireInside } from "../../app/inside.ts";
import { requireOwnFolders } from "../../app/own_folders.ts";
import { promptOf } from "../../app/prompt_file.ts";
import { requireServer } from "../../app/require_server.ts";
import { requireWritable } from "../../app/writable.ts";
import { clientAt } from "../../app/server_client.ts";
import { whileLoading } from "../../app/server_places.ts";
import { alreadyRunning } from "../../control/already_running.ts";
import { missingHookPrograms } from "../../control/hook_programs.ts";
import {
  nothingToDo,
  onlyDone,
  requireChoices,
  requireFreeTree,
  requireResumable,
  requireSomethingToAccept,
  requireWritten,
} from "../../control/preflight.ts";
import { awaitEnd, readSessions, runningSession } from "../../control/liveness.ts";
import type { SessionStarted, WorkerOrder } from "../../control/protocol.ts";
import { homeRootOf } from "../../control/worktree/find.ts";
import { startWorker } from "../../control/start.ts";
import { openWarning } from "../../doctor/password.ts";
import { managedWarning } from "../../doctor/service.ts";
import { RalphError } from "../../error.ts";
import { listenersOn, portOf } from "../../host/system/port.ts";
import { STATE_VARIABLE } from "../../host/files/paths.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { textInside } from "../../host/files/outside.ts";
import { readWhole, textOf } from "../../host/files/read_file.ts";
import { placeOfBranch } from "../../host/git/remote_branch.ts";
import { repositoryState } from "../../host/git/repository.ts";
import { environmentNames, setVariable } from "../../host/system/environment.ts";
import { serverEnv } from "../../host/system/server_env.ts";
import { readAgenda } from "../../loop/iteration/backlog.ts";
import { promptFacts } from "../../loop/iteration/iteration.ts";
import { buildPrompt } from "../../loop/iteration/prompt.ts";
import { whyResumable } from "../../loop/session/resumable.ts";
import { requireDependencies } from "../../queue/dependencies.ts";
import { openCodeSettings } from "../../opencode/settings_files.ts";
import { readSettings } from "../../settings/read.ts";
import type { Settings, SettingsPart } from "../../settings/settings.ts";
import { parseDuration, parseModel } from "../../settings/values.ts";
import type { Agenda } from "../../task/agenda.ts";
import { remarksOnOtherPrds } from "../../task/other_prds.ts";
import type { Task } from "../../task/task_files.ts";
import { nextStory } from "../../task/prd.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { wrap } from "../../terminal/table.ts";
import { eventLines } from "../../worker/narration.ts";
import { branchOf } from "../../worker/system_host.ts";
import { integer, serverOption, taskArgument, to } from "../arguments.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT, exitCodeOfSession } from "../exit_codes.ts";
import { runHere } from "../foreground.ts";
import { LIMIT_OPTIONS, limitsFrom } from "../limit_options.ts";
import { eventJson } from "../output/event_json.ts";
import { columnsOf, safeOnTerminal } from "../output/streams.ts";
import { tellPlan } from "../output/plan.ts";
import { tellProtection } from "../output/protection.ts";
import { warnOfCode } from "../output/warn_of_code.ts";
import { meansQueue } from "../queue/means_queue.ts";
import { askWhetherToBegin } from "../select/ask_whether_to_begin.ts";
import { chooseTask } from "../select/choose_task.ts";
import { taskToWorkOn } from "../own_worktree.ts";
import { taskToRun } from "../select/task_to_run.ts";
import { endLines } from "./wait.ts";

const EXAMPLES = `
Examples:
  ralph run my-feature              in the background: tasks/my-feature at the git root
  ralph run                         what is queued; else the task with open stories, or asks which
  ralph run my-feature -f -n 3      here, three iterations at most
  ralph run my-feature --max-cost 5 --max-duration 8h
  ralph run my-feature --only US-003
  ralph run my-feature --worktree   beside whatever else works here; \`ralph land\` brings it home
  ralph run my-feature --say 'the key is in .env now'
  ralph run ../other/tasks/thing    by path
  ralph run login cart --max-cost 9 one after the other, for $9 in all
  ralph run --all --fail-fast       every open task here, until one fails
  ralph run login cart --parallel 2 both at once; \`ralph land\` brings each home

Several tasks are queued, and run one after the other, or so many at once as --parallel says, each as a
session of its own: what one depends on comes first (\`dependsOn\` in ralph.json or in its PRD), and one
that fails does not stop the others. --max-cost and --max-tokens are then for all of them together, every
other limit for each. The queue goes on after a crash or a reboot with the next \`ralph run\`, or with
\`ralph resume --interrupted\`.`;

export function command(context: CommandContext, done: Done) {
  const run = new Command("run")
    .addArgument(taskArgument("[task...]"))
    .option("--all", "run every task of this project that has open stories, one after the other")
    .option("--fail-fast", "of several tasks, start no other once one has failed")
    .option(
      "--parallel <n>",
      "of several tasks, run so many at once, each in a git worktree of its own",
      integer(1),
    )
    .option(
      "-m, --model <provider/model>",
      "use this model (default: the server's)",
      to(parseModel),
    )
    .option("-a, --agent <name>", "use this agent (default: the server's, if it may edit)")
    .addOption(serverOption())
    .option(
      "--base-branch <name>",
      "create the PRD's branch from this one (default: the current one)",
    )
    .option("--worktree", "work in a git worktree of its own, beside the project")
    .option("--say <text>", "give the agent this answer to what it needed from a person")
    .option(
      "--accept",
      "accept finished work without evidence; the gates still run",
    )
    .option("--no-review", "leave out the review that the settings ask for")
    .option("--only <story>", "work on this story, and end when it passes")
    // `ralph resume <task>`
    .addOption(new Option("--resume").hideHelp())
    .option("--print-prompt", "show the agent's next prompt, and start nothing")
    .option("-f, --foreground", "run the loop here and show what it does; Ctrl-C stops it")
    .option("--json", "print one JSON object; with --foreground, one for each event")
    .option(
      "-v, --verbose",
      "with --foreground --json, also each bit of text, as it is written",
    )
    .option(
      "--state <folder>",
      "keep all of ralph's own files there, to be taken to another machine",
    )
    .option(
      "--grace <time>",
      "with --foreground, end within this long of SIGTERM, recorded or not",
      to(parseDuration),
    )
    .optionsGroup("Limits:")
    .addHelpText("after", EXAMPLES)
    .action(async (tasks, options) => {
      const { foreground = false, json = false, accept = false, printPrompt = false } = options;
      const { verbose = false, state, grace: graceMs, resume = false } = options;
      const stateFolder = state && path.resolve(context.cwd(), state);
      if (stateFolder) setVariable(STATE_VARIABLE, stateFolder);
      const { server, model, agent, baseBranch, worktree, say, only } = options;
      const chosen = { server, model, agent, baseBranch, worktree };
      const review = options.review ? undefined : false as const;
      const flags = { ...chosen, review, limits: limitsFrom(options) };
      const told = { foreground, json, verbose, printPrompt, graceMs, state: stateFolder };
      const how = { flags, ...told, say, only, accept, resume };
      const { all = false, failFast = false, parallel } = options;
      const isQueue = await meansQueue(context, tasks, { ...how, all, failFast, parallel });
      if (!isQueue) return done(await runTask(context, { task: tasks.at(0), ...how }));
      const { runTasks } = await import("../queue/run_tasks.ts");
      done(await runTasks(context, { ...how, names: tasks, all, failFast, parallel }));
    });
  for (const option of LIMIT_OPTIONS) run.addOption(option);
  return run;
}

interface RunOptions {
  /** As a person named it, or one that is known. */
  task?: string | Task;
  flags: SettingsPart;
  foreground: boolean;
  json: boolean;
  /** Tell programs what only a live view shows, too. */
  verbose: boolean;
  /** A person's answer to what blocked the agent. */
  say?: string;
  /** The id of the one story to work on. */
  only?: string;
  /** Take the work as done without evidence. */
  accept: boolean;
  /** How long the foreground may take to end after SIGTERM. */
  graceMs?: number;
  /** Where all of ralph's own files are, where an option says so. */
  state?: string;
  /** Only show the agent's next prompt. */
  printPrompt: boolean;
  /** Go on with the last session, however it ended. */
  resume: boolean;
}

export async function runTask(context: CommandContext, options: RunOptions): Promise<number> {
  const { flags, say: said, accept: accepted, only, json, state } = options;
  requireOwnFolders(context);
  const found = await taskToWorkOn(context, await taskOf(context, options), options);
  if ("ended" in found) return found.ended;
  const { task } = found;
  const agenda = readAgenda(Deno, { task, promised: accepted });
  const { settings, warnings } = await readSettings({
    projectRoot: task.projectRoot,
    homeRoot: homeRootOf(context, task.projectRoot),
    prdPath: task.prdPath,
    environment: context.environment,
    variableNames: environmentNames(),
    readFile: readWhole,
    flags,
  });
  requireInside(context, task, settings);
  const { template, foreign } = promptOf(task, settings);
  if (options.printPrompt) {
    return printPrompt(context, { task, agenda, settings, template, said, only, json });
  }
  const running = runningSession(context, task);
  if (running) throw alreadyRunning(task, running);
  if (options.resume) requireResumable(context, task, flags.limits ?? {});
  await requireDependencies(context, task, settings);
  requireFreeTree(context, task);
  requireWritten(task, agenda);
  await requireWritable(context, task);
  const others = remarksOnOtherPrds(task, agenda.stories, systemTree);
  const remarks = [...agenda.remarks ?? [], ...others, ...notOurs(foreign)];
  for (const remark of remarks) context.warn(remark);
  if (accepted) requireSomethingToAccept(context, { task, agenda });
  else {
    const isOpen = agenda.stories.some(({ passes }) => !passes);
    // Where all pass the gates have the word, whichever story is asked for.
    const done = only === undefined || !isOpen
      ? nothingToDo(context, { task, agenda, verify: settings.verify })
      : onlyDone(task, agenda, only);
    if (done !== undefined) return tellNothingToDo(context, { task, done, json, agenda });
  }
  if (others.length > 0 && !json) await askWhetherToBegin(context, task, agenda);

  await tellWhatIsToCome(context, { task, agenda, settings, warnings, flags, only, json });
  const { dir: taskDir, projectRoot } = task;
  const order: WorkerOrder = {
    taskDir,
    projectRoot,
    flags,
    said,
    accepted,
    only,
    resumes: options.resume,
  };
  return options.foreground
    ? await runHere(context, order, { ...options, bell: settings.notify })
    : await runInBackground(context, { task, order, settings, json, agenda, state });
}

/** The plan, with what will go wrong. Throws where that ends the run before it begins. */
async function tellWhatIsToCome(
  context: CommandContext,
  { task, agenda, settings, warnings, flags, only, json }: {
    task: Task;
    agenda: Agenda;
    settings: Settings;
    warnings: readonly string[];
    flags: SettingsPart;
    only?: string;
    json: boolean;
  },
): Promise<void> {
  // Before the first request that has the server load the project.
  warnOfCode(context, task);
  const branch = branchOf(task);
  const [chosen, repository, branchPlace] = await Promise.all([
    choicesOf(context, { task, agenda, settings }),
    repositoryState(task.projectRoot, context.clock),
    branch === undefined ? undefined : placeOfBranch(task.projectRoot, branch, context.clock),
  ]);
  for (const warning of [...warnings, ...missingHookPrograms(context, settings)]) {
    context.warn(warning);
  }
  for (const { fault } of openCodeSettings(task.projectRoot, textOf)) {
    if (fault !== undefined) {
      context.warn(`${fault}; OpenCode will not work here once it is restarted`);
    }
  }
  const asked = { chosen, repository, branchPlace };
  tellPlan(context, { task, agenda, settings, flags, only, ...asked, quiet: json });
}

/** Undefined where no agent works. Throws where the server cannot be used, or lacks what is chosen. */
async function choicesOf(
  context: CommandContext,
  { task, agenda, settings }: { task: Task; agenda: Agenda; settings: Settings },
) {
  if (agenda.stories.every((story) => story.passes)) return undefined;
  const { server: url, serverOfProject: ofProject } = settings;
  const client = clientAt(context, { url, ofProject, directory: task.projectRoot });
  const { generation } = await requireServer(context, client);
  if (generation === 2) await warnOfManaged(context, url);
  const warning = openWarning(serverEnv(context.environment));
  if (warning !== undefined) context.warn(warning);
  const onWait = (words: string) => context.output.err.line(`Waiting for its turn: ${words}.`);
  const loading = { task, server: url, onWait };
  const choices = await whileLoading(context, loading, () => requireChoices(client, settings));
  return { ...choices, server: { generation, url, passwordFile: client.passwordFile } };
}

/** The background service that OpenCode 2 keeps by itself is no server for this. */
async function warnOfManaged(context: CommandContext, url: string): Promise<void> {
  const warning = managedWarning(await listenersOn(portOf(url), context.clock) ?? []);
  if (warning !== undefined) context.warn(warning);
}

/** A prompt that was written for another loop tells the agent what that one does. */
function notOurs(file: string | undefined): readonly string[] {
  if (file === undefined) return [];
  const shown = plain(file, 200);
  return [
    `${shown} is not used: nothing of ralph's, such as \`{{rules}}\`, is placed in it; to use ` +
    `it all the same, name it as \`prompt\` in ralph.json`,
  ];
}

async function taskOf(context: CommandContext, { task }: RunOptions): Promise<Task> {
  if (task === undefined) return await chooseTask(context);
  return typeof task === "string" ? taskToRun(context, task) : task;
}

/** Prints the prompt of the next iteration; nothing is started or written. */
function printPrompt(
  context: CommandContext,
  { task, agenda, settings, template, said, only, json }: {
    task: Task;
    agenda: Agenda;
    settings: Settings;
    template?: string;
    said?: string;
    only?: string;
    json: boolean;
  },
): number {
  const done = only === undefined ? undefined : onlyDone(task, agenda, only);
  const story = only === undefined
    ? nextStory(agenda.stories)
    : agenda.stories.find(({ id, passes }) => id === only && !passes);
  if (!story) {
    const why = done ?? `all stories of \`${task.name}\` pass`;
    throw new RalphError("failed", `there is no prompt: ${why}`);
  }
  const left = readSessions(context, {
    read(store) {
      const session = store.lastSession(task.dir);
      const words = store.waitingWords(task.dir);
      if (!session || !whyResumable(session)) return { words };
      const failure = store.iterations(session.id).at(-1)?.failure ?? undefined;
      return { failure, words, said: session.said ?? undefined };
    },
    whenEmpty: { words: [] },
  });
  const order = { task, story, agenda, settings, template, ...left, ...said && { said } };
  const { out } = context.output;
  const prompt = buildPrompt(promptFacts({ readText: textInside }, order));
  if (json) {
    const event = { type: "prompt", task: task.name, story: story.id, prompt };
    out.line(eventJson(event, context.clock));
  } else out.write(out.isTerminal ? safeOnTerminal(prompt) : prompt);
  return EXIT.done;
}

function tellNothingToDo(
  { output: { out }, clock }: CommandContext,
  { task, done, json, agenda }: { task: Task; done: string; json: boolean; agenda: Agenda },
): number {
  const { name } = task;
  out.line(
    json
      ? eventJson({ type: "nothing_to_do", task: name, detail: done }, clock)
      : `${name}: ${done}`,
  );
  return agenda.stories.some(({ passes }) => !passes) ? EXIT.unfinished : EXIT.done;
}

async function runInBackground(
  context: CommandContext,
  { task, order, settings, json, agenda, state }: {
    task: Task;
    order: WorkerOrder;
    settings: Settings;
    json: boolean;
    agenda: Agenda;
    state?: string;
  },
): Promise<number> {
  const started = await startWorker(context, task, order, settings);
  const { out } = context.output;
  // No agent works in it, and the gates say what became of the task: a matter of their time alone.
  const isForGates = task.prdPath !== undefined && started.continues === undefined &&
    agenda.stories.every(({ passes }) => passes);
  if (!json) {
    for (const line of eventLines(started, out.colors)) out.line(line);
    await tellProtection(context, { root: task.projectRoot, tasks: [task], settings });
    out.line("");
  }
  const name = shellWord(task.name);
  if (isForGates) {
    if (!json) {
      out.line("All stories pass; now the gates are checked, and no agent works.");
      out.line(`Ctrl-C leaves that to the worker: \`ralph wait ${name}\` tells how it ended.`);
    }
    return await verdictOf(context, started, json);
  }
  if (json) {
    out.line(eventJson(started, context.clock));
    return EXIT.done;
  }
  if (state !== undefined) {
    // Without it they would look elsewhere, and find no session.
    out.line(`  first    export ${STATE_VARIABLE}=${shellWord(state)}`);
  }
  out.line(`  look     ralph status ${name}`);
  out.line(`  follow   ralph logs ${name} --follow`);
  out.line(`  attach   ralph attach ${name}`);
  out.line(`  stop     ralph stop ${name}`);
  return EXIT.done;
}

/** Waits for the end of a session in which only gates run. Returns its exit code. */
async function verdictOf(
  context: CommandContext,
  started: SessionStarted,
  json: boolean,
): Promise<number> {
  const session = readSessions(context, {
    read: (store) => store.session(started.session),
    whenEmpty: undefined,
  });
  if (!session) throw new Error(`session ${started.session} has begun and is not on record`);
  const end = await awaitEnd(context, session, {});
  const { out } = context.output;
  const { status, reason, detail } = end;
  if (json) out.line(eventJson({ ...started, status, reason, detail }, context.clock));
  else {
    for (const line of endLines(end).flatMap((one) => wrap(one, columnsOf(out)))) out.line(line);
  }
  return exitCodeOfSession(end);
}
