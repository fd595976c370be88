/** What a run is about to do, told before it costs anything, and what will go wrong with it. */
import { onPath } from "../../app/names.ts";
import type { Chosen } from "../../control/preflight.ts";
import { readSessions } from "../../control/liveness.ts";
import type { Verdict } from "../../doctor/check.ts";
import { RalphError } from "../../error.ts";
import { modelVerdict } from "../../doctor/model.ts";
import type { CommandServer } from "../../opencode/commands.ts";
import { gatesVerdict } from "../../doctor/project.ts";
import type { BranchPlace } from "../../host/git/remote_branch.ts";
import type { RepositoryState } from "../../host/git/repository.ts";
import { limitsOfContinued } from "../../loop/session/begin.ts";
import { storedSettings } from "../../loop/session/kept_settings.ts";
import { whyResumable } from "../../loop/session/resumable.ts";
import {
  type Limits,
  modelName,
  type ReviewSettings,
  type Settings,
  type SettingsPart,
} from "../../settings/settings.ts";
import type { Session } from "../../store/model.ts";
import type { Agenda } from "../../task/agenda.ts";
import { nextStory } from "../../task/prd.ts";
import type { Gate } from "../../task/gate.ts";
import type { Task } from "../../task/task_files.ts";
import { storiesOpen } from "../../task/stories_open.ts";
import { duration, plural } from "../../terminal/format.ts";
import { plain } from "../../terminal/plain.ts";
import { table } from "../../terminal/table.ts";
import { allGates, gatesOfTask } from "../../verify/claims.ts";
import { branchOf } from "../../worker/system_host.ts";
import type { CommandContext } from "../command_context.ts";
import { isOfThisProject } from "../select/other_project.ts";
import { factsOf } from "../doctor_probes/project.ts";
import { columnsOf } from "./streams.ts";

interface PlanOrder {
  task: Task;
  agenda: Agenda;
  /** As all sources say now. */
  settings: Settings;
  /** Of these, what the command line says. */
  flags: SettingsPart;
  /** Undefined where no agent works, since all stories pass. */
  chosen?: Chosen & { server: CommandServer };
  /** Undefined where git does not answer in time. */
  repository?: RepositoryState;
  /** Of the PRD's branch; undefined where it names none, or git does not answer in time. */
  branchPlace?: BranchPlace;
  /** Only what will go wrong is told. */
  quiet: boolean;
}

/**
 * Tells it as a few lines, and warns by the doctor's own judgements. Throws `RalphError` (`usage`) where
 * a gate of the whole task cannot run: the session would end before its first turn.
 */
export function tellPlan(context: CommandContext, order: PlanOrder): void {
  const { task, agenda, chosen } = order;
  const { last, state } = lastOf(context, task);
  const settings = settingsOf(order, last);
  const gates = allGates(settings.verify, agenda);
  const model = chosen?.models && modelVerdict(chosen.models, chosen);
  const judged = (some: readonly Gate[]) =>
    gatesVerdict(factsOf(context, some, settings.gateEnv), {
      onPath: (name) => onPath(context, name),
      names: { ralph: "ralph" },
    });
  const ofTask = judged(gatesOfTask(settings.verify, agenda));
  if (ofTask.level === "fail") {
    const what = `cannot run \`${plain(task.name, 80)}\``;
    throw new RalphError("usage", `${what}: ${ofTask.found}`, ofTask.remedy);
  }
  if (!order.quiet) {
    const { out } = context.output;
    const rows = [
      ...isOfThisProject(context, task.projectRoot)
        ? []
        : [["project", plain(task.projectRoot, 200)]],
      ...agenda.format === undefined ? [] : [["story", storyWords(agenda)]],
      ...chosen ? [["model", modelWords(model)], ["agent", chosen.agent]] : [],
      ["gates", gatesWords(gates.map(({ name }) => name), state)],
      ...chosen && settings.review !== undefined
        ? [["review", reviewWords(settings.review, agenda)]]
        : [],
      ["branch", branchWords(order)],
      ...chosen ? [["limits", limitsWords(settings.limits, last?.goesOn ? last : undefined)]] : [],
    ];
    const lines = table(rows.map(([key, value]) => [`  ${key.padEnd(6)}`, value]), columnsOf(out));
    for (const line of lines) out.line(line);
  }
  for (const verdict of [model, ...gates.length > 0 ? [judged(gates)] : []]) {
    warnOf(context, verdict);
  }
  if (chosen?.mayNotEdit) {
    context.warn(`the agent ${chosen.agent} may not edit files: no work can come of it`);
  }
}

