/** Reads the latest session of each task, and of that only what has changed. */
import type { Context } from "../../app/context.ts";
import { pathsOf } from "../../app/store.ts";
import { isAlive, readSessions } from "../../control/liveness.ts";
import { RalphError } from "../../error.ts";
import { type Session, type SessionUsage, type Spent, spentOf } from "../../store/model.ts";
import type { ReadOnlyStore } from "../../store/store.ts";
import { stampOf } from "./stamp.ts";

export interface SessionFacts {
  session: Session;
  /** Whether its worker is at work. */
  live: boolean;
  /** What its ended iterations used; absent where that is not known. */
  usage?: Spent;
  budgetUsd?: number;
  /** As of its last record; absent for one of an earlier version. */
  workedMs?: number;
  /** What the session was when its sums were read. */
  sumsOf?: string;
}

/** By the folder of the task. */
type Facts = Map<string, SessionFacts>;

interface Sessions {
  facts: ReadonlyMap<string, SessionFacts>;
  /** Why what is read may be old. */
  trouble?: string;
  /** Whether nothing is left for the next look. */
  isWhole: boolean;
}

interface LookOptions {
  all: boolean;
  /** Monotonic milliseconds, after which what can wait does. */
  until: number;
}

/**
 * Reads the store when a file of the database has changed, or a worker has gone; with `all` also
 * what changes without a sign. No connection is held open in between: a database that is put in place of
 * another is seen, and nobody has to wait for who looks. Throws what the store refuses at the first look;
 * later it is told of.
 */
export function sessionReader(context: Context): (options: LookOptions) => Sessions {
  const isOver = (until: number) => context.clock.monotonic() > until;
  const { database } = pathsOf(context);
  const facts: Facts = new Map();
  let troubles: string[] = [];
  const quiet = { ...context, warn: (text: string) => void troubles.push(text) };
  let stamp: string | undefined;
  let isWhole = true;

  return ({ all, until }) => {
    const now = stampOf(database, `${database}-wal`);
    const mustRead = all || !isWhole || now !== stamp;
    if (!mustRead && allLive(quiet, facts)) return { facts, trouble: troubles.at(0), isWhole };
    const isFirst = stamp === undefined;
    stamp = now;
    troubles = [];
    try {
      isWhole = readSessions(quiet, {
        read: (store) => readInto(facts, store, { all, isOver: () => isOver(until) }),
        whenEmpty: true,
      });
    } catch (error) {
      if (isFirst || !(error instanceof RalphError)) throw error;
      troubles.push(error.message);
      isWhole = true; // at the next look nothing will be better
    }
    return { facts, trouble: troubles.at(0), isWhole };
  };
}

/** Whether each session that is on record as running has its worker. */
function allLive(context: Context, facts: Facts): boolean {
  return [...facts.values()].every(({ session }) =>
    session.status !== "running" || (unlessRefused(() => isAlive(context, session)) ?? true)
  );
}

/** Returns whether nothing was left for the next look. */
function readInto(
  facts: Facts,
  store: ReadOnlyStore,
  { all, isOver }: { all: boolean; isOver: () => boolean },
): boolean {
  const sessions = changedSessions(facts, store, all);
  if (all) keepOnly(facts, new Set(sessions.map(({ taskDir }) => taskDir)));
  for (const session of sessions) {
    const { taskDir } = session;
    // What is read as running has its worker: others were marked before.
    facts.set(taskDir, { ...facts.get(taskDir), session, live: session.status === "running" });
  }
  let isFirst = true;
  for (const one of facts.values()) {
    if (one.sumsOf === sumsKey(one.session)) continue;
    if (!isFirst && isOver()) return false;
    isFirst = false;
    readSums(store, one);
  }
  return true;
}

/** What was forgotten, as by `ralph clean`, goes. */
export function keepOnly(map: Map<string, unknown>, keys: ReadonlySet<string>): void {
  for (const key of map.keys()) if (!keys.has(key)) map.delete(key);
}

/** Those that run, those that did when they were read last, and with `all` each task's latest. */
function changedSessions(facts: Facts, store: ReadOnlyStore, all: boolean): readonly Session[] {
  const running = store.running();
  // The latest comes last, where one folder had several names.
  if (all) return [...store.lastSessions().toReversed(), ...running];
  const ids = new Set(running.map(({ id }) => id));
  const ended = [...facts.values()].flatMap(({ session: { id, status } }) =>
    status === "running" && !ids.has(id) ? store.session(id) ?? [] : []
  );
  return [...ended, ...running];
}

const sumsKey = ({ id, epoch, iterations, status, updatedAt }: Session) =>
  `${id}/${epoch} ${iterations} ${status} ${updatedAt}`;

function readSums(store: ReadOnlyStore, one: SessionFacts): void {
  const { session } = one;
  one.usage = spentSoFar(session, store.usage(session.id));
  one.budgetUsd = store.maxCostUsd(session.id);
  one.workedMs = store.workedMs(session.id);
  one.sumsOf = sumsKey(session);
}

/** Of a session that runs that of the iterations that have ended; undefined while there is none. */
function spentSoFar({ status }: Session, used: SessionUsage): Spent | undefined {
  if (status !== "running" || used.open === 0) return spentOf(used);
  return used.usage.modelCalls === 0 ? undefined : spentOf({ ...used, open: 0 });
}

function unlessRefused<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof RalphError) return undefined;
    throw error;
  }
}
