/**
 * The loop's events as spans and counts, after OpenTelemetry's semantic conventions for generative AI
 * (1.38): pure. Nothing in them is a prompt, an answer, a command, a path or an error's text.
 */
import { createHash } from "node:crypto";
import type { LoopEvent } from "../loop/event.ts";
import type { Outcome, Usage } from "../store/model.ts";
import { type Counts, createCounts } from "./counts.ts";
import type { Attributes, Metrics, Span } from "./model.ts";

/** The session that is told of. */
export interface SessionAbout {
  readonly task: string;
  readonly session: number;
  /** Of the session, not of its last worker. */
  readonly startedAt: string;
  /** Is hashed, so that all workers of a session tell of one trace; it is told to nobody. */
  readonly taskDir: string;
  /** Those that the settings name; absent: the server's choice. */
  readonly provider?: string;
  readonly model?: string;
  readonly agent?: string;
}

export interface SessionSpans {
  /** `now` in epoch milliseconds. */
  see(event: LoopEvent, now: number): void;
  /** The worker ends: what is open yet is closed as failed. */
  close(now: number): void;
  /** The spans that have ended since it was asked last. */
  take(): readonly Span[];
  metrics(): Metrics;
}

type Of<T extends LoopEvent["type"]> = Extract<LoopEvent, { type: T }>;

/** A span that has begun. */
interface Open {
  readonly spanId: string;
  readonly parent?: Open;
  readonly name: string;
  readonly kind: Span["kind"];
  readonly startMs: number;
  attributes: Attributes;
}

const FAILED: readonly Outcome[] = ["broke", "error", "timeout", "interrupted"];

/** Why the provider is asked again, by what is waited for. */
const RETRIES: Readonly<Record<string, "rate_limit" | "failure">> = {
  rate_limited: "rate_limit",
  retrying: "failure",
};

/** `spanId`: a new one each time, 16 hexadecimal digits. */
export function sessionSpans(
  about: SessionAbout,
  { spanId, now }: { spanId: () => string; now: number },
): SessionSpans {
  return new Spans(about, { spanId, counts: createCounts(now) });
}

class Spans implements SessionSpans {
  readonly #about: SessionAbout;
  readonly #spanId: () => string;
  readonly #counts: Counts;
  readonly #traceId: string;
  #ended: Span[] = [];
  #session?: Open;
  #iteration?: Open;
  #turn?: Open;
  /** Calls that have begun, by what tells them apart. */
  readonly #tools = new Map<string, Open[]>();
  /** Gates are told of once all have run, so that their times follow from how long each took. */
  #gates: Of<"gate">[] = [];
  #gatesEndMs = 0;

  constructor(about: SessionAbout, { spanId, counts }: { spanId: () => string; counts: Counts }) {
    this.#about = about;
    this.#spanId = spanId;
    this.#counts = counts;
    const { taskDir, session, startedAt } = about;
    this.#traceId = createHash("sha256").update(`${taskDir}\0${session}\0${startedAt}`)
      .digest("hex").slice(0, 32);
  }

  take(): readonly Span[] {
    return this.#ended.splice(0);
  }

  metrics(): Metrics {
    return this.#counts.now();
  }

