/**
 * How a session begins: as a new one, or as the continuation of one that was paused or whose worker
 * died. Called by the worker that holds the task's lock.
 */
import type { Clock } from "../../clock.ts";
import { RalphError } from "../../error.ts";
import type { TreeState } from "../../host/git/tree_state.ts";
import type { OpenCode } from "../../opencode/client.ts";
import type { Iteration, Lease, Session, SessionStart, WorkerSettings } from "../../store/model.ts";
import type { Store } from "../../store/store.ts";
import {
  DEFAULT_SETTINGS,
  type Limits,
  type Settings,
  type SettingsPart,
} from "../../settings/settings.ts";
import type { Task } from "../../task/task_files.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { refuseOtherBranch } from "./other_branch.ts";
import { whyResumable, whyResumed } from "./resumable.ts";
import type { Past } from "../decide.ts";
import { finishNow } from "./finish_now.ts";
import { findTurn, unanswered } from "./find_turn.ts";
import { type KeptSettings, storedSettings, storeSettings } from "./kept_settings.ts";
import { aloneMs, recoveryOf } from "./recovery_policy.ts";
import {
  type Choices,
  flatBefore,
  flatNow,
  parseChoices,
  type SettingChange,
  settingChanges,
  type SettingSources,
} from "./setting_changes.ts";
import { parseTree, serializeTree } from "./tree_snapshot.ts";

export interface Begun {
  lease: Lease;
  settings: Settings;
  /** The iterations that have ended, oldest first. */
  past: readonly Past[];
  /** What the last of them left for the next prompt. */
  failure?: string;
  /** The one that was under way when the worker died. Nothing was done about it yet. */
  underWay?: Iteration;
  /** What evidence is measured against; undefined when git could not say. */
  startTree?: TreeState;
  /** How many of `past` a person knew who went on with the session after its end. */
  resumedAfter: number;
  /** A person goes on with it now, after its end: what it had kept is gone, as for a new one. */
  isResumed: boolean;
  /** How long earlier workers of the session worked, in milliseconds. */
  ranBeforeMs: number;
  said?: string;
  accepted: boolean;
  /** The id of the one story that it is for; undefined: it is for all. */
  only?: string;
  /** Whether the session before ended for want of evidence: what was claimed there still needs some. */
  owesEvidence: boolean;
  /** Why an earlier session goes on, in words; undefined for a new one. */
  continues?: string;
  /** What is not as it was when the session before began, or this one. */
  changes: readonly SettingChange[];
  /** Something that a person should know. */
  warnings: readonly string[];
}

export interface SessionOrder {
  task: Task;
  worker: Omit<WorkerSettings, "maxIterations">;
  /** As all sources say now. */
  settings: Settings;
  choices: Choices;
  /** Where the settings come from. */
  sources: SettingSources;
  /** What the command line says: it wins over what a session has kept. */
  flags: SettingsPart;
}

interface SessionTools {
  store: Store;
  client: OpenCode;
  clock: Clock;
  treeState: () => Promise<TreeState | undefined>;
  leftBranchAt: (branch: string) => Promise<number | undefined>;
}

/** Starts or continues the task's session. On the server nothing is done. */
export async function beginSession(tools: SessionTools, order: SessionOrder): Promise<Begun> {
  const { store } = tools;
  let previous = store.lastSession(order.task.dir);
  if (previous?.status === "running") {
    store.markWorkerDied(previous, "the worker ended without a word");
    previous = store.session(previous.id);
  }
  const why = previous && whyResumable(previous);
  if (previous && why !== undefined) return await goOn(tools, order, { previous, why });
  const resumed = previous && order.worker.resumes ? whyResumed(previous) : undefined;
  return previous && resumed !== undefined
    ? await goOn(tools, order, { previous, why: resumed, isOver: true })
    : await startNew(tools, order, previous);
}

