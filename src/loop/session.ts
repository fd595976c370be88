/**
 * How a session begins: as a new one, or as the continuation of one that was paused or whose worker
 * died. Called by the worker that holds the task's lock.
 */
import type { Clock } from "../clock.ts";
import type { TreeState } from "../host/git.ts";
import type { OpenCode } from "../opencode/client.ts";
import type { Iteration, Lease, Session, WorkerSettings } from "../registry/model.ts";
import type { Registry } from "../registry/registry.ts";
import { DEFAULT_SETTINGS, type Settings, type SettingsPart } from "../settings/settings.ts";
import type { Task } from "../task/find.ts";
import { continuation } from "./continuation.ts";
import type { Past } from "./decide.ts";
import { findTurn, unanswered } from "./found_turn.ts";
import { recoveryOf } from "./recovery.ts";
import { storedTree, storeTree } from "./stored_tree.ts";

/** What of the settings is the session's own: it stays as it was at its start. */
type KeptSettings = Pick<Settings, "verify" | "protect" | "tests" | "limits"> & {
  /** The session before it ended for want of evidence. */
  owesEvidence: boolean;
};

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
  /** How long earlier workers of the session worked, in milliseconds. */
  ranBeforeMs: number;
  said?: string;
  accepted: boolean;
  /** Whether the session before ended for want of evidence: what was claimed there still needs some. */
  owesEvidence: boolean;
  /** Why an earlier session goes on, in words; undefined for a new one. */
  continues?: string;
  /** Something that a person should know. */
  warnings: readonly string[];
}

export interface SessionOrder {
  task: Task;
  worker: Omit<WorkerSettings, "maxIterations">;
  /** As all sources say now. */
  settings: Settings;
  /** What the command line says: it wins over what a session has kept. */
  flags: SettingsPart;
}

interface SessionTools {
  registry: Registry;
  client: OpenCode;
  clock: Clock;
  treeState: () => Promise<TreeState | undefined>;
}

/** Starts or continues the task's session. On the server nothing is done. */
export async function beginSession(tools: SessionTools, order: SessionOrder): Promise<Begun> {
  const { registry } = tools;
  let previous = registry.lastSession(order.task.dir);
  if (previous?.status === "running") {
    registry.markWorkerDied(previous, "the worker ended without a word");
    previous = registry.session(previous.id);
  }
  const why = previous && continuation(previous);
  return previous && why !== undefined
    ? await goOn(tools, order, { previous, why })
    : await startNew(tools, order, previous);
}

async function startNew(
  { registry, treeState }: SessionTools,
  { task, worker, settings }: SessionOrder,
  previous: Session | undefined,
): Promise<Begun> {
  const before = previous && registry.sessionStart(previous.id);
  const owesEvidence = previous?.reason === "unproven";
  const startTree = owesEvidence && before?.tree ? storedTree(before.tree) : await treeState();
  const lease = registry.startSession(
    { taskName: task.name, taskDir: task.dir, projectRoot: task.projectRoot },
    { ...worker, maxIterations: settings.limits.iterations },
    {
      settings: storeSettings({ ...settings, owesEvidence }),
      tree: startTree ? storeTree(startTree) : null,
    },
  );
  const { said, accepted } = worker;
  const warnings = before && previous
    ? settingsWarnings(storedSettings(before.settings), settings, previous.id)
    : [];
  return {
    lease,
    settings,
    past: [],
    startTree,
    ranBeforeMs: 0,
    said,
    accepted,
    owesEvidence,
    warnings,
  };
}

async function goOn(
  { registry, client, clock, treeState }: SessionTools,
  { worker, settings: now, flags }: SessionOrder,
  { previous, why }: { previous: Session; why: string },
): Promise<Begun> {
  const start = registry.sessionStart(previous.id);
  const { owesEvidence, ...kept } = start
    ? storedSettings(start.settings)
    : { ...now, limits: limitsOf(previous, now), owesEvidence: false };
  const settings = {
    ...now,
    ...kept,
    limits: { ...DEFAULT_SETTINGS.limits, ...kept.limits, ...saidLimits(flags) },
  };
  const startTree = start ? start.tree && storedTree(start.tree) : await treeState();
  const lease = registry.continueSession(
    previous.id,
    { ...worker, maxIterations: settings.limits.iterations },
    {
      settings: storeSettings({ ...settings, owesEvidence }),
      tree: startTree ? storeTree(startTree) : null,
    },
  );
  const made = registry.iterations(previous.id);
  const ended = made.filter(({ outcome }) => outcome !== null);
  const underWay = made.find(({ outcome }) => outcome === null);
  const session = registry.session(previous.id);
  return {
    lease,
    settings,
    past: ended.map((one) => pastOf(one, { answered: worker.said !== undefined })),
    failure: ended.at(-1)?.failure ?? undefined,
    underWay,
    continues: underWay
      ? `continues session ${previous.id} with iteration ${underWay.number}: ` +
        recoveryOf(underWay, await findTurn(client, underWay).catch(unanswered), clock.now()).words
      : why,
    startTree: startTree || undefined,
    ranBeforeMs: registry.ranBeforeMs(previous.id),
    said: session?.said ?? undefined,
    accepted: session?.accepted ?? false,
    owesEvidence,
    warnings: [],
  };
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

function saidLimits({ limits = {} }: SettingsPart): SettingsPart["limits"] {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}

/** Of a session that an earlier version started. */
function limitsOf({ maxIterations }: Session, { limits }: Settings): Settings["limits"] {
  return { ...limits, iterations: maxIterations ?? limits.iterations };
}

function storeSettings(
  { verify, protect, tests, limits, owesEvidence }: Settings & KeptSettings,
): string {
  return JSON.stringify({ verify, protect, tests, limits, owesEvidence } satisfies KeptSettings);
}

function storedSettings(text: string): KeptSettings {
  return JSON.parse(text);
}

/** The agent of the session before may have written the settings that count now. */
function settingsWarnings(before: KeptSettings, now: Settings, session: number): string[] {
  const changed = (["verify", "protect", "tests"] as const)
    .filter((key) => JSON.stringify(before[key]) !== JSON.stringify(now[key]));
  if (changed.length === 0) return [];
  const names = changed.map((key) => `\`${key}\``).join(", ");
  return [`the settings changed since session ${session}: ${names}; look at \`ralph.json\``];
}