function warnOf(context: CommandContext, verdict: Verdict | undefined): void {
  if (verdict?.level !== "warn" && verdict?.level !== "fail") return;
  const { found, because, remedy: [first] } = verdict;
  const how = first === undefined
    ? ""
    : `; ${first.text}${first.command === undefined ? "" : `: ${first.command}`}`;
  context.warn(`${found}: ${because}${how}`);
}

interface Last {
  session: Session;
  /** The settings that it began with, as they are stored. */
  start?: string;
  /** This run goes on with it. */
  goesOn: boolean;
}

/** The task's last session, and how each gate ended when it ran last. */
function lastOf(
  context: CommandContext,
  { dir }: Task,
): { last?: Last; state: ReadonlyMap<string, boolean> } {
  const read = readSessions(context, {
    read(store) {
      const session = store.lastSession(dir);
      if (!session) return undefined;
      const { gates } = store.findings(session.id);
      const last = {
        session,
        start: store.sessionStart(session.id)?.settings,
        goesOn: whyResumable(session) !== undefined,
      };
      return { last, state: new Map(gates.map(({ gate, passed }) => [gate, passed])) };
    },
    whenEmpty: undefined,
  });
  return read ?? { state: new Map() };
}

/** A session that goes on has kept its gates and its limits, but for what the command line says. */
function settingsOf({ settings, flags }: PlanOrder, last: Last | undefined) {
  if (!last?.goesOn || last.start === undefined) return settings;
  const kept = storedSettings(last.start, last.session.id);
  const review = flags.review ?? kept.review;
  return { ...kept, review, limits: limitsOfContinued(kept, flags) };
}

function storyWords({ stories }: Agenda): string {
  const open = stories.filter(({ passes }) => !passes).length;
  const next = nextStory(stories);
  if (!next) return open === 0 ? "all pass" : storiesOpen(open, stories.length);
  return `${plain(next.id, 40)} ${plain(next.title, 100)} (${storiesOpen(open, stories.length)})`;
}

function modelWords(verdict: Verdict | undefined): string {
  if (!verdict) return "the server's choice";
  return verdict.level === "skip" ? verdict.because : verdict.found;
}

const SHOWN_MAX = 4;

/** Each with how it ended when it ran last. */
function gatesWords(
  names: readonly string[],
  state: ReadonlyMap<string, boolean>,
): string {
  if (names.length === 0) return "none: the agent's word decides what is done";
  const shown = [...new Set(names)].slice(0, SHOWN_MAX).map((name) => {
    const passed = state.get(name);
    const how = passed === undefined ? "not run yet" : passed ? "passed last" : "failed last";
    return `${plain(name, 60)} (${how})`;
  });
  const more = new Set(names).size - shown.length;
  return shown.join(", ") + (more > 0 ? `, and ${more} more` : "");
}

function reviewWords(review: ReviewSettings | false, { stories }: Agenda): string {
  if (!review) return "none: it is left out";
  const { model, rounds, when } = review;
  const leftOut = stories.filter(({ review }) => review === false);
  if (leftOut.length > 0 && leftOut.length === stories.length) {
    return "none: each story says that it wants none";
  }
  const by = model ? plain(modelName(model), 80) : "the same model";
  const at = when === "story" ? "before each story counts as done" : "once, before the end";
  const but = leftOut.length > 0
    ? `; none of ${plain(leftOut.map(({ id }) => id).join(", "), 200)}, which want none`
    : "";
  return `by ${by}, ${at}; ${plural(rounds, "refusal")} in a row end the session${but}`;
}

function branchWords({ task, settings, repository, branchPlace }: PlanOrder): string {
  const wanted = branchOf(task);
  const current = repository && (repository.branch ?? "none");
  if (current === undefined) return wanted === undefined ? "not known" : plain(wanted, 80);
  if (wanted === undefined || wanted === current) return plain(current, 80);
  const base = plain(settings.baseBranch ?? current, 80);
  const begins = branchPlace?.kind === "here"
    ? ""
    : branchPlace?.kind === "pushed"
    ? `; begins at ${plain(branchPlace.remote, 80)}, which it tracks`
    : `; a new one begins at ${base}`;
  return `${plain(wanted, 80)} (now on ${plain(current, 80)}${begins})`;
}

/** `last`: whose counts go on. */
function limitsWords(
  { iterations, costUsd, tokens, durationMs }: Limits,
  last: { session: Pick<Session, "iterations"> } | undefined,
): string {
  const used = last ? `, ${last.session.iterations} of them made` : "";
  return [
    `${plural(iterations, "iteration")}${used}`,
    costUsd === undefined ? "no limit on cost" : `$${costUsd}`,
    ...tokens === undefined ? [] : [plural(tokens, "token")],
    ...durationMs === undefined ? [] : [duration(durationMs)],
  ].join("; ");
}
