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

/** `eventId` makes the id of an event, undefined for the versions that give them none. */
export function createEvents(
  { clock, eventId, heartbeatMs }: {
    clock: Clock;
    eventId: () => string | undefined;
    heartbeatMs: () => number;
  },
): EventHub {
  const subscribers = new Set<{ directory: string; send(data: string): void; end(): void }>();
  let change: EditEvent = (data) => [data];

  const frame = (type: string, properties: unknown) =>
    JSON.stringify({ id: eventId(), type, properties });

  function subscribe(directory: string, signal: AbortSignal) {
    const over = new AbortController();
    let subscriber: { directory: string; send(data: string): void; end(): void };

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
        subscriber.send(frame("server.heartbeat", {}));
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
