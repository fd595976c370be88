/**
 * A session's place among the turns that are at work on its server, over all workers of this user, and
 * its turn to have the server load its project: thirty projects that 1.18.33 loads at once take it
 * minutes, and once in two tries it never answered again (measured).
 */
import type { Clock } from "../../clock.ts";
import type { Place, PlaceOrder, Wait } from "../../host/lock/places.ts";
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

interface PlaceTools {
  /** Turns at once. */
  readonly limit: number;
  readonly clock: Clock;
  readonly tell: (activity: Activity) => void;
  readonly emit: Emit;
}

/** Of one worker. */
export function createTurnPlace(places: ServerPlaces, tools: PlaceTools): TurnPlace {
  const taken: { turn?: Place; load?: Place } = {};
  let isLoaded = false;
  let waitedMs = 0;
  /** Aborts when the turn that was joined has ended. */
  let joined: AbortController | undefined;

  /** True when it was taken, or is held, without a wait. */
  async function take(kind: keyof ServerPlaces, options: WaitOptions): Promise<boolean> {
    if (taken[kind]) return true;
    const startedAt = tools.clock.monotonic();
    taken[kind] = await limited(tools, places[kind], waitOf(kind, tools, options));
    const tookMs = tools.clock.monotonic() - startedAt;
    waitedMs += tookMs;
    return taken[kind] !== undefined && tookMs < NO_WAIT_MS;
  }

  const load = async (options: WaitOptions) => isLoaded || await take("load", options);

  return {
    take: (options) => take("turn", options),

    load,

    async join(signal) {
      const ending = joined = new AbortController();
      const order = { limit: tools.limit, urgent: true, signal: ending.signal };
      limited(tools, places.turn, order).then((place) => {
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

/** A limit that cannot be kept is no reason to end a session. */
async function limited(
  { emit }: Pick<PlaceTools, "emit">,
  take: TakePlace,
  order: Parameters<TakePlace>[0],
): Promise<Place | undefined> {
  try {
    return await take(order);
  } catch (error) {
    const why = plain(error instanceof Error ? error.message : String(error));
    emit({ type: "warning", text: `the turns at once are not limited: ${why}` });
    return NO_LOCK;
  }
}

function waitOf(
  kind: keyof ServerPlaces,
  { limit, clock, tell }: PlaceTools,
  { signal, isOver }: WaitOptions,
): Parameters<TakePlace>[0] {
  const words = (wait: Wait) => kind === "load" ? loadWords(wait) : turnWords(wait, limit);
  return {
    limit: kind === "load" ? 1 : limit,
    signal,
    isOver: atMostEach(clock, isOver),
    onWait: teller(clock, (wait) => tell(waitingForTurn(words(wait)))),
  };
}

const NO_LOCK: Place = { release() {} };
/** After less than that nothing has changed that must be looked at again. */
const NO_WAIT_MS = 100;
/** What a person asked for counts at once, by the signal; the rest is read from files and rows. */
const LOOK_MS = 2_000;
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
  return `at work on the server: ${names.join(", ")} (turns at once: ${limit})${line}`;
}

export function loadWords(wait: Wait): string {
  const who = wait.holders().map((one) => plain(one, 80));
  return `the server loads the project of ${who[0] ?? "another session"}`;
}

const FOR_EACH_CORE = 4;

export const turnsByDefault = () => FOR_EACH_CORE * navigator.hardwareConcurrency;
