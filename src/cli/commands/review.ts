/** `ralph review <task>`: an independent review of what is there now. It writes nothing down. */
import { Command } from "@commander-js/extra-typings";
import { gateEnvironmentOf } from "../../app/gates.ts";
import { requireServer } from "../../app/require_server.ts";
import { clientAt } from "../../app/server_client.ts";
import { readSessions } from "../../control/liveness.ts";
import { requireChoices } from "../../control/preflight.ts";
import { RalphError } from "../../error.ts";
import { linesInside } from "../../host/files/line_count.ts";
import { textInside } from "../../host/files/outside.ts";
import { readWhole } from "../../host/files/read_file.ts";
import { changesSince } from "../../host/git/changes_since.ts";
import { treeChange, type TreeState, treeState } from "../../host/git/tree_state.ts";
import { gitText } from "../../host/git/run_git.ts";
import { enterSandbox, runInSandbox } from "../../host/process/server_sandbox.ts";
import { untilEnded } from "../../host/process/signals.ts";
import { portOf } from "../../host/system/port.ts";
import type { Emit, LoopEvent } from "../../loop/event.ts";
import { readAgenda } from "../../loop/iteration/backlog.ts";
import { createReviewer } from "../../loop/review/reviewer.ts";
import { reviewOrder } from "../../loop/review/session_reviewer.ts";
import type { ReviewBook } from "../../loop/review/tools.ts";
import { editingAgent } from "../../loop/server/editing_agent.ts";
import { priceList } from "../../loop/turn/price_list.ts";
import { createTurns } from "../../loop/turn/turn.ts";
import type { OpenCode } from "../../opencode/client.ts";
import { readSettings } from "../../settings/read.ts";
import { DEFAULT_REVIEW, type Settings } from "../../settings/settings.ts";
import { parseModel } from "../../settings/values.ts";
import type { Agenda } from "../../task/agenda.ts";
import type { Story } from "../../task/prd.ts";
import { type Task, taskFile } from "../../task/task_files.ts";
import type { ReviewFinding } from "../../store/model.ts";
import { findingWords, isTold } from "../../terminal/finding_words.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { allGates, recordOf } from "../../verify/claims.ts";
import { runGates } from "../../verify/gates/gates.ts";
import { eventLines } from "../../worker/narration.ts";
import { serverOption, taskArgument, to } from "../arguments.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT, exitCodeOfSignal } from "../exit_codes.ts";
import { taskToRun } from "../select/task_to_run.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("review")
    .addArgument(taskArgument("<task>"))
    .option(
      "-m, --model <provider/model>",
      "the reviewer's model (default: `review.model`)",
      to(parseModel),
    )
    .addOption(serverOption())
    .option(
      "--since <commit>",
      "what was changed since then (default: since the last session began)",
    )
    .option("--json", "as JSON, complete")
    .addHelpText(
      "after",
      `
The gates run first, and the stories that pass are reviewed; where none does, all are.

Examples:
  ralph review my-feature                 what was changed since its last session began
  ralph review my-feature --since main    since the branch left main`,
    )
    .action(async (task, { model, server, since, json = false }) => {
      done(await reviewNow(context, { task, model, server, since, json }));
    });
}

interface Order {
  task: string;
  model: Settings["model"];
  server: string | undefined;
  since: string | undefined;
  json: boolean;
}

/** It stands in no record: what it finds is told to the person who asked. */
function noBook(): ReviewBook {
  let seen: TreeState | undefined;
  return {
    earlier: () => [],
    begin: ({ stories }) =>
      Promise.resolve({ id: 0, openCodeTitle: `review · ${stories.join(", ")}` }),
    opened: () => Promise.resolve(),
    prompted() {},
    end: () => Promise.resolve(),
    tree: {
      keep(tree) {
        seen = tree;
        return Promise.resolve();
      },
      kept: () => seen,
    },
  };
}

async function reviewNow(context: CommandContext, order: Order): Promise<number> {
  const task = taskToRun(context, order.task);
  const { settings } = await readSettings({
    projectRoot: task.projectRoot,
    prdPath: task.prdPath,
    environment: context.environment,
    variableNames: [],
    readFile: readWhole,
    flags: { server: order.server },
  });
  const review = { ...settings.review || DEFAULT_REVIEW, ...order.model && { model: order.model } };
  const agenda = readAgenda(Deno, { task, promised: false });
  requireStories(task, agenda);
  const since = await sinceWhen(context, task, order.since);
  const { server: url, serverOfProject: ofProject } = settings;
  const client = clientAt(context, { url, ofProject, directory: task.projectRoot });
  await requireServer(context, client);
  await requireChoices(client, { ...settings, review });
  using ending = untilEnded();
  const found = await ask(context, {
    ...{ task, agenda, since, client, signal: ending.signal, json: order.json },
    settings: { ...settings, review },
  });
  if (!found) return exitCodeOfSignal(ending.name ?? "SIGTERM");
  const { out } = context.output;
  if (order.json) out.line(commandJson(found, 2));
  else for (const line of metLines(found.findings)) out.line(line);
  const isWell = found.outcome === "passed" && found.gates.every(({ passed }) => passed);
  return isWell ? EXIT.done : EXIT.failed;
}

