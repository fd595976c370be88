/**
 * The worker's way to its records. A full disk or a locked database ends no session: what has to be
 * written waits for it, and says so.
 */
import { type Clock, sleep } from "../clock.ts";
import { StoreError } from "../store/database.ts";
import type { Lease } from "../store/model.ts";
import { LostSession, type Store } from "../store/store.ts";
import type { Emit } from "./event.ts";

export interface Recorder {
  /**
   * Writes, and tries again while the trouble may pass: for an hour, or 5 s once the worker is to
   * end. Throws `StoreError` then, and `LostSession` at once.
   */
  write<T>(write: (store: Store) => T | Promise<T>): Promise<T>;
  /** Writes what `ralph status` shows, at once or not at all. Never throws for such trouble. */
  note(write: (store: Store) => void): void;
}

/** Somebody has to make room first, and may be asleep. */
const LIMIT_MS = 60 * 60 * 1_000;
const ENDING_LIMIT_MS = 5_000;
const BACKOFF_MS = { first: 250, max: 5_000 };

/** `signal` aborts when the worker is to end. */
export function createRecorder(
  { store, clock, emit, signal }: {
    store: Store;
    clock: Clock;
    emit: Emit;
    signal: AbortSignal;
  },
): Recorder {
  return {
    async write(write) {
      const start = clock.monotonic();
      for (let waitMs = BACKOFF_MS.first;; waitMs = Math.min(waitMs * 2, BACKOFF_MS.max)) {
        try {
          store.requireSame();
          return await write(store);
        } catch (error) {
          const limitMs = signal.aborted ? ENDING_LIMIT_MS : LIMIT_MS;
          const leftMs = start + limitMs - clock.monotonic();
          if (!mayPass(error) || leftMs <= 0) throw error;
          if (waitMs === BACKOFF_MS.first) {
            emit({ type: "activity", text: `waiting for the database: ${error.message}` });
          }
          // Not ended by the signal: that would be a loop without a pause.
          await sleep(clock, Math.min(waitMs, leftMs));
        }
      }
    },
    note(write) {
      try {
        write(store);
      } catch (error) {
        // A session that was lost is noticed by `watchLease`, and by the next real write.
        if (!mayPass(error) && !(error instanceof LostSession)) throw error;
      }
    },
  };
}

const LOOK_MS = 5_000;
/** A worker that is killed has worked for up to so long more than is on record. */
const NOTE_MS = 10_000;
/** A write to a locked database waits for it, and nothing else is done meanwhile. */
const REFUSED_NOTE_MS = 60_000;

/**
 * Writes every 10 s that its worker is there, and looks every 5 s whether the session is still this worker's, and its database still in its place.
 * Calls `onLost` once when it is not, with why: `LostSession` or `StoreError`, or what nobody expected.
 * Returns a function that ends it.
 */
export function watchLease(
  { store, lease, clock, onLost }: {
    store: Pick<Store, "requireLease" | "noteThere">;
    lease: Lease;
    clock: Clock;
    onLost: (error: unknown) => void;
  },
): () => void {
  let cancel = clock.after(LOOK_MS, look);
  let noteAt = clock.monotonic() + NOTE_MS;
  function look() {
    const notes = clock.monotonic() >= noteAt;
    try {
      if (notes) store.noteThere(lease);
      else store.requireLease(lease);
      if (notes) noteAt = clock.monotonic() + NOTE_MS;
    } catch (error) {
      if (!mayPass(error)) return onLost(error);
      noteAt = clock.monotonic() + REFUSED_NOTE_MS;
    }
    cancel = clock.after(LOOK_MS, look);
  }
  return () => cancel();
}

function mayPass(error: unknown): error is StoreError {
  return error instanceof StoreError && error.passing;
}
