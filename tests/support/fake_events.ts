/** The event streams of the fake server, one instance's events to each subscriber. */
import { type Clock, sleep } from "../../src/clock.ts";

/** What becomes of one event: its JSON goes in, what is sent in its place comes out. */
export type EditEvent = (data: string) => readonly string[];

export interface EventHub {
  emit(directory: string, type: string, properties: unknown): void;
  /** A stream of one directory's events, until `signal` aborts, which breaks it. */
  subscribe(directory: string, signal: AbortSignal): ReadableStream<Uint8Array>;
  edit(change?: EditEvent): void;
  /** Ends all streams in good order. */
  close(): void;
}

interface Subscriber {
  readonly directory: string;
  send(data: string): void;
  comment(text: string): void;
  end(): void;
}

const asProperties = (id: string | undefined, type: string, properties: unknown) =>
  JSON.stringify({ id, type, properties });

/**
 * `eventId` makes the id of an event, undefined for the versions that give them none. `frame`: the JSON
 * of one; `heartbeat`: in its place, a comment.
 */
export function createEvents(
  { clock, eventId, heartbeatMs, frame: frameOf = asProperties, heartbeat }: {
    clock: Clock;
    eventId: () => string | undefined;
    heartbeatMs: () => number;
    frame?: (id: string | undefined, type: string, event: unknown) => string;
    heartbeat?: string;
  },
): EventHub {
  const subscribers = new Set<Subscriber>();
  let change: EditEvent = (data) => [data];

  const frame = (type: string, event: unknown) => frameOf(eventId(), type, event);

  function subscribe(directory: string, signal: AbortSignal) {
    const over = new AbortController();
    let subscriber: Subscriber;

    function leave(): void {
      over.abort();
      subscribers.delete(subscriber);
      signal.removeEventListener("abort", stop);
    }
    let stop = () => {};

    return new ReadableStream<Uint8Array>({
      start(controller) {
        const encoder = new TextEncoder();
        stop = () => {
          leave();
          controller.error(signal.reason);
        };
        subscriber = {
          directory,
          comment: (text) => controller.enqueue(encoder.encode(text)),
          send(data) {
            for (const each of change(data)) {
              controller.enqueue(encoder.encode(`data: ${each}\n\n`));
            }
          },
          end() {
            leave();
            controller.close();
          },
        };
        if (signal.aborted) return stop();
        if (signal.aborted) return stop();
        subscribers.add(subscriber);
        signal.addEventListener("abort", stop);
        subscriber.send(frame("server.connected", {}));
        beat();
      },
      cancel: leave,
    });

    async function beat(): Promise<void> {
      for (;;) {
        await sleep(clock, heartbeatMs(), over.signal);
        if (over.signal.aborted) return;
        if (heartbeat === undefined) subscriber.send(frame("server.heartbeat", {}));
        else subscriber.comment(heartbeat);
      }
    }
  }

  return {
    subscribe,
    emit(directory, type, properties) {
      const data = frame(type, properties);
      for (const subscriber of subscribers) {
        if (subscriber.directory === directory) subscriber.send(data);
      }
    },
    edit: (next = (data) => [data]) => change = next,
    close() {
      for (const subscriber of [...subscribers]) subscriber.end();
    },
  };
}
