/**
 * One turn round the loop: one story, one fresh OpenCode session, one prompt, one outcome. What is
 * about to be done is written down before it is done.
 */
import type { Clock } from "../../clock.ts";
import type { TreeState } from "../../host/git/tree_state.ts";
import { OpenCodeError } from "../../opencode/error.ts";
import { allowedFolders, type Settings } from "../../settings/settings.ts";
import type { Word } from "../../store/model.ts";
import type { Agenda } from "../../task/agenda.ts";
import type { Story } from "../../task/prd.ts";
import { progressPath } from "../../task/task_files.ts";
import { plain } from "../../terminal/plain.ts";
import { gatesOf, gatesOfTask } from "../../verify/claims.ts";
import { activityTeller } from "../activity.ts";
import type { Ended, LoopTools, SeenTree, SessionContext } from "../context.ts";
import { promptText } from "../words.ts";
import { type Spent, turnLimits } from "../limits.ts";
import { lacksTools, missingModel } from "../server/missing_model.ts";
import { askPatiently, createSessionPatiently, type Patience } from "../server/retry.ts";
import type { TurnReport } from "../turn/turn_end.ts";
import { NO_USAGE, type Prices } from "../turn/usage.ts";
import { deliveredWords } from "./delivery.ts";
import { finishIteration } from "./finish.ts";
import { followTurn } from "./follow_turn.ts";
import { buildPrompt, type PromptFacts } from "./prompt.ts";

/** In characters: OpenCode shows titles in one line. */
const TITLE_MAX = 160;

interface IterationOrder extends SessionContext {
  number: number;
  /** The number of the last one that may be made. */
  of: number;
  story: Story;
  agenda: Agenda;
  prices: Prices;
  /** The agent to ask for; undefined: the server's choice. */
  agent?: string;
  spent: Spent;
  /** What the iteration before left to tell. */
  failure?: string;
  /** How many iterations in a row the provider has refused. */
  refusedBefore: number;
  /** For how long it has, in milliseconds. */
  refusedMs: number;
  /** Something came of an earlier iteration of the session. */
  workedBefore: boolean;
  /** How the iteration before left the tree. */
  seen?: SeenTree;
}

/** In a large tree a look takes most of a second; whoever writes meanwhile does so beside the turn, too. */
const JUST_NOW_MS = 1_000;

function seenJustNow(seen: SeenTree | undefined, clock: Clock): TreeState | undefined {
  return seen && clock.monotonic() - seen.at < JUST_NOW_MS ? seen.tree : undefined;
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
  const before = seenJustNow(order.seen, clock) ?? await tools.tree.state(task.projectRoot);
  const delivered = await order.delivery.look(before);
  for (const text of delivered.done) emit({ type: "note", about: "git", text });
  order.delivery.turnBegins();
  const openCodeTitle = titleOf(order);

  await recorder.write((store) => {
    order.treeBefore.keep(before);
    store.beginIteration(lease, {
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
  const failure = [deliveredWords(delivered), order.failure].filter((one) => one !== undefined)
    .join("\n\n");
  const told = { ...order, failure: failure || undefined };
  const report = await runTurn(tools, told, { openCodeTitle, signal });
  tools.place.release();
  const turn = { number, story, agenda, report, before, startedAt, signal };
  const { failure: failureBefore, refusedBefore, workedBefore } = order;
  return await finishIteration(tools, order, {
    ...turn,
    failureBefore,
    refusedBefore,
    workedBefore,
  });
}

/** The turn itself: OpenCode session, prompt, and what came of it. */
async function runTurn(
  tools: LoopTools,
  order: IterationOrder,
  { openCodeTitle, signal }: { openCodeTitle: string; signal: AbortSignal },
): Promise<TurnReport> {
  const { client, clock, recorder, emit } = tools;
  const { lease, number, settings, prices, agent, spent } = order;
  const { model, limits } = settings;
  const retryMs = Math.max(0, limits.rateLimitMs - order.refusedMs);
  const turn = { ...turnLimits(limits, spent), retryMs };
  const patience: Patience = {
    clock,
    signal,
    session: lease.sessionId,
    limitMs: Math.min(limits.serverAwayMs, turn.left?.durationMs ?? Infinity),
    tell: activityTeller(tools, lease),
  };
  let sessionId: string;
  try {
    const session = { title: openCodeTitle, model, agent };
    const made = await createSessionPatiently(client, session, patience);
    if (!made) return { ...NOTHING_SENT, end: { kind: "stopped", confirmed: true } };
    sessionId = made.id;
  } catch (error) {
    if (!(error instanceof OpenCodeError)) throw error;
    return notSent(error);
  }
  const told = { taskDir: order.task.dir, iteration: number, how: "prompt" } as const;
  // Two writes: one that is tried again must not take words that the first try has taken.
  const toTell = await recorder.write((store) => store.takeWords(lease, told));
  const text = buildPrompt(promptFacts(tools, { ...order, words: toTell }));
  await recorder.write((store) =>
    store.setOpenCodeSession(lease, number, sessionId, { prompt: text })
  );
  emit({ type: "opencode_session", id: sessionId });
  for (const { text } of toTell) emit({ type: "said", text, to: "prompt" });

  const report = await followTurn(tools, order, {
    number,
    sessionId,
    send: async () => {
      await askPatiently(async () => {
        await client.prompt(sessionId, { text, model, agent });
        recorder.note((store) => store.setPrompted(lease, number));
      }, { ...patience, again: ({ mayPass, repeatable }) => mayPass && repeatable });
    },
    say: (text) => client.prompt(sessionId, { text, model, agent }),
    limits: turn,
    prices,
    signal,
  }).catch((error) => {
    if (!(error instanceof OpenCodeError)) throw error;
    return notSent(error);
  });
  const { end } = report;
  if (end.kind === "finished" && !end.error && report.toolRuns?.length === 0) {
    return { ...report, end: { ...end, lacksTools: await lacksTools(client, settings) } };
  }
  if (end.kind !== "lost" || end.server !== undefined) return report;
  const missing = await missingModel(client, settings);
  if (!missing) return report;
  const { what, words } = missing;
  return { ...report, end: { ...end, why: `${end.why}: ${words}`, missing: what } };
}

/** What the prompt for a story is made of. */
export function promptFacts(
  { readText }: Pick<LoopTools, "readText">,
  order:
    & Pick<IterationOrder, "task" | "story" | "agenda" | "failure" | "said" | "template">
    & { settings: Pick<Settings, "verify" | "outside">; words: readonly Word[] },
): PromptFacts {
  const { task, story, agenda, settings, failure, said, template, words } = order;
  return {
    task,
    story,
    format: agenda.format,
    about: agenda.about,
    open: openStories(agenda).length,
    total: agenda.stories.length,
    gates: gatesOf(story, gatesOfTask(settings.verify, agenda)),
    progress: readText(
      progressPath(task),
      allowedFolders(task.projectRoot, settings),
    ),
    failure,
    said: [said, promptText(words)].filter((one) => one !== undefined).join("\n\n") || undefined,
    template,
  };
}

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
    end: { kind: "lost", why, said: error.message, server: error.mayPass ? "away" : undefined },
  };
}

const openStories = ({ stories }: Agenda) => stories.filter((story) => !story.passes);
