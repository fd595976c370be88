/** Waiting for a server that is away: systemd or a person brings it back, not ralph. */
import { type Clock, sleep } from "../../clock.ts";
import type { OpenCode } from "../../opencode/client.ts";
import { OpenCodeError } from "../../opencode/error.ts";
import type { OpenCodeSession } from "../../opencode/model.ts";
import { type Activity, waitingForServer } from "../activity.ts";
import { unlessAborted } from "../../abort_signal.ts";

/** How long, and for whom, a request is made again. */
export interface Patience {
  readonly clock: Clock;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  /** In milliseconds. */
  readonly limitMs: number;
  /** Of which session: each waits for a time of its own, so that not all ask in the same moment. */
  readonly session?: number;
  /** When a request counts as slow. Default: after 3 s. */
  readonly slowMs?: number;
  /** Called with what is waited for, whenever that is something new. */
  readonly tell: (activity: Activity) => void;
  /** Looked at before each new try: nobody waits for it any more. */
  readonly isOver?: () => boolean;
}

const BACKOFF_MS = { first: 500, max: 15_000 };
/** Of a server that takes the request and does not answer: more of them help it least. */
const SILENT_MAX_MS = 30_000;
/** A person who looks ten seconds after a server began to hang has to see it. */
export const SLOW_MS = 3_000;
/** Shown, and not told: a server may be slow at every request. */
const SLOW: Activity = {
  ...waitingForServer(`it has taken more than ${SLOW_MS / 1000} s`),
  kind: "working",
};
/** Of a server that has just lost a turn. A crash at the start comes sooner than that. */
const STEADY = { looks: 6, everyMs: 2_000 };
export const STEADY_MS = (STEADY.looks - 1) * STEADY.everyMs;

/**
 * Makes a request, and again with backoff while it fails in a way that `again` says may pass. Hands
 * back undefined when `signal` aborts or `isOver` says so. Throws the last `OpenCodeError` when the
 * limit is reached, and at once one that does not pass.
 */
export async function askPatiently<T>(
  ask: () => Promise<T>,
  options: Patience & { again?: (error: OpenCodeError) => boolean },
): Promise<T | undefined> {
  const { clock, signal, limitMs, session, slowMs = SLOW_MS, tell, isOver = () => false } = options;
  const { again = ({ mayPass }: OpenCodeError) => mayPass } = options;
  const end = clock.monotonic() + limitMs;
  let told: string | undefined;
  for (let waitMs = BACKOFF_MS.first; !signal.aborted && !isOver();) {
    try {
      return await tellIfSlow(unlessAborted(ask(), signal), {
        clock,
        slowMs,
        tell: (slow) => told === undefined && tell(slow),
      });
    } catch (error) {
      if (!(error instanceof OpenCodeError) || !again(error)) throw error;
      const leftMs = end - clock.monotonic();
      if (leftMs <= 0) throw error;
      if (told !== error.message) tell(waitingForServer(error.message));
      told = error.message;
      await sleep(
        clock,
        Math.min(Math.max(apart(waitMs, session), error.retryAfterMs), leftMs),
        signal,
      );
      const maxMs = error.problem === "timeout" ? SILENT_MAX_MS : BACKOFF_MS.max;
      waitMs = Math.min(waitMs * 2, maxMs);
    }
  }
  return undefined;
}

/** A quarter more or less; numbers in a row are far apart, by the golden ratio. */
function apart(waitMs: number, session: number | undefined): number {
  return session === undefined ? waitMs : waitMs * (0.75 + (session * 0.618034 % 1) / 2);
}

/**
 * What `work` resolves to. Calls `tell` when that takes longer than `slowMs`; what `tell` throws is
 * thrown here, since nobody catches what a timer throws.
 */
export async function tellIfSlow<T>(
  work: Promise<T>,
  { clock, slowMs = SLOW_MS, slow = SLOW, tell }: {
    clock: Clock;
    slowMs?: number;
    /** What is told. Default: that the server is slow. */
    slow?: Activity;
    tell: (slow: Activity) => void;
  },
): Promise<T> {
  const failed = Promise.withResolvers<never>();
  const cancel = clock.after(slowMs, () => {
    try {
      tell(slow);
    } catch (error) {
      failed.reject(error);
    }
  });
  try {
    return await Promise.race([work, failed.promise]);
  } finally {
    cancel();
  }
}

/**
 * Probes a server that has just lost a turn, until it has stayed up for 10 s. Hands back what the
 * last `probe` did; throws as it does.
 */
export async function staysUp<T>(
  probe: () => Promise<T>,
  { client, clock, signal }: {
    client: Pick<OpenCode, "url">;
    clock: Clock;
    signal: AbortSignal;
  },
): Promise<T> {
  let found = await probe();
  for (let look = 1; look < STEADY.looks && !signal.aborted; look++) {
    await sleep(clock, STEADY.everyMs, signal);
    found = await probe().catch((error) => {
      if (!(error instanceof OpenCodeError)) throw error;
      const why = `OpenCode at ${client.url} does not stay up: ${error.message}`;
      const { kind, hints } = error;
      throw new OpenCodeError(error.problem, why, { kind, hints, cause: error });
    });
  }
  return found;
}

/**
 * Creates an OpenCode session, however often that takes. One that the server made and did not tell
 * of is found by its title, and used, so that there never are two. Otherwise as `askPatiently`.
 */
export async function createSessionPatiently(
  client: Pick<OpenCode, "createSession" | "sessions" | "messages">,
  order: Parameters<OpenCode["createSession"]>[0],
  patience: Patience,
): Promise<OpenCodeSession | undefined> {
  let tried = false;

  /** One with a message would be somebody else's: its answer would pass for ours. */
  async function made(): Promise<OpenCodeSession | undefined> {
    for (const session of await client.sessions()) {
      if (session.title !== order.title) continue;
      if ((await client.messages(session.id, { limit: 1 })).length === 0) return session;
    }
  }

  return await askPatiently(async () => {
    const found = tried ? await made() : undefined;
    tried = true;
    return found ?? await client.createSession(order);
  }, patience);
}