  see(event: LoopEvent, now: number): void {
    if (event.type !== "gate") this.#endGates();
    switch (event.type) {
      case "session_started":
        this.#session = this.#open("session", now, {
          "ralph.continues": event.continues !== undefined,
          "ralph.iterations.max": event.maxIterations,
          "ralph.story.only": event.only,
        });
        return;
      case "iteration_started":
        this.#iteration = this.#open("iteration", now, {
          "ralph.iteration.number": event.number,
          "ralph.story.id": event.story,
        }, { parent: this.#session });
        return;
      case "opencode_session":
        this.#turn = this.#open("invoke_agent OpenCode", now, {
          "gen_ai.operation.name": "invoke_agent",
          "gen_ai.agent.name": this.#about.agent,
          "gen_ai.conversation.id": event.id,
        }, { parent: this.#iteration, kind: "client" });
        return;
      case "used":
        if (this.#turn) this.#add(this.#turn, { "gen_ai.response.model": modelOf(event.model) });
        return;
      case "tool":
        return this.#tool(event, now);
      case "gate":
        this.#gates.push(event);
        this.#gatesEndMs = now;
        return;
      case "claim":
        if (event.held === false) this.#count("ralph.claims.taken_back", "{claim}", 1);
        return;
      case "activity": {
        const reason = RETRIES[event.kind ?? ""];
        if (reason !== undefined) {
          this.#count("ralph.retries", "{retry}", 1, { "ralph.retry.reason": reason });
        }
        return;
      }
      case "iteration_ended":
        return this.#endIteration(event, now);
      case "session_ended":
        return this.#endSession(event, now);
    }
  }

  close(now: number): void {
    this.#endGates();
    this.#endTurn(now, "interrupted");
    for (const open of [this.#iteration, this.#session]) {
      if (open) this.#end(open, now, "interrupted");
    }
    this.#iteration = undefined;
    this.#session = undefined;
  }

  #open(
    name: string,
    startMs: number,
    attributes: Attributes,
    { parent, kind = "internal" }: { parent?: Open; kind?: Span["kind"] } = {},
  ): Open {
    const { task, session, provider, model } = this.#about;
    const all = {
      "ralph.task": task,
      "ralph.session.id": session,
      ...name.startsWith("invoke_agent") &&
        { "gen_ai.provider.name": provider, "gen_ai.request.model": model },
      ...attributes,
    };
    return { spanId: this.#spanId(), parent, name, kind, startMs, attributes: all };
  }

  #add(open: Open, attributes: Attributes): void {
    open.attributes = { ...open.attributes, ...attributes };
  }

  #end({ parent, ...open }: Open, endMs: number, error?: string): void {
    const traceId = this.#traceId;
    this.#ended.push({
      ...open,
      traceId,
      parentSpanId: parent?.spanId,
      endMs: Math.max(endMs, open.startMs),
      attributes: { ...open.attributes, "error.type": error },
      error,
    });
  }

  #tool({ tool, title, status, refused, exitCode, subagent }: Of<"tool">, now: number): void {
    const key = JSON.stringify([subagent, tool, title]);
    const begun = this.#tools.get(key) ?? [];
    const open = (status === "running" ? undefined : begun.shift()) ??
      this.#open(`execute_tool ${tool}`, now, {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": tool,
        "gen_ai.tool.type": "function",
        "ralph.subagent": subagent,
      }, { parent: this.#turn });
    this.#tools.set(key, status === "running" ? [...begun, open] : begun);
    if (status === "running") return;
    this.#add(open, { "process.exit.code": exitCode, "ralph.tool.refused": refused || undefined });
    this.#end(open, now, status === "error" ? refused ? "refused" : "tool_error" : undefined);
  }

  /** One after the other, up to when they were told of. */
  #endGates(): void {
    let endMs = this.#gatesEndMs;
    for (const { name, passed, durationMs } of this.#gates.splice(0).reverse()) {
      const startMs = endMs - durationMs;
      this.#endTurnAt(startMs);
      const attributes = { "ralph.gate.name": wordIn(name), "ralph.gate.passed": passed };
      const parent = this.#iteration ?? this.#session;
      this.#end(
        this.#open("gate", startMs, attributes, { parent }),
        endMs,
        passed ? undefined : "gate_failed",
      );
      this.#count("ralph.gates", "{run}", 1, attributes);
      endMs = startMs;
    }
  }

  /** The agent was at work until the first gate, at the latest. */
  #turnEndMs?: number;
  #endTurnAt(ms: number): void {
    this.#turnEndMs = Math.min(this.#turnEndMs ?? ms, ms);
  }

  #endTurn(now: number, error?: string): void {
    const turn = this.#turn;
    const endMs = this.#turnEndMs ?? now;
    this.#turn = undefined;
    this.#turnEndMs = undefined;
    for (const open of [...this.#tools.values()].flat()) this.#end(open, endMs, "interrupted");
    this.#tools.clear();
    if (turn) this.#end(turn, endMs, error);
  }

  #endIteration(
    { outcome, storiesPassed, commits, filesChanged, usage }: Of<"iteration_ended">,
    now: number,
  ): void {
    const { provider, model } = this.#about;
    const error = FAILED.includes(outcome) ? outcome : undefined;
    if (this.#turn) this.#add(this.#turn, usageAttributes(usage));
    this.#endTurn(now, error);
    if (this.#iteration) {
      this.#add(this.#iteration, {
        "ralph.outcome": outcome,
        "ralph.stories.passed": storiesPassed.length,
        "ralph.commits": commits ?? undefined,
        "ralph.files_changed": filesChanged ?? undefined,
        ...usageAttributes(usage),
      });
      this.#end(this.#iteration, now, error);
    }
    this.#iteration = undefined;
    this.#count("ralph.iterations", "{iteration}", 1, { "ralph.outcome": outcome });
    this.#count("ralph.stories.passed", "{story}", storiesPassed.length);
    if (!usage) return;
    this.#count("ralph.cost", "{USD}", usage.costUsd + usage.derivedCostUsd);
    const about = {
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.provider.name": provider,
      "gen_ai.request.model": model,
    };
    const { input, output } = tokensOf(usage);
    this.#counts.tokens(input, { ...about, "gen_ai.token.type": "input" });
    this.#counts.tokens(output, { ...about, "gen_ai.token.type": "output" });
  }

  #endSession({ status, reason, iterations, usage }: Of<"session_ended">, now: number): void {
    this.#endTurn(now);
    const session = this.#session;
    this.#session = undefined;
    this.#count("ralph.sessions", "{session}", 1, {
      "ralph.status": status,
      "ralph.reason": reason,
    });
    if (!session) return;
    this.#add(session, {
      "ralph.status": status,
      "ralph.reason": reason,
      "ralph.iterations": iterations,
      ...usageAttributes(usage),
    });
    this.#end(session, now, status === "failed" ? reason : undefined);
  }

  #count(name: string, unit: string, value: number, attributes: Attributes = {}): void {
    this.#counts.add(name, unit, value, { "ralph.task": this.#about.task, ...attributes });
  }
}