/** A commit; undefined where there is none yet. Throws `RalphError` for one that is not there. */
async function sinceWhen(
  context: CommandContext,
  { projectRoot, dir }: Task,
  asked: string | undefined,
): Promise<string | undefined> {
  const last = readSessions(context, {
    read(store) {
      const session = store.lastSession(dir);
      return session && store.iterations(session.id).at(0)?.headBefore;
    },
    whenEmpty: undefined,
  });
  const name = asked ?? last ?? "HEAD";
  // The place where the two parted: what others did since is nobody's work here.
  const base = await gitText(
    projectRoot,
    ["merge-base", "--end-of-options", name, "HEAD"],
    context,
  );
  if (base !== undefined) return base.trim();
  if (asked === undefined) return undefined;
  throw new RalphError("usage", `there is no commit \`${plain(asked, 80)}\` that this branch has`, [
    { text: "see the commits", command: `git -C ${shellWord(projectRoot)} log --oneline` },
  ]);
}

interface Ask {
  task: Task;
  agenda: Agenda;
  settings: Settings & { review: Exclude<Settings["review"], false | undefined> };
  since: string | undefined;
  client: OpenCode;
  signal: AbortSignal;
  json: boolean;
}

/** Undefined when it was stopped. */
async function ask(context: CommandContext, order: Ask) {
  const { task, agenda, settings, since, client, signal, json } = order;
  const { clock, output: { out } } = context;
  const { review } = settings;
  let verdict: Extract<LoopEvent, { type: "review" }> | undefined;
  const emit: Emit = (event) => {
    if (event.type === "review") verdict = event;
    // Its answer is shown as it was read.
    if (json || event.type === "text") return;
    for (const line of eventLines(event, out.colors)) out.line(line);
  };
  const gates = await gatesNow(context, order, emit);
  if (!gates) return undefined;
  const streamEnd = new AbortController();
  const startedAt = clock.monotonic();
  const turns = createTurns({ client, clock, signal: streamEnd.signal });
  try {
    const reviewer = createReviewer({
      ...{ client, turns, clock, emit, book: noBook() },
      tell: ({ text }) => out.isTerminal && !json && out.line(`  ${text}`),
      tree: {
        state: (root, known) => treeState(root, { clock, known }),
        change: (root, between) => treeChange(root, { clock, ...between }),
      },
      changes: (root, options) => changesSince(root, { clock, ...options }),
      readText: textInside,
      linesOf: (root) => (file) => linesInside(root, file),
    }, {
      ...reviewOrder(task, { review, model: settings.model }),
      limits: settings.limits,
      agent: editingAgent({ client, emit }, settings, signal),
      prices: priceList({ client }, signal),
      spent: () => ({ costUsd: 0, tokens: 0, durationMs: clock.monotonic() - startedAt }),
      pauses: () => false,
      signal,
      withoutIt: `ralph run ${shellWord(task.name)} --no-review`,
    });
    const stories = storiesOf(agenda);
    const about = agenda.format ? agenda.about : textInside(taskFile(task), [task.projectRoot]);
    const reviewed = await reviewer.review({
      ...{ iteration: 0, final: true, stories, about, gates, since },
    });
    if (reviewed.kind === "stopped") return undefined;
    if (reviewed.kind === "none") {
      throw new RalphError("failed", `no review came about: ${reviewed.why}`);
    }
    if (!verdict) throw new Error("a review was judged, and nobody was told");
    const { outcome, detail, findings, usage, durationMs } = verdict;
    return { outcome, detail, findings, usage, durationMs, gates };
  } finally {
    streamEnd.abort();
    await turns.closed;
  }
}

/** What is met, and where that is seen: what is not, is told with the verdict. */
const metLines = (findings: readonly ReviewFinding[]) =>
  findings.filter((one) => !isTold(one)).map((one) =>
    `    ${plain(one.storyId, 60)}: ${findingWords(one)}`
  );

/** Throws `RalphError` (`usage`) where there is nothing to review: an answer about nothing finds nothing. */
function requireStories({ name }: Task, agenda: Agenda): void {
  if (storiesOf(agenda).length > 0) return;
  const none = `no story of \`${plain(name, 80)}\` is reviewed: each says that it wants no review`;
  throw new RalphError("usage", none, [
    { text: "run the gates alone", command: `ralph verify ${shellWord(name)}` },
  ]);
}

/** Those that are said to be done; where none is, all that may be reviewed. */
function storiesOf({ stories }: Agenda): readonly Story[] {
  const wanted = stories.filter(({ review }) => review !== false);
  const done = wanted.filter(({ passes }) => passes);
  return done.length > 0 ? done : wanted;
}

async function gatesNow(
  context: CommandContext,
  { task, agenda, settings, signal }: Ask,
  emit: Emit,
) {
  const { clock } = context;
  const results = await runGates(allGates(settings.verify, agenda), {
    cwd: task.projectRoot,
    env: gateEnvironmentOf(context, settings.gateEnv).variables,
    run: runInSandbox(enterSandbox(portOf(settings.server), clock)),
    clock,
    signal,
    defaultTimeoutMs: settings.limits.gateMs,
    onStart() {},
  });
  const gates = results?.map(recordOf);
  for (const { gate, ...one } of gates ?? []) emit({ type: "gate", name: gate, ...one });
  return gates;
}
