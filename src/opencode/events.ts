import { createParser } from "eventsource-parser";
import { type Clock, sleep } from "../clock.ts";
import type { OpenCode } from "./client.ts";
import { OpenCodeError } from "./error.ts";
import type { AgentEvent } from "./model.ts";
import { createEventDecoder } from "./schema.ts";

export interface EventsOptions {
  readonly client: Pick<OpenCode, "eventStream">;
  readonly clock: Clock;
  /** Its abort ends the stream for good. */
  readonly signal: AbortSignal;
  /** Called in order. What it throws is a bug of the caller, and is not caught. */
  readonly onEvent: (event: AgentEvent) => void;
  /** The stream counts as dead after this long without a byte. Default: 75 s. */
  readonly silenceMs?: number;
}

export interface EventsHandle {
  /** Waits up to `timeoutMs` for the stream to be open. Says whether it is. */
  connected(timeoutMs: number): Promise<boolean>;
  /** How many events could not be read, and were passed over. */
  garbled(): number;
  /** Resolves when the stream is closed for good. */
  readonly closed: Promise<void>;
}

/** 1.1.53 sends a heartbeat each 30 s, later versions each 10 s (measured): two may be late. */
const SILENCE_MS = 75_000;
const BACKOFF_FIRST_MS = 250;
const BACKOFF_MAX_MS = 10_000;
/** An event holds at most the whole text of one message; a stream without line ends is broken. */
const EVENT_CHARS_MAX = 16 * 1024 * 1024;

/**
 * Follows the event stream and connects anew, with backoff, each time that it ends, fails or falls
 * silent, until `signal` aborts. There is no replay: what happened in between is not seen.
 */
export function followEvents(options: EventsOptions): EventsHandle {
  const { client, clock, signal, onEvent } = options;
  const silenceMs = options.silenceMs ?? SILENCE_MS;
  const waiting = new Set<() => void>();
  let open = false;
  let garbled = 0;

  function receive(event: AgentEvent): void {
    if (event.type === "connected") {
      if (open) return;
      open = true;
      for (const resolve of waiting) resolve();
    }
    onEvent(event);
  }

  /** One connection, to its end. Hands back why it ended. */
  async function followOnce(): Promise<string> {
    const connecting = new AbortController();
    let reader: ReadableStreamDefaultReader<string> | undefined;
    let silent = false;

    /** An abort alone does not end a body whose response was collected (Deno 2.7, 2.9, measured). */
    function end(): void {
      connecting.abort();
      reader?.cancel().catch(() => {});
    }

    async function read(): Promise<{ text: string } | { why: string }> {
      const cancelSilence = clock.after(silenceMs, () => {
        silent = true;
        end();
      });
      try {
        reader ??= (await client.eventStream({ signal: connecting.signal }))
          .pipeThrough(new TextDecoderStream()).getReader();
        const { done, value } = await reader.read();
        if (!done) return { text: value };
        return {
          why: silent
            ? `nothing came for ${silenceMs / 1000} s`
            : "the server closed the event stream",
        };
      } catch (error) {
        return { why: error instanceof OpenCodeError ? error.message : "the connection broke" };
      } finally {
        cancelSilence();
      }
    }

    const decode = createEventDecoder();
    const decoded: AgentEvent[] = [];
    let tooLong = false;
    const parser = createParser({
      maxBufferSize: EVENT_CHARS_MAX,
      onEvent({ data }) {
        try {
          const event = decode(data);
          if (event !== undefined) decoded.push(event);
        } catch {
          garbled++;
        }
      },
      onError(error) {
        if (error.type === "max-buffer-size-exceeded") tooLong = true;
        else garbled++;
      },
    });
    signal.addEventListener("abort", end);
    try {
      while (!signal.aborted) {
        const chunk = await read();
        if ("why" in chunk) return chunk.why;
        parser.feed(chunk.text);
        if (tooLong) return "the server sent an event without end";
        for (const event of decoded.splice(0)) receive(event);
      }
      return "it was ended";
    } finally {
      signal.removeEventListener("abort", end);
      end();
    }
  }

  async function follow(): Promise<void> {
    let backoffMs = BACKOFF_FIRST_MS;
    while (!signal.aborted) {
      const startedAt = clock.monotonic();
      const why = await followOnce();
      if (signal.aborted) return;
      // One that ends at once, again and again, is no better than none.
      if (clock.monotonic() - startedAt >= BACKOFF_MAX_MS) backoffMs = BACKOFF_FIRST_MS;
      if (open) {
        open = false;
        onEvent({ type: "disconnected", why });
      }
      await sleep(clock, backoffMs, signal);
      backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS);
    }
  }

  return {
    closed: follow(),
    garbled: () => garbled,
    connected(timeoutMs) {
      if (open) return Promise.resolve(true);
      return new Promise((resolve) => {
        const settle = () => {
          cancel();
          waiting.delete(settle);
          signal.removeEventListener("abort", settle);
          resolve(open);
        };
        const cancel = clock.after(timeoutMs, settle);
        waiting.add(settle);
        signal.addEventListener("abort", settle);
      });
    },
  };
}