/** The conventions count cached tokens, and those of thinking, with the others. */
function tokensOf(usage: Usage): { input: number; output: number } {
  const { inputTokens, cacheReadTokens, cacheWriteTokens, outputTokens, reasoningTokens } = usage;
  return {
    input: inputTokens + cacheReadTokens + cacheWriteTokens,
    output: outputTokens + reasoningTokens,
  };
}

/** What nobody knows is left out. */
function usageAttributes(usage: Usage | null): Attributes {
  if (!usage) return {};
  const { input, output } = tokensOf(usage);
  return {
    "gen_ai.usage.input_tokens": input,
    "gen_ai.usage.output_tokens": output,
    "gen_ai.usage.cache_read.input_tokens": usage.cacheReadTokens,
    "gen_ai.usage.cache_creation.input_tokens": usage.cacheWriteTokens,
    "ralph.model_calls": usage.modelCalls,
    "ralph.model_calls.unpriced": usage.unpricedCalls,
    "ralph.cost.usd": usage.costUsd + usage.derivedCostUsd,
  };
}

/** A gate without a name of its own goes by its command, which is told to nobody. */
function wordIn(name: string): string | undefined {
  return /^[A-Za-z][\w.:-]*$/.test(name) ? name : undefined;
}

/** Without its provider, which has an attribute of its own. */
function modelOf(model: string | undefined): string | undefined {
  return model?.slice(model.indexOf("/") + 1);
}
