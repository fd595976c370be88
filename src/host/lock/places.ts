/**
 * Places of which there are so many at once, over all processes of this user: each is a lock that dies
 * with its holder. Who waits has a ticket, which is a lock as well: places go to the first in line, and
 * one that died while it waited holds up nobody.
 */
import * as path from "node:path";
import { statSync } from "node:fs";
import { type Clock, sleep } from "../../clock.ts";
import { makePrivateFolder } from "../files/paths.ts";
import { type Lock, noteIn, tryLock } from "./lock.ts";

export interface Place {
  release(): void;
}

export interface PlaceOrder {
  /** Holds the locks of these places, and nothing else. */
  readonly folder: string;
  /** How many there are for this one: others may be told of more or fewer. */
  readonly limit: number;
  /** Who takes it, for those who wait. */
  readonly who: string;
  /** Before all others who wait. */
  readonly urgent?: boolean;
  readonly clock: Clock;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  /** Nobody waits any more. Looked at each time that a place was not to be had. */
  readonly isOver?: () => boolean;
  /** The same times. */
  readonly onWait?: (wait: Wait) => void;
}

export interface Wait {
  /** Who has the places now: foreign text. */
  holders(): readonly string[];
  /** How many wait that come first. */
  readonly before: number;
}

/**
 * A twentieth of the wait so far, within these bounds: thirty that look ten times a second for minutes
 * cost more than what they wait for (measured). One that is far behind need not look as often.
 */
const LOOK_MS = { min: 100, near: 500, far: 2_000 };
const TICKET = /^(\d+)-(\d+)-[0-9a-f-]+\.ticket$/;

/**
 * Takes a place, and waits until there is one. Undefined when `signal` aborts or `isOver` says so
 * first. Throws `RalphError` where the locks cannot be made or opened.
 */
export async function takePlace(order: PlaceOrder): Promise<Place | undefined> {
  const { limit, clock, signal, isOver = () => false, onWait } = order;
  makePrivateFolder(order.folder);
  const ticket = drawTicket(order);
  const startedAt = clock.monotonic();
  try {
    while (!signal.aborted) {
      const earlier = ticketsIn(order.folder).filter(({ name }) => name < ticket.name);
      const place = freePlace(order, { above: reachOf(order.folder, earlier) });
      if (place) return place;
      if (isOver()) return undefined;
      onWait?.({ holders: () => holdersOf(order), before: earlier.length });
      const maxMs = earlier.length <= limit ? LOOK_MS.near : LOOK_MS.far;
      const lookMs = Math.max(LOOK_MS.min, (clock.monotonic() - startedAt) / 20);
      await sleep(clock, Math.min(lookMs, maxMs), signal);
    }
    return undefined;
  } finally {
    ticket.giveBack();
  }
}

interface Ticket {
  /** In the order of the line. */
  name: string;
  /** How many places its holder may choose from. */
  limit: number;
}

function ticketsIn(folder: string): Ticket[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name }) => {
    const [, , limit] = TICKET.exec(name) ?? [];
    return limit === undefined ? [] : [{ name, limit: Number(limit) }];
  });
}

function drawTicket({ folder, limit, urgent = false }: PlaceOrder) {
  for (;;) {
    const numbers = ticketsIn(folder).map(({ name }) => parseInt(name));
    const number = urgent ? 0 : Math.max(0, ...numbers) + 1;
    const name = `${String(number).padStart(9, "0")}-${limit}-${crypto.randomUUID()}.ticket`;
    const file = path.join(folder, name);
    const lock = tryLock(file);
    // Whoever looked at it before it was locked took it for a dead one's, and may have removed it.
    if (lock && statSync(file, { throwIfNoEntry: false })) {
      return { name, giveBack: () => end(file, lock) };
    }
    if (lock) end(file, lock);
  }
}

/** No name comes twice, so that nobody can hold one that was removed. */
function end(file: string, lock: Lock): void {
  try {
    Deno.removeSync(file);
  } catch {
    // It is gone, or stays as one without a holder.
  }
  lock.release();
}

/** The last place that one of those who come first may take; 0 when nobody does. */
function reachOf(folder: string, earlier: readonly Ticket[]): number {
  const far = [...earlier].sort((one, other) => other.limit - one.limit);
  return far.find(({ name }) => isHeld(path.join(folder, name)))?.limit ?? 0;
}

/** A ticket whose holder is gone is removed. */
function isHeld(file: string): boolean {
  if (!statSync(file, { throwIfNoEntry: false })) return false;
  const lock = tryLock(file);
  if (lock) end(file, lock);
  return lock === undefined;
}

const placePath = (folder: string, index: number) => path.join(folder, `${index}.lock`);

function freePlace(
  { folder, limit, who }: PlaceOrder,
  { above }: { above: number },
): Place | undefined {
  for (let index = above + 1; index <= limit; index++) {
    const lock = tryLock(placePath(folder, index));
    if (!lock) continue;
    lock.note(who);
    return lock;
  }
  return undefined;
}

/** A place that was just freed may be among them. */
function holdersOf({ folder, limit }: PlaceOrder): readonly string[] {
  return Array.from({ length: limit }, (_, i) => noteIn(placePath(folder, i + 1)))
    .filter((note) => note !== undefined);
}
