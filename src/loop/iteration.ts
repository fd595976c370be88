/**
 * One turn round the loop: one story, one fresh OpenCode session, one prompt, one outcome. What is
 * about to be done is written down before it is done.
 */
import * as path from "node:path";
import type { Clock } from "../clock.ts";
import type { TreeChange, TreeState } from "../host/git.ts";
import type { OpenCode } from "../opencode/client.ts";
import { ignoreServerFailure, OpenCodeError } from "../opencode/error.ts";
import { StoreError } from "../registry/database.ts";
import type { Lease } from "../registry/model.ts";
import type { ReadOnlyRegistry, Registry } from "../registry/registry.ts";
import type { Settings } from "../settings/settings.ts";
import type { Task } from "../task/find.ts";
import type { Story } from "../task/prd.ts";
import { plain } from "../terminal/plain.ts";
import type { Activity } from "./activity.ts";
import { gatesOf } from "./claims.ts";
import { conclude } from "./conclude.ts";
import type { Past } from "./decide.ts";
import type { Emit } from "./event.ts";
import { type Spent, turnLimits } from "./limits.ts";
import { missingChoice } from "./loss.ts";
import { narrator } from "./narrator.ts";
import { buildPrompt, type PromptFacts } from "./prompt.ts";
import type { Recorder } from "./recorder.ts";
import { endStrayTurns, strayWarning } from "./stray_turns.ts";
import { askPatiently, createSessionPatiently, type Patience } from "./server.ts";
import type { TurnOptions, TurnReport, Turns } from "./turn.ts";
import { NO_USAGE, type Prices } from "./usage.ts";
import type { Verification } from "./verification.ts";
import type { Agenda, Work } from "./work.ts";

/** In characters: OpenCode shows titles in one line. */
const TITLE_MAX = 160;

/** What the loop works with: the outside, as arguments. */
export interface LoopTools {
  client: OpenCode;
  turns: Turns;
  recorder: Recorder;
  /** For reading: what is written goes through `recorder`. */
  registry:
    & Pick<
      ReadOnlyRegistry,
      "session" | "usage" | "findings" | "sessionOfOpenCode"
    >
    & Pick<Registry, "requireLease">;
  tree: {
    /** What was not written since `known` is not read again. */
    state(root: string, known?: TreeState): Promise<TreeState | undefined>;
    change(
      root: string,
      between: { before: TreeState; after: TreeState; ignore: string },
    ): Promise<TreeChange | undefined>;
  };
  /** A file's text, of a very long one the two ends; undefined when there is no such file. */
  readText(path: string): string | undefined;
  clock: Clock;
  emit: Emit;
}

/** What all iterations of a session share. */
export interface SessionContext {
  lease: Lease;
  task: Task;
  settings: Settings;
  work: Work;
  verification: Verification;
  /** Where the tree as it was before the turn outlives the worker. */
  treeBefore: { keep(tree: TreeState | undefined): void; kept(): TreeState | undefined };
  /** A prompt of the user's own. */
  template?: string;
  /** What a person answered. */
  said?: string;
}

export interface IterationOrder extends SessionContext {
  number: number;
  /** The number of the last one that may be made. */
  of: number;
  story: Story;
  agenda: Agenda;
  prices: Prices;
  spent: Spent;
  /** What the iteration before left to tell. */
  failure?: string;
  /** How many iterations in a row the provider has refused. */
  refusedBefore: number;
  /** For how long it has, in milliseconds. */
  refusedMs: number;
}

export interface Ended extends Past {
  /** What the next prompt says about it. */
  failure?: string;
}

/** Makes the iteration and records it. Throws `LostSession` when another worker took over. */
export async function runIteration(
  tools: LoopTools,
  order: IterationOrder,
  signal: AbortSignal,
): Promise<Ended> {
  const { recorder, clock, emit } = tools;
  const { lease, task, story, number, agenda } = order;
  const startedAt = clock.monotonic();
  const before = await tools.tree.state(task.projectRoot);
  const openCodeTitle = titleOf(order);

  await recorder.write((registry) => {
    order.treeBefore.keep(before);
    registry.beginIteration(lease, {
      number,
      storyId: story.id,
      storyTitle: story.title,
      openCodeTitle,
      headBefore: before?.head,
    });
  });
  emit({
    type: "iteration_started",
    number,
    maxIterations: order.of,
    story: story.id,
    title: story.title,
    storiesOpen: openStories(agenda).length,
    storiesTotal: agenda.stories.length,
  });
  const report = await runTurn(tools, order, { openCodeTitle, signal });
  const turn = { number, story, agenda, report, before, startedAt, signal };
  const { failure, refusedBefore } = order;
  return await conclude(tools, order, { ...turn, failureBefore: failure, refusedBefore });
}