async function startNew(
  { store, treeState }: SessionTools,
  { task, worker, settings, choices, sources }: SessionOrder,
  previous: Session | undefined,
): Promise<Begun> {
  const before = previous && store.sessionStart(previous.id);
  const owesEvidence = previous?.reason === "unproven";
  const { startTree, warnings } = owesEvidence && before?.tree
    ? storedTree(before.tree, previous.id)
    : { startTree: await treeState(), warnings: [] };
  const lease = store.startSession(
    { taskName: task.name, taskDir: task.dir, projectRoot: task.projectRoot },
    { ...worker, maxIterations: settings.limits.iterations },
    {
      settings: storeSettings({ ...settings, owesEvidence }),
      tree: startTree ? serializeTree(startTree) : null,
      choices: JSON.stringify(choices),
    },
  );
  const { said, accepted } = worker;
  const known = previous && knownOf(previous, before);
  const stopped = previous?.reason === "user_stop"
    ? store.iterations(previous.id).at(-1)
    : undefined;
  return {
    lease,
    settings,
    past: [],
    failure: stopped?.failure ?? undefined,
    startTree,
    resumedAfter: 0,
    isResumed: false,
    ranBeforeMs: 0,
    said,
    accepted,
    only: worker.onlyStory,
    owesEvidence,
    changes: settingChanges(known?.before ?? {}, flatNow(settings, choices), sources),
    warnings: [...known?.faults ?? [], ...warnings],
  };
}

async function goOn(
  tools: SessionTools,
  order: SessionOrder,
  { previous, why, isOver = false }: { previous: Session; why: string; isOver?: boolean },
): Promise<Begun> {
  const { store, client, clock } = tools;
  const { worker, settings: now, choices, sources, flags } = order;
  const start = store.sessionStart(previous.id);
  const { owesEvidence: owed, ...kept } = start
    ? await settingsOrEnd(tools, order, { start, previous })
    : { ...now, limits: limitsOf(previous, now), owesEvidence: false };
  const owesEvidence = owed || previous.reason === "unproven";
  const settings = {
    ...now,
    ...kept,
    serverOfProject: now.serverOfProject,
    limits: limitsOfContinued(kept, flags),
    // What a person leaves out now is left out.
    review: flags.review ?? kept.review,
  };
  const { startTree, warnings } = await startTreeOf(tools, order, { previous, start, isOver });
  const left = store.iterations(previous.id).find(({ outcome }) => outcome === null);
  const found = left && await findTurn(client, left).catch(unanswered);
  const leftReview = store.reviews(previous.id).findLast(({ outcome, iteration }) =>
    outcome === null && iteration === (left ?? store.iterations(previous.id).at(-1))?.number
  );
  const atWork = leftReview ? await findTurn(client, leftReview).catch(unanswered) : found;
  const seenAt = store.workerSeenAt(previous.id);
  const maxMs = settings.limits.turnMs;
  const lease = store.continueSession(
    previous.id,
    {
      ...worker,
      maxIterations: settings.limits.iterations,
      aloneMs: atWork && aloneMs(atWork, { seenAt, now: clock.now(), maxMs }),
    },
    {
      settings: storeSettings({ ...settings, owesEvidence }),
      tree: startTree ? serializeTree(startTree) : null,
      choices: JSON.stringify(choices),
    },
  );
  if (isOver && startTree) store.setStartTree(lease, serializeTree(startTree));
  const { before, faults } = knownOf(previous, start);
  const made = store.iterations(previous.id);
  const ended = made.filter(({ outcome }) => outcome !== null);
  const underWay = made.find(({ outcome }) => outcome === null);
  const session = store.session(previous.id);
  return {
    lease,
    settings,
    past: ended.map((one) => pastOf(one, { answered: worker.said !== undefined })),
    failure: ended.at(-1)?.failure ?? undefined,
    underWay,
    continues: underWay && found
      ? `continues session ${previous.id} with iteration ${underWay.number}: ` +
        recoveryOf(underWay, found, clock.now()).words
      : why,
    startTree,
    resumedAfter: session?.resumedAfter ?? 0,
    isResumed: isOver,
    ranBeforeMs: store.ranBeforeMs(previous.id),
    said: session?.said ?? undefined,
    accepted: session?.accepted ?? false,
    only: session?.onlyStory ?? undefined,
    owesEvidence,
    changes: settingChanges(before, flatNow(settings, choices), sources),
    warnings: [...faults, ...warnings],
  };
}

/**
 * What evidence is measured against. After its end a session has what a new one would have, since a
 * person may have worked meanwhile.
 */
