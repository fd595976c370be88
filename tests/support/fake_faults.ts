/**
 * What can go wrong with a request to the fake server. A fault is an `Intercept`, as a proxy's is:
 * it may ask for the effect (`forward`) before it spoils the reply, or never. `drop` and `withhold`
 * of `recording_proxy.ts` are two of them.
 */
import { type Clock, sleep } from "../../src/clock.ts";
import type { Intercept, RecordedRequest } from "./recording_proxy.ts";

/** A request with the route that it takes, such as `POST /session/:id/abort`. */
export interface RoutedRequest extends RecordedRequest {
  readonly route: string;
  readonly directory: string;
  /** In the place of `:id`. */
  readonly id: string;
}

export interface Fault {
  /** A route, or any choice among the requests. Default: all of them. */
  readonly on?: string | ((request: RoutedRequest) => boolean);
  /** How many of those requests pass first. Default: 0. */
  readonly skip?: number;
  /** How many it then meets. Default: 1. */
  readonly times?: number;
  readonly act: Intercept;
}

export interface FaultHandle {
  /** How many requests it has met. */
  readonly struck: number;
  remove(): void;
}

/** The faults that are switched on; the first that fits a request meets it. */
export function createFaults() {
  const active = new Set<{ readonly fault: Fault; seen: number; struck: number }>();

  return {
    add(fault: Fault): FaultHandle {
      const rule = { fault, seen: 0, struck: 0 };
      active.add(rule);
      return {
        get struck() {
          return rule.struck;
        },
        remove: () => void active.delete(rule),
      };
    },

    choose(request: RoutedRequest): Intercept | undefined {
      for (const rule of active) {
        const { on = () => true, skip = 0, times = 1, act } = rule.fault;
        const fits = typeof on === "string" ? on === request.route : on(request);
        if (!fits || rule.seen++ < skip || rule.struck >= times) continue;
        rule.struck++;
        return act;
      }
      return undefined;
    },

    /** Those that met no request, in words. */
    unused: () =>
      [...active].filter(({ struck }) => struck === 0)
        .map(({ fault }) => `a fault on ${fault.on ?? "any request"} met no request`),
  };
}

/** Answers in the server's place; nothing takes effect. */
export function answer(status: number, body = "", type = "application/json"): Intercept {
  const headers = { "content-type": type };
  return () => new Response(status === 204 ? null : body, { status, headers });
}

/** The request takes effect, and only then `act` meets it. */
export function afterEffect(act: Intercept): Intercept {
  return async (request, forward) => {
    const reply = await forward();
    return act(request, () => Promise.resolve(reply));
  };
}

/** Spoils the text of a reply: truncated, garbage, of another type. */
export function edit(change: (text: string) => string, type?: string): Intercept {
  return async (_request, forward) => {
    const reply = await forward();
    const headers = { "content-type": type ?? reply.headers.get("content-type") ?? "" };
    return new Response(change(await reply.text()), { status: reply.status, headers });
  };
}

/** The connection breaks when `bytes` bytes of the reply have been sent. */
export function cutAfter(bytes: number): Intercept {
  return async (_request, forward) => {
    const reply = await forward();
    const whole = new Uint8Array(await reply.arrayBuffer());
    let sent = false;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent) return controller.error(new TypeError("error reading a body from connection"));
        sent = true;
        controller.enqueue(whole.subarray(0, bytes));
      },
    });
    return new Response(body, { status: reply.status, headers: reply.headers });
  };
}

/** The request is handled `ms` milliseconds late. */
export function late(clock: Clock, ms: number): Intercept {
  return async (_request, forward) => {
    await sleep(clock, ms);
    return forward();
  };
}

export interface Gate {
  /** Holds the request until the gate is opened; inside `afterEffect`, its reply. */
  readonly act: Intercept;
  /** Resolves when the first request is held. */
  readonly reached: Promise<void>;
  open(): void;
}

/** Withholds until it is told otherwise: the way to stop a process at an exact point. */
export function gate(): Gate {
  const reached = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  return {
    reached: reached.promise,
    open: () => opened.resolve(),
    async act(_request, forward) {
      reached.resolve();
      await opened.promise;
      return forward();
    },
  };
}
