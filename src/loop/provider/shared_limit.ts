/**
 * What a provider has one session wait for holds for all sessions of this user that use it: they find it
 * in the database before they ask.
 */
import * as path from "node:path";
import { type Clock, TIME_MAX } from "../../clock.ts";
import type { AgentEvent } from "../../opencode/model.ts";
import { StoreError } from "../../store/database.ts";
import type { Lease, ProviderLimit } from "../../store/model.ts";
import type { Store } from "../../store/store.ts";
import { type Activity, waitingForLimit } from "../activity.ts";
import type { Recorder } from "../recorder.ts";
import type { TurnEnd } from "../turn/turn_end.ts";
import { isLimitText, limitSaid } from "./error_class.ts";
import { standingOf } from "./standing.ts";
import { waitForProvider } from "./wait.ts";

type Model = { readonly providerId: string } | undefined;

interface PassOrder {
  model: Model;
  /** Which provider the server would take; asked where neither `model` nor a message tells. */
  chosen: () => Promise<string | undefined>;
  isOver: () => boolean;
  signal: AbortSignal;
  /** Called before a wait. */
  onWait?: () => void;
}

interface LimitTools {
  store: Pick<Store, "anyProviderLimit" | "providerLimit">;
  recorder: Recorder;
  clock: Clock;
  lease: Lease;
  tell: (activity: Activity) => void;
  /** The longest wait for a provider, in milliseconds. */
  maxMs: number;
}

/** So long the others wait for what the first is told: no answer takes as long to begin. */
const FIRST_MS = 60_000;

/** Of one worker. `model`: what the session asks for; where that is nothing, the messages tell. */
export class SharedLimit {
  readonly #tools: LimitTools;
  /** By OpenCode session. */
  readonly #seen = new Map<string, string>();
  #last: string | undefined;
  /** Providers that this session is the first to ask. */
  readonly #first = new Set<string>();
  #heldMs = 0;

  constructor(tools: LimitTools) {
    this.#tools = tools;
  }

  /** Takes an event of a turn. */
  see(event: AgentEvent, model: Model): void {
    if (event.type === "message" && event.message.role === "assistant") {
      const { sessionId, model: name, completedAt, error } = event.message;
      if (name !== undefined) {
        const [provider] = name.split("/");
        this.#seen.set(sessionId, provider);
        if (!model) this.#last = provider;
      }
      if (completedAt !== undefined && !error) this.#answered(sessionId, model);
    }
    if (event.type === "tool") this.#answered(event.sessionId, model);
    // What is neither done nor grows may be the prompt.
    if (event.type === "text" && (event.done || event.delta !== undefined)) {
      this.#answered(event.sessionId, model);
    }
    if (event.type === "busy" && event.busy.type === "retry" && isLimitText(event.busy.message)) {
      const { nextAt, message } = event.busy;
      this.#met(this.#seen.get(event.sessionId) ?? model?.providerId, nextAt, message);
    }
  }

  /** The provider has ended a turn, and is asked again at `until` (epoch milliseconds). */
  refused(end: TurnEnd, { until, model }: { until: number; model: Model }): void {
    const said = end.kind === "finished" && end.error ? limitSaid(end.error) : undefined;
    if (said !== undefined) this.#met(model?.providerId ?? this.#last, until, said);
  }

  /**
   * Waits while another session was told to. True when there was nothing to wait for; false when there
   * was, and when nobody waits for it any more: then look at everything again.
   */
  async pass({ model, chosen, onWait, ...order }: PassOrder): Promise<boolean> {
    const { store, recorder, clock, lease, maxMs } = this.#tools;
    if (!isAny(store)) return true;
    const provider = model?.providerId ?? this.#last ?? await chosen();
    if (provider === undefined) return true;
    const limit = limitOf(store, provider);
    const now = clock.now();
    const leftMs = maxMs - this.#heldMs;
    const standing = standingOf(limit, { session: lease.sessionId, now, leftMs });
    if (standing.kind === "held" && limit) {
      onWait?.();
      await this.#hold(provider, limit, { ...order, ...standing });
      return false;
    }
    this.#heldMs = 0;
    if (standing.kind === "free") return true;
    let isFirst = true;
    const firstUntil = now + FIRST_MS;
    recorder.note((store) => isFirst = store.goFirst(lease, { provider, firstUntil }));
    if (isFirst) this.#first.add(provider);
    // Another one was faster, or has got through.
    return isFirst || limitOf(store, provider) === undefined;
  }

  async #hold(
    provider: string,
    limit: ProviderLimit,
    { until, isAsked, isOver, signal }: Pick<PassOrder, "isOver" | "signal"> & {
      until: number;
      isAsked: boolean;
    },
  ): Promise<void> {
    const { store, clock, tell, maxMs } = this.#tools;
    const startedAt = clock.monotonic();
    const by = `${limit.taskName} in ${path.basename(limit.projectRoot)}`;
    tell(waitingForLimit({ ...limit, provider, until, by, isAsked }, clock.now()));
    const isOther = () => JSON.stringify(limitOf(store, provider)) !== JSON.stringify(limit);
    await waitForProvider({
      clock,
      until,
      limitMs: maxMs - this.#heldMs,
      isOver: () => isOver() || isOther(),
      signal,
    });
    this.#heldMs += clock.monotonic() - startedAt;
  }

  #met(provider: string | undefined, wanted: number, said: string): void {
    if (provider === undefined) return;
    const { recorder, lease } = this.#tools;
    const until = Math.min(wanted, TIME_MAX);
    const firstUntil = until + FIRST_MS;
    recorder.note((store) => store.limitMet(lease, { provider, until, said, firstUntil }));
    this.#first.add(provider);
  }

  /** The answer of an OpenCode session has begun. */
  #answered(sessionId: string, model: Model): void {
    const provider = this.#seen.get(sessionId) ?? model?.providerId;
    if (provider === undefined || !this.#first.delete(provider)) return;
    const { recorder, lease } = this.#tools;
    recorder.note((store) => store.limitOver(lease, provider));
  }
}

/** Where the database does not answer, nobody waits. */
function limitOf(
  store: Pick<Store, "providerLimit">,
  provider: string,
): ProviderLimit | undefined {
  return unlessRefused(() => store.providerLimit(provider));
}

const isAny = (store: Pick<Store, "anyProviderLimit">) =>
  unlessRefused(() => store.anyProviderLimit()) ?? false;

function unlessRefused<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return undefined;
  }
}
