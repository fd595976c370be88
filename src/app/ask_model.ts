/** One prompt to a model in an OpenCode session that can read the project and do nothing else. */
import type { Context } from "./context.ts";
import { treeChange, treeState } from "../host/git/tree_state.ts";
import { type Spent, spentWith, turnLimits } from "../loop/limits.ts";
import { priceList } from "../loop/turn/price_list.ts";
import { createTurns } from "../loop/turn/turn.ts";
import type { TurnEnd } from "../loop/turn/turn_end.ts";
import { NO_USAGE, type Usage } from "../loop/turn/usage.ts";
import type { OpenCode } from "../opencode/client.ts";
import { commandsOf } from "../opencode/commands.ts";
import { ignoreServerFailure } from "../opencode/error.ts";
import type { AgentEvent } from "../opencode/model.ts";
import { RalphError } from "../error.ts";
import type { Settings } from "../settings/settings.ts";
import { plain } from "../terminal/plain.ts";

/** Somebody sits and waits for it, or a script does. */
const PROVIDER_MS = 5 * 60_000;
const SERVER_AWAY_MS = 60_000;

interface Order {
  client: OpenCode;
  settings: Settings;
  /** What is asked for, as the end of "cannot …". */
  what: string;
  signal: AbortSignal;
  onEvent: (event: AgentEvent) => void;
  /** Told what it waits for beside the agent's work, in words. */
  onActivity: (text: string) => void;
}

export interface Asking {
  /**
   * The agent's last text; undefined when `signal` aborted, and the turn was ended. Throws `OpenCodeError`,
   * and `RalphError` (`failed`) when it ended otherwise.
   */
  ask(prompt: string): Promise<string | undefined>;
  /** Of all prompts so far. */
  used(): Usage;
  /** Files that changed since the first prompt, as git sees them; undefined when it cannot say. */
  changed(): Promise<readonly string[] | undefined>;
  /** Ends the stream of events. */
  close(): Promise<void>;
}

/** Each prompt gets a fresh session, which is deleted after it. */
export async function askModel(context: Context, order: Order): Promise<Asking> {
  const { clock } = context;
  const { client, settings, signal } = order;
  const over = new AbortController();
  const turns = createTurns({ client, clock, signal: over.signal });
  const prices = priceList({ client }, signal);
  const root = client.directory;
  const before = await treeState(root, { clock });
  let used = NO_USAGE;
  let durationMs = 0;

  async function turn(prompt: string): Promise<TurnEnd> {
    const { model, agent, limits } = settings;
    const patient = {
      ...limits,
      rateLimitMs: Math.min(limits.rateLimitMs, PROVIDER_MS),
      serverAwayMs: Math.min(limits.serverAwayMs, SERVER_AWAY_MS),
    };
    const chosen = { model, agent };
    const { id } = await client.createSession({
      title: "ralph plan",
      onlyReads: { hidden: [] },
      ...chosen,
    });
    const startedAt = clock.monotonic();
    try {
      const { end, usage } = await turns.run({
        sessionId: id,
        send: () => client.prompt(id, { text: prompt, ...chosen }),
        limits: turnLimits(patient, spentOf(used, durationMs)),
        prices: await prices(),
        signal,
        onlyReads: true,
        onEvent: order.onEvent,
        onActivity: ({ kind, text }) => kind !== "working" && order.onActivity(text),
      });
      used = plus(used, usage);
      return end;
    } finally {
      durationMs += clock.monotonic() - startedAt;
      await client.deleteSession(id).catch(ignoreServerFailure);
    }
  }

  return {
    async ask(prompt) {
      requireRest(order, spentOf(used, durationMs));
      const end = await turn(prompt);
      if (end.kind === "stopped") return undefined;
      if (end.kind === "finished" && !end.error) return end.text;
      // What came with the limit is paid for; it is the next prompt that has none left.
      if (end.kind === "timeout" && end.limit === "session" && end.text) return end.text;
      throw await failure(order, end);
    },
    used: () => used,
    async changed() {
      const after = before && await treeState(root, { clock });
      const change = before && after &&
        await treeChange(root, { clock, before, after, ignore: [] });
      return change?.files;
    },
    async close() {
      over.abort();
      await turns.closed;
    },
  };
}

/** Throws `RalphError` (`failed`) when a limit was reached with an earlier prompt. */
function requireRest({ settings: { limits }, what }: Order, spent: Spent): void {
  const { costUsd, tokens, durationMs } = turnLimits(limits, spent).left ?? {};
  const reached = costUsd === 0 ? "cost" : tokens === 0 ? "tokens" : durationMs === 0 ? "time" : "";
  if (reached === "") return;
  throw new RalphError("failed", `cannot ${what}: the limit on ${reached} was reached`, [
    { text: "the limits are options and settings", command: "ralph plan --help" },
  ]);
}

const spentOf = (used: Usage, durationMs: number): Spent =>
  spentWith({ costUsd: 0, tokens: 0, durationMs }, used);

function plus(one: Usage, other: Usage): Usage {
  const sum = { ...one, complete: one.complete && other.complete };
  for (const key of Object.keys(NO_USAGE) as (keyof Usage)[]) {
    if (key !== "complete") Object.assign(sum, { [key]: one[key] + other[key] });
  }
  return sum;
}

async function failure({ client, what }: Order, end: TurnEnd): Promise<RalphError> {
  if (end.kind !== "finished") {
    const why = "why" in end ? plain(end.why, 500).replace("session's ", "") : end.kind;
    return new RalphError("failed", `cannot ${what}: ${why}`, [
      { text: "see whether the model answers", command: "ralph doctor --deep" },
    ]);
  }
  const { login } = await commandsOf(client);
  const { name = "", message = "" } = end.error ?? {};
  return new RalphError("failed", `cannot ${what}: ${plain(`${name}: ${message}`, 500)}`, [
    { text: "if it wants a login", command: login },
  ]);
}