/** The turn itself: OpenCode session, prompt, and what came of it. */
async function runTurn(
  tools: LoopTools,
  order: IterationOrder,
  { openCodeTitle, signal }: { openCodeTitle: string; signal: AbortSignal },
): Promise<TurnReport> {
  const { client, clock, recorder, emit } = tools;
  const { lease, number, settings, prices, spent } = order;
  const { model, agent, limits } = settings;
  const retryMs = Math.max(0, limits.rateLimitMs - order.refusedMs);
  const turn = { ...turnLimits(limits, spent), retryMs };
  const patience: Patience = {
    clock,
    signal,
    limitMs: Math.min(limits.serverAwayMs, turn.left?.durationMs ?? Infinity),
    tell: activityTeller(tools, lease),
  };
  let sessionId: string;
  try {
    const made = await createSessionPatiently(client, { title: openCodeTitle, ...patience });
    if (!made) return { ...NOTHING_SENT, end: { kind: "stopped", confirmed: true } };
    sessionId = made.id;
  } catch (error) {
    if (!(error instanceof OpenCodeError)) throw error;
    return notSent(error);
  }
  await recorder.write((registry) => registry.setOpenCodeSession(lease, number, sessionId));
  emit({ type: "opencode_session", id: sessionId });

  const text = buildPrompt(promptFacts(tools, order));
  const report = await followTurn(tools, order, {
    number,
    sessionId,
    send: async () => {
      await askPatiently(async () => {
        await client.prompt(sessionId, { text, model, agent });
        recorder.note((registry) => registry.setPrompted(lease, number));
      }, { ...patience, again: ({ mayPass, mayHaveArrived }) => mayPass && !mayHaveArrived });
    },
    limits: turn,
    prices,
    signal,
  }).catch((error) => {
    if (!(error instanceof OpenCodeError)) throw error;
    return notSent(error);
  });
  const { end } = report;
  if (end.kind !== "lost" || end.server !== undefined) return report;
  const missing = await missingChoice(client, settings);
  return missing ? { ...report, end: { ...end, why: `${end.why}: ${missing}` } } : report;
}

/** Follows a turn to its end, and tells what it does. Throws as `Turns.run` does, and `LostSession`. */
export function followTurn(
  tools: LoopTools,
  { lease, task }: SessionContext,
  { number, ...options }:
    & Omit<TurnOptions, "onEvent" | "onActivity" | "onAnswer" | "beforeAbort">
    & { number: number },
): Promise<TurnReport> {
  const { turns, registry, recorder, emit } = tools;
  return turns.run({
    ...options,
    async onAnswer({ asked, reply: answer, at }) {
      await recorder.write((registry) => registry.addAnswer(lease, number, { asked, answer, at }));
      emit({ type: "answered", asked, answer });
    },
    onEvent: narrator({
      sessionId: options.sessionId,
      projectRoot: task.projectRoot,
      emit,
    }),
    onActivity: activityTeller(tools, lease),
    // One that began late, or that an abort did not end. What cannot be ended now is tried again
    // before the next iteration.
    onOthers: (busy) =>
      endStrayTurns(tools, {
        lease,
        busy,
        taskDir: task.dir,
        onFound: (id) => emit(strayWarning(id)),
      }).catch(ignoreServerFailure),
    // A worker that was replaced leaves the turn to the one that has it now.
    beforeAbort() {
      try {
        registry.requireLease(lease);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
      }
    },
  });
}

/** Tells, and stores for `ralph status`, what is waited for. */
export function activityTeller(
  { recorder, emit }: Pick<LoopTools, "recorder" | "emit">,
  lease: Lease,
): (activity: Activity) => void {
  return ({ kind, text, until }) => {
    recorder.note((registry) => registry.setActivity(lease, text));
    if (kind === "working") return;
    emit({ type: "activity", text, until: until === undefined ? undefined : utc(until) });
  };
}

/** What the prompt for a story is made of. */
export function promptFacts(
  { readText }: Pick<LoopTools, "readText">,
  order:
    & Pick<IterationOrder, "task" | "story" | "agenda" | "failure" | "said" | "template">
    & { settings: Pick<Settings, "verify"> },
): PromptFacts {
  const { task, story, agenda, settings, failure, said, template } = order;
  return {
    task,
    story,
    format: agenda.format,
    open: openStories(agenda).length,
    total: agenda.stories.length,
    gates: gatesOf(story, [...settings.verify, ...agenda.gates]),
    progress: readText(path.join(task.dir, "progress.txt")),
    failure,
    said,
    template,
  };
}

const utc = (epochMs: number) => new Date(epochMs).toISOString();

/** Unique, so that an OpenCode session whose id was never stored can be found again. */
function titleOf({ task, lease, number, story }: IterationOrder): string {
  const title = `${task.name} · session ${lease.sessionId} · iteration ${number} · ` +
    `${story.id} ${story.title}`;
  return plain(title, TITLE_MAX);
}

const NOTHING_SENT = { usage: NO_USAGE, toolRuns: [], answers: [] } as const;

function notSent(error: OpenCodeError): TurnReport {
  const why = `nothing was sent to the agent: ${error.message}`;
  return {
    ...NOTHING_SENT,
    end: { kind: "lost", why, server: error.mayPass ? "away" : undefined },
  };
}

const openStories = ({ stories }: Agenda) => stories.filter((story) => !story.passes);