async function startTreeOf(
  tools: SessionTools,
  { task }: SessionOrder,
  { previous, start, isOver }: {
    previous: Session;
    start: SessionStart | undefined;
    isOver: boolean;
  },
): Promise<{ startTree?: TreeState; warnings: readonly string[] }> {
  const { treeState } = tools;
  if (isOver && previous.reason !== "unproven") {
    return { startTree: await treeState(), warnings: [] };
  }
  if (!start?.tree) return { startTree: start ? undefined : await treeState(), warnings: [] };
  const kept = storedTree(start.tree, previous.id);
  const { startTree } = kept;
  if (!isOver && startTree) await refuseOtherBranch(tools, task, { previous, startTree });
  return kept;
}

/** `answered`: what the agent needed of a person is there now. */
function pastOf(
  { outcome, detail, failureKey, blocked, retryAt, counts, endedAt }: Iteration,
  { answered }: { answered: boolean },
): Past {
  return {
    outcome: outcome ?? "interrupted",
    detail: detail ?? "",
    failureKey: failureKey ?? undefined,
    blocked: answered ? undefined : blocked ?? undefined,
    refusal: retryAt === null
      ? undefined
      : { at: Date.parse(endedAt ?? retryAt), until: Date.parse(retryAt), free: !counts },
  };
}

/** What a session that goes on has kept, but for what the command line says. */
export function limitsOfContinued(
  kept: Pick<KeptSettings, "limits">,
  { limits = {} }: SettingsPart,
): Limits {
  const said = Object.fromEntries(
    Object.entries(limits).filter(([, value]) => value !== undefined),
  );
  return { ...DEFAULT_SETTINGS.limits, ...kept.limits, ...said };
}

/** Of a session that an earlier version started. */
function limitsOf({ maxIterations }: Session, { limits }: Settings): Settings["limits"] {
  return { ...limits, iterations: maxIterations ?? limits.iterations };
}

/**
 * The settings that a session goes on with. When they cannot be read it is ended, so that the next one
 * starts afresh: the agent may have changed those of now, and only a person may let them count.
 */
async function settingsOrEnd(
  { store, client, clock }: SessionTools,
  { task, worker, settings: { limits } }: SessionOrder,
  { start, previous }: { start: SessionStart; previous: Session },
): Promise<KeptSettings> {
  try {
    return storedSettings(start.settings, previous.id);
  } catch (error) {
    if (!(error instanceof RalphError)) throw error;
    const settings = { ...worker, maxIterations: limits.iterations };
    await finishNow({ store, client, clock }, store.continueSession(previous.id, settings, start), {
      outcome: "interrupted",
      status: "failed",
      reason: "internal_error",
      detail: error.message,
    });
    throw new RalphError("state", `${error.message}. The session was ended`, [
      {
        text: "see what was changed in the settings that a new session begins with",
        command: `git -C ${shellWord(task.projectRoot)} log -p --max-count=3 -- ralph.json`,
      },
      { text: "begin a new session", command: `ralph run ${shellWord(task.dir)}` },
    ], { cause: error });
  }
}

/** What evidence is measured against: when it cannot be read nothing is proved, as without git. */
function storedTree(
  text: string,
  session: number,
): { startTree?: TreeState; warnings: readonly string[] } {
  const what = `what was in the work tree when session ${session} began, in the database`;
  try {
    return { startTree: parseTree(text, what), warnings: [] };
  } catch (error) {
    if (!(error instanceof RalphError)) throw error;
    return { warnings: [error.message] };
  }
}

/** What an earlier session began with, as far as that can be read; `faults` says what cannot. */
function knownOf(previous: Session, start: SessionStart | undefined) {
  const faults: string[] = [];
  const read = <T>(text: string | null | undefined, parse: (text: string, id: number) => T) => {
    try {
      return typeof text === "string" ? parse(text, previous.id) : undefined;
    } catch (error) {
      if (!(error instanceof RalphError)) throw error;
      faults.push(
        `${error.message}; whether they changed since is not known, look at \`ralph.json\``,
      );
      return undefined;
    }
  };
  const before = flatBefore(previous, {
    settings: read(start?.settings, storedSettings),
    choices: read(start?.choices, parseChoices),
  });
  return { before, faults };
}
