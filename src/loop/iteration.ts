/**
 * One turn round the loop: one story, one fresh OpenCode session, one prompt, one outcome. What is
 * about to be done is written down before it is done.
 */
import * as path from "node:path";
import type { Clock } from "../clock.ts";
import { RalphError } from "../error.ts";
import type { OpenCode } from "../opencode/client.ts";
import { OpenCodeError } from "../opencode/error.ts";
import type { TreeChange, TreeState } from "../host/git.ts";
import type { Lease, Usage } from "../registry/model.ts";
import type { Registry } from "../registry/registry.ts";
import type { Task } from "../task/find.ts";
import type { Prd, Story } from "../task/prd.ts";
import { plain } from "../terminal/plain.ts";
import type { Emit } from "./event.ts";
import { DEFAULT_TURN_LIMITS } from "./limits.ts";
import { narrator } from "./narrator.ts";
import { judge, type Judgement } from "./outcome.ts";
import { readPrd } from "./prd_file.ts";
import { buildPrompt } from "./prompt.ts";
import type { TurnReport, Turns } from "./turn.ts";

/** In characters: OpenCode shows titles in one line. */
const TITLE_MAX = 160;

/** What the loop works with: the outside, as arguments. */
export interface LoopTools {
  client: OpenCode;
  turns: Turns;
  registry: Registry;
  tree: {
    state(root: string): Promise<TreeState | undefined>;
    change(
      root: string,
      between: { before: TreeState; after: TreeState; ignore: string },
    ): Promise<TreeChange>;
  };
  /** The file's bytes; undefined when there is no such file. */
  readFile(path: string): Uint8Array | undefined;
  clock: Clock;
  emit: Emit;
}

export interface IterationOrder {
  lease: Lease;
  task: Task;
  number: number;
  maxIterations: number;
  story: Story;
  prd: Prd;
  prdPath: string;
  model?: { providerId: string; modelId: string };
  agent?: string;
  /** What the iteration before ended with, when its story did not come through. */
  lastFailure?: string;
}

/**
 * Makes the iteration and records it. Throws `LostSession` when another worker took over.
 */
export async function runIteration(
  tools: LoopTools,
  order: IterationOrder,
  signal: AbortSignal,
): Promise<Judgement> {
  const { registry, clock, emit } = tools;
  const { lease, task, story, number, prd } = order;
  const startedAt = clock.monotonic();
  const before = await tools.tree.state(task.projectRoot);
  const openCodeTitle = titleOf(order);

  registry.beginIteration(lease, {
    number,
    storyId: story.id,
    storyTitle: story.title,
    openCodeTitle,
    headBefore: before?.head,
  });
  emit({
    type: "iteration_started",
    number,
    maxIterations: order.maxIterations,
    story: story.id,
    title: story.title,
    storiesOpen: openStories(prd).length,
    storiesTotal: prd.stories.length,
  });

  const report = await runTurn(tools, order, { openCodeTitle, signal });
  const answers = report.answers.map(({ asked, reply, at }) => ({ asked, answer: reply, at }));
  for (const { asked, answer } of answers) emit({ type: "answered", asked, answer });

  const after = await tools.tree.state(task.projectRoot);
  const change = before && after && await tools.tree.change(task.projectRoot, {
    before,
    after,
    ignore: path.relative(task.projectRoot, task.dir),
  });
  const judgement = judge({
    end: report.end,
    story,
    before: prd.stories,
    after: storiesNow(tools, order) ?? prd.stories,
    change,
  });
  const usage = usageOf(report);
  registry.endIteration(lease, {
    number,
    ...judgement,
    headAfter: after?.head,
    commits: change?.commits,
    filesChanged: change?.files,
    usage,
    answers,
  });
  emit({
    type: "iteration_ended",
    number,
    ...judgement,
    commits: change?.commits ?? null,
    filesChanged: change?.files ?? null,
    usage: usage ?? null,
    durationMs: clock.monotonic() - startedAt,
  });
  return judgement;
}

/** The turn itself: OpenCode session, prompt, and what came of it. */
async function runTurn(
  tools: LoopTools,
  order: IterationOrder,
  { openCodeTitle, signal }: { openCodeTitle: string; signal: AbortSignal },
): Promise<TurnReport> {
  const { client, registry, emit } = tools;
  const { lease, number, task, story } = order;
  let sessionId: string;
  try {
    sessionId = (await client.createSession({ title: openCodeTitle })).id;
  } catch (error) {
    if (!(error instanceof OpenCodeError)) throw error;
    return notSent(error);
  }
  registry.setOpenCodeSession(lease, number, sessionId);
  emit({ type: "opencode_session", id: sessionId });

  const text = buildPrompt({
    task,
    story,
    prdPath: order.prdPath,
    format: order.prd.format,
    open: openStories(order.prd).length,
    total: order.prd.stories.length,
    progress: decode(tools.readFile(path.join(task.dir, "progress.txt"))),
    lastFailure: order.lastFailure,
  });
  return await tools.turns.run({
    sessionId,
    send: async () => {
      await client.prompt(sessionId, { text, model: order.model, agent: order.agent });
      registry.setPrompted(lease, number);
    },
    limits: DEFAULT_TURN_LIMITS,
    signal,
    onEvent: narrator({ sessionId, projectRoot: task.projectRoot, emit }),
    onActivity: ({ kind, text, until }) => {
      registry.setActivity(lease, until === undefined ? text : `${text} (until ${utc(until)})`);
      if (kind !== "working") {
        emit({ type: "activity", text, until: until === undefined ? undefined : utc(until) });
      }
    },
  }).catch((error) => {
    if (!(error instanceof OpenCodeError)) throw error;
    return notSent(error);
  });
}

const utc = (epochMs: number) => new Date(epochMs).toISOString();

/** Unique, so that an OpenCode session whose id was never stored can be found again. */
function titleOf({ task, lease, number, story }: IterationOrder): string {
  const title = `${task.name} · session ${lease.sessionId} · iteration ${number} · ` +
    `${story.id} ${story.title}`;
  return plain(title, TITLE_MAX);
}

function notSent(error: OpenCodeError): TurnReport {
  return {
    end: { kind: "lost", why: `nothing was sent to the agent: ${error.message}` },
    usage: {
      tokens: { input: 0, output: 0, reasoning: 0, cacheRead: 0, cacheWrite: 0 },
      costUsd: 0,
      modelCalls: 0,
      complete: true,
    },
    answers: [],
  };
}

/** The stories as they are in the file now; undefined when it cannot be read. */
function storiesNow(tools: LoopTools, order: IterationOrder): readonly Story[] | undefined {
  try {
    return readPrd(tools.readFile, order.prdPath).stories;
  } catch (error) {
    if (error instanceof RalphError) return undefined;
    throw error;
  }
}

function usageOf({ usage }: TurnReport): Usage | undefined {
  if (!usage.complete) return undefined;
  const { tokens, costUsd, modelCalls } = usage;
  return {
    inputTokens: tokens.input,
    outputTokens: tokens.output,
    reasoningTokens: tokens.reasoning,
    cacheReadTokens: tokens.cacheRead,
    cacheWriteTokens: tokens.cacheWrite,
    costUsd,
    modelCalls,
  };
}

const openStories = (prd: Prd) => prd.stories.filter((story) => !story.passes);

/** Text written by an agent may be anything: what is not UTF-8 is replaced. */
const decode = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes);
