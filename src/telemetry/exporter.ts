/** Sends what a session tells, beside its work: bounded in memory and time, whatever the collector does. */
import { type Clock, deadline, sleep } from "../clock.ts";
import type { LoopEvent } from "../loop/event.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Span } from "./model.ts";
import { metricsBody, tracesBody } from "./otlp.ts";
import type { SessionSpans } from "./session_spans.ts";

/** The default of the specification for a batch of spans. */
const EVERY_MS = 5_000;
const EVERY_MS_MAX = 60_000;
const SEND_MS_MAX = 10_000;
/** What a session's end waits for its last spans. */
const END_MS_MAX = 3_000;
/** The defaults of the specification; of more than that the oldest are lost. */
const BATCH_MAX = 512;
const QUEUE_MAX = 2_048;

/** Resolves with why it was not taken, not safe to print; undefined when it was. Never throws. */
export type Post = (
  url: string,
  request: { headers: Readonly<Record<string, string>>; body: string; signal: AbortSignal },
) => Promise<string | undefined>;

export interface Telemetry {
  /** Takes an event. Never throws, and waits for nothing. */
  see(event: LoopEvent): void;
  /** Resolves once the last is sent, or after 3 s. */
  ended(): Promise<void>;
}

interface Parts {
  spans: SessionSpans;
  endpoint: Endpoint;
  post: Post;
  clock: Clock;
  onFailure: (why: string) => void;
}

/** `onFailure` is told once why nothing is taken. */
export function createTelemetry(parts: Parts): Telemetry {
  const { spans, clock } = parts;
  const outbox = new Outbox(parts);
  let cancelTimer: (() => void) | undefined;
  let isOver = false;
  return {
    see(event) {
      if (isOver) return;
      try {
        spans.see(event, clock.now());
      } catch (error) {
        isOver = true;
        parts.onFailure(`a bug in ralph: ${error}`);
      }
      cancelTimer ??= clock.after(outbox.everyMs, () => {
        cancelTimer = undefined;
        void outbox.flush();
      });
    },
    async ended() {
      isOver = true;
      cancelTimer?.();
      spans.close(clock.now());
      const over = new AbortController();
      // What is on its way has not the last ones with it.
      const last = outbox.flush().then(() => outbox.flush());
      await Promise.race([last, sleep(clock, END_MS_MAX, over.signal)]);
      over.abort();
      outbox.stop();
    },
  };
}

/** What has not been taken yet: sent again with what comes then, ever less often. */
class Outbox {
  /** How long to wait until the next is sent. */
  everyMs = EVERY_MS;
  readonly #parts: Parts;
  readonly #stop = new AbortController();
  #queue: readonly Span[] = [];
  #sending: Promise<void> | undefined;
  #isTold = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Resolves when all was sent, or something was not taken. Never throws. */
  flush(): Promise<void> {
    this.#sending ??= this.#sendAll().then((isTaken) => {
      this.everyMs = isTaken ? EVERY_MS : Math.min(this.everyMs * 2, EVERY_MS_MAX);
      this.#sending = undefined;
    });
    return this.#sending;
  }

  /** Ends what is being sent. */
  stop(): void {
    this.#stop.abort();
  }

  async #sendAll(): Promise<boolean> {
    const { spans, endpoint: { resource }, clock } = this.#parts;
    this.#queue = [...this.#queue, ...spans.take()].slice(-QUEUE_MAX);
    while (this.#queue.length > 0) {
      const batch = this.#queue.slice(0, BATCH_MAX);
      if (!await this.#send("/v1/traces", tracesBody(batch, resource))) return false;
      this.#queue = this.#queue.slice(batch.length);
    }
    return await this.#send("/v1/metrics", metricsBody(spans.metrics(), resource, clock.now()));
  }

  async #send(path: string, body: string): Promise<boolean> {
    const { endpoint: { url, headers }, post, clock, onFailure } = this.#parts;
    const limit = deadline(clock, SEND_MS_MAX, this.#stop.signal);
    const why = await post(`${url}${path}`, { headers, body, signal: limit.signal });
    limit.cancel();
    if (why === undefined || this.#stop.signal.aborted) return why === undefined;
    if (!this.#isTold) onFailure(why);
    this.#isTold = true;
    return false;
  }
}
