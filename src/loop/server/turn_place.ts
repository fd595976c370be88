/**
 * A session's place among the turns that are at work on its server, over all workers of this user, and
 * its turn to have the server load its project: thirty projects that 1.18.33 loads at once take it
 * minutes, and once in two tries it never answered again (measured).
 */
import type { Clock } from "../../clock.ts";
import type { Place, PlaceOrder, Wait } from "../../host/lock/places.ts";
import { plural } from "../../terminal/format.ts";
import { plain } from "../../terminal/plain.ts";
import { type Activity, waitingForTurn } from "../activity.ts";
import type { Emit } from "../event.ts";

/** Takes a place as `takePlace` does; for whom, and of which server, is known. */
export type TakePlace = (
  order: Pick<PlaceOrder, "limit" | "urgent" | "signal" | "isOver" | "onWait">,
) => Promise<Place | undefined>;

export interface ServerPlaces {
  /** Of the turns at work. */
  readonly turn: TakePlace;
  /** Of the projects that the server loads; one at a time. */
  readonly load: TakePlace;
}

interface WaitOptions {
  readonly isOver: () => boolean;
  /** Ends the wait. */
  readonly signal: AbortSignal;
}

export interface TurnPlace {
  /**
   * Waits for a place. True when there was no wait; false when there was, and when nobody waits any
   * more: then look at everything again.
   */
  take(options: WaitOptions): Promise<boolean>;
  /** The same until the server may load the project, where it has not yet: that begins with a prompt. */
  load(options: WaitOptions): Promise<boolean>;
  /** For a turn that is at work already: it counts, and waits for the loading alone. */
  join(signal: AbortSignal): Promise<void>;
  /** The agent has begun: the server may load the next project. */
  loaded(): void;
  /** The server may have been started anew, and knows no project any more. */
  unloaded(): void;
  /** The turn has ended. */
  release(): void;
  /** How long it was waited for so far, in milliseconds. */
  waitedMs(): number;
}

/** Of one worker. `limit`: turns at once. */
export function createTurnPlace(
  places: ServerPlaces,
  { limit, clock, tell, emit }: {
    limit: number;
    clock: Clock;
    tell: (activity: Activity) => void;
    emit: Emit;
  },
): TurnPlace {
  const taken: { turn?: Place; load?: Place } = {};
  let isLoaded = false;
  let waitedMs = 0;
  /** Aborts when the turn that was joined has ended. */
  let joined: AbortController | undefined;

  /** A limit that cannot be kept is no reason to end a session. */
  const from = (take: TakePlace, order: Parameters<TakePlace>[0]) =>
    take(order).catch((error) => {
      const why = error instanceof Error ? error.message : error;
      emit({ type: "warning", text: `the turns at once are not limited: ${plain(String(why))}` });
      return NO_LOCK;
    });

  /** True when it was taken, or is held, without a wait. */
  async function wait(
    kind: keyof ServerPlaces,
    { signal, isOver }: WaitOptions,
    order: { limit: number; words: (wait: Wait) => string },
  ): Promise<boolean> {
    if (taken[kind]) return true;
    const startedAt = clock.monotonic();
    taken[kind] = await from(places[kind], {
      limit: order.limit,
      signal,
      isOver: atMostEach(clock, isOver),
      onWait: teller(clock, (wait) => tell(waitingForTurn(order.words(wait)))),
    });
    const tookMs = clock.monotonic() - startedAt;
    waitedMs += tookMs;
    return taken[kind] !== undefined && tookMs < NO_WAIT_MS;
  }

  const load = async (options: WaitOptions) =>
    isLoaded || await wait("load", options, { limit: 1, words: loadWords });

  return {
    take: (options) => wait("turn", options, { limit, words: (now) => turnWords(now, limit) }),

    load,

    async join(signal) {
      const ending = joined = new AbortController();
      from(places.turn, { limit, urgent: true, signal: ending.signal }).then((place) => {
        if (ending.signal.aborted) place?.release();
        else taken.turn = place;
      });
      await load({ signal, isOver: () => false });
    },

    loaded() {
      isLoaded = true;
      taken.load?.release();
      taken.load = undefined;
    },

    unloaded() {
      isLoaded = false;
    },

    release() {
      joined?.abort();
      taken.turn?.release();
      taken.load?.release();
      taken.turn = taken.load = undefined;
    },

    waitedMs: () => waitedMs,
  };
}

const NO_LOCK: Place = { release() {} };
/** After less than that nothing has changed that must be looked at again. */
const NO_WAIT_MS = 100;
/** What a person asked for counts at once, by the signal; the rest is read from files and rows. */
const LOOK_MS = 1_000;
/** A line moves on with each turn that ends: what is written of it is a minute old at most. */
const TOLD_MS = 60_000;

function atMostEach(clock: Clock, look: () => boolean): () => boolean {
  let lookedAt = clock.monotonic();
  return () => {
    if (clock.monotonic() - lookedAt < LOOK_MS) return false;
    lookedAt = clock.monotonic();
    return look();
  };
}

function teller(clock: Clock, tell: (wait: Wait) => void): (wait: Wait) => void {
  let toldAt = -Infinity;
  return (wait) => {
    if (clock.monotonic() - toldAt < TOLD_MS) return;
    toldAt = clock.monotonic();
    tell(wait);
  };
}

const NAMED_MAX = 3;

function turnWords(wait: Wait, limit: number): string {
  const who = wait.holders().map((one) => plain(one, 80));
  const rest = who.length - NAMED_MAX;
  const names = [...who.slice(0, NAMED_MAX), ...rest > 0 ? [`${rest} more`] : []];
  const line = wait.before === 0 ? "" : `, ${wait.before} more come first`;
  return `at work on the server: ${names.join(", ")} (${plural(limit, "turn")} at once)${line}`;
}

export function loadWords(wait: Wait): string {
  const who = wait.holders().map((one) => plain(one, 80));
  return `the server loads the project of ${who[0] ?? "another session"}`;
}

const FOR_EACH_CORE = 4;

export const turnsByDefault = () => FOR_EACH_CORE * navigator.hardwareConcurrency;
