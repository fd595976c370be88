import { createParser } from "eventsource-parser";
import { type Clock, sleep } from "../clock.ts";
import type { OpenCode } from "./client.ts";
import { OpenCodeError } from "./error.ts";
import type { AgentEvent } from "./model.ts";

interface EventsOptions {
  readonly client: Pick<OpenCode, "eventStream">;
  readonly clock: Clock;
  /** Its abort ends the stream for good. */
  readonly signal: AbortSignal;
  /** Called in order. What it throws ends the stream, and `closed` rejects with it. */
  readonly onEvent: (event: AgentEvent) => void;
  /** The stream counts as dead after this long without a byte. Default: 75 s. */
  readonly silenceMs?: number;
}

export interface EventsHandle {
  /** Waits up to `timeoutMs` for the stream to be open. Says whether it is. */
  connected(timeoutMs: number): Promise<boolean>;
  /** How many events could not be read, and were passed over. */
  malformed(): number;
  /**
   * Resolves when the stream is closed for good. Rejects with what `onEvent` threw, or another bug:
   * no event comes after that, so somebody has to look.
   */
  readonly closed: Promise<void>;
}

/** 1.1.53 sends a heartbeat each 30 s, later versions each 10 s (measured): two may be late. */
const SILENCE_MS = 75_000;
const BACKOFF_FIRST_MS = 250;
const BACKOFF_MAX_MS = 10_000;
/** An event holds at most the whole text of one message; a stream without line ends is broken. */
const EVENT_CHARS_MAX = 16 * 1024 * 1024;

/**
 * Follows the event stream and reconnects, with backoff, each time that it ends, fails or falls
 * silent, until `signal` aborts. There is no replay: what happened in between is not seen.
 */
export function followEvents(options: EventsOptions): EventsHandle {
  const { clock, signal, onEvent } = options;
  const waiting = new Set<() => void>();
  let open = false;
  let over = false;
  let malformed = 0;
  const stopWaiting = () => {
    for (const resolve of waiting) resolve();
  };

  function receive(event: AgentEvent): void {
    if (event.type === "connected") {
      if (open) return;
      open = true;
      stopWaiting();
    }
    onEvent(event);
  }

  async function follow(): Promise<void> {
    let backoffMs = BACKOFF_FIRST_MS;
    while (!signal.aborted) {
      const startedAt = clock.monotonic();
      const why = await followOnce(options, { receive, onMalformed: () => malformed++ });
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

  const closed = follow().finally(() => {
    open = false;
    over = true;
    stopWaiting();
  });
  // Whoever waits for it gets its failure; until then its failure must not end the program.
  closed.catch(() => {});

  return {
    closed,
    malformed: () => malformed,
    connected(timeoutMs) {
      if (open || over) return Promise.resolve(open);
      return new Promise((resolve) => {
        const finish = () => {
          cancel();
          waiting.delete(finish);
          signal.removeEventListener("abort", finish);
          resolve(open);
        };
        const cancel = clock.after(timeoutMs, finish);
        waiting.add(finish);
        signal.addEventListener("abort", finish);
      });
    },
  };
}

/** One connection, to its end. Hands back why it ended; throws what `receive` throws. */
async function followOnce(
  options: EventsOptions,
  { receive, onMalformed }: { receive: (event: AgentEvent) => void; onMalformed: () => void },
): Promise<string> {
  const { signal } = options;
  const connection = connect(options, onMalformed);
  signal.addEventListener("abort", connection.end);
  try {
    while (!signal.aborted) {
      const chunk = await connection.read();
      if ("why" in chunk) return chunk.why;
      for (const event of chunk.events) receive(event);
    }
    return "it was ended";
  } finally {
    signal.removeEventListener("abort", connection.end);
    connection.end();
  }
}

interface Connection {
  /** What the next piece of the stream completes, or why there is none. */
  read(): Promise<{ events: readonly AgentEvent[] } | { why: string }>;
  end(): void;
}

function connect(
  { client, clock, silenceMs = SILENCE_MS }: EventsOptions,
  onMalformed: () => void,
): Connection {
  const connecting = new AbortController();
  let reader: ReadableStreamDefaultReader<string> | undefined;
  let decode: ReturnType<typeof chunkDecoder> | undefined;
  let silent = false;

  /** An abort alone does not end a body whose response was collected (Deno 2.7, 2.9, measured). */
  function end(): void {
    connecting.abort();
    reader?.cancel().catch(() => {}); // it broke before
  }

  return {
    end,
    async read() {
      const cancelSilence = clock.after(silenceMs, () => {
        silent = true;
        end();
      });
      try {
        if (!reader || !decode) {
          const stream = await client.eventStream({ signal: connecting.signal });
          reader = stream.body.pipeThrough(new TextDecoderStream()).getReader();
          decode = chunkDecoder(stream.decode, onMalformed);
        }
        const { done, value } = await reader.read();
        if (!done) {
          const events = decode(value);
          return events ? { events } : { why: "the server sent an event without end" };
        }
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
    },
  };
}

/** Makes events of the pieces of a stream; undefined for one that is too long to have an end. */
function chunkDecoder(
  decode: (data: string) => readonly AgentEvent[],
  onMalformed: () => void,
): (text: string) => AgentEvent[] | undefined {
  const decoded: AgentEvent[] = [];
  let tooLong = false;
  const parser = createParser({
    maxBufferSize: EVENT_CHARS_MAX,
    onEvent({ data }) {
      try {
        decoded.push(...decode(data));
      } catch {
        onMalformed();
      }
    },
    onError(error) {
      if (error.type === "max-buffer-size-exceeded") tooLong = true;
      else onMalformed();
    },
  });
  return (text) => {
    parser.feed(text);
    return tooLong ? undefined : decoded.splice(0);
  };
}
