/**
 * The life of a worker that runs in the test's own process. Everything that it does to the outside
 * goes through one of the ports below, and each effect is a step that is announced before it is
 * taken. Once its life is over, before whichever step, nothing of it has any effect any more: what
 * it waits for never comes, what it calls at once throws `Killed`. So SIGKILL is, seen from outside.
 */
import { DatabaseSync } from "node:sqlite";
import type { Clock } from "../../src/clock.ts";
import type { Transport } from "../../src/opencode/http.ts";
import type { PrdFiles } from "../../src/verify/prd/prd_files.ts";

/** Thrown in the dead worker's own code alone. */
export class Killed extends Error {}

export interface Life {
  readonly isOver: boolean;
  /** Resolves when it is over. */
  readonly over: Promise<undefined>;
  /** Announces an effect. False when it must not happen, since the life is over. */
  step(name: string): boolean;
  end(): void;
  /** What the kernel does for a dead process. Returns a function that takes it back. */
  atEnd(callback: () => void): () => void;
}

/** `onStep` is told each step; it may end the life. */
export function createLife(onStep: (name: string) => void): Life {
  const over = Promise.withResolvers<undefined>();
  const endings = new Set<() => void>();
  let isOver = false;
  return {
    get isOver() {
      return isOver;
    },
    over: over.promise,
    step(name) {
      if (!isOver) onStep(name);
      return !isOver;
    },
    end() {
      if (isOver) return;
      isOver = true;
      for (const callback of endings) callback();
      over.resolve(undefined);
    },
    atEnd(callback) {
      endings.add(callback);
      return () => endings.delete(callback);
    },
  };
}

const never = <T>() => new Promise<T>(() => {});

/** Its monotonic time begins with the life, as a process's does. No timer outlives it. */
export function mortalClock(clock: Clock, life: Life): Clock {
  const startedAt = clock.monotonic();
  const cancels = new Set<() => void>();
  life.atEnd(() => {
    for (const cancel of cancels) cancel();
  });
  return {
    now: clock.now,
    monotonic: () => clock.monotonic() - startedAt,
    after(ms, callback) {
      if (life.isOver) return () => {};
      const cancel = clock.after(ms, () => {
        cancels.delete(cancel);
        try {
          callback();
        } catch (error) {
          if (!(error instanceof Killed)) throw error;
        }
      });
      cancels.add(cancel);
      return () => {
        cancels.delete(cancel);
        cancel();
      };
    },
  };
}

/** Steps: before each request, and before the reply to one that changes something is read. */
export function mortalTransport(transport: Transport, life: Life): Transport {
  return async (url, init) => {
    const { method = "GET", signal } = init;
    const name = `${method} ${url.pathname.replace(/(ses|per|que)_\w+/, ":id")}`;
    if (!life.step(`before ${name}`)) return never();
    const connection = new AbortController();
    const leave = () => connection.abort(signal?.reason);
    if (signal?.aborted) leave();
    signal?.addEventListener("abort", leave);
    const forget = life.atEnd(() => connection.abort());
    const reply = await transport(url, { ...init, signal: connection.signal }).catch((error) => {
      if (life.isOver) return never<Response>();
      throw error;
    });
    // An event stream stays open.
    if (url.pathname !== "/event") forget();
    const goesOn = method === "GET" ? !life.isOver : life.step(`after ${name}`);
    return goesOn ? reply : never();
  };
}

/** A call of the file system, sync or not. Step: before it, when it changes something. */
export function mortalFiles(files: PrdFiles, life: Life): PrdFiles {
  const check = (name: string) => {
    if (!life.step(`before ${name}`)) throw new Killed();
  };
  return {
    ...files,
    lstatSync: files.lstatSync,
    openSync(path, options) {
      if (options?.write) check("creating a file");
      return files.openSync(path, options);
    },
    mkdirSync(path, options) {
      check("making a folder");
      files.mkdirSync(path, options);
    },
    renameSync(from, to) {
      check("renaming a file");
      files.renameSync(from, to);
    },
    removeSync(path, options) {
      check("removing a file");
      files.removeSync(path, options);
    },
    chmodSync(path, mode) {
      check("changing a file's rights");
      files.chmodSync(path, mode);
    },
  };
}

/**
 * Runs `open`, and makes each statement of the database that it opens a step, so that a life can also
 * end inside of a transaction. By its prototype, since the store opens its database itself.
 */
export function mortalDatabase<T>(life: Life, open: () => T): T {
  const { prepare, exec } = DatabaseSync.prototype;
  const check = (sql: string) => {
    const reads = /^\s*(SELECT|PRAGMA)/i.test(sql);
    const name = sql.trim().split(/\s+/).slice(0, 3).join(" ");
    if (reads ? life.isOver : !life.step(`before ${name}`)) throw new Killed();
  };

  function mortalPrepare(this: DatabaseSync, sql: string) {
    const statement = prepare.call(this, sql);
    for (const how of ["run", "get", "all"] as const) {
      const original = statement[how];
      const mortal = (...values: unknown[]) => {
        check(sql);
        return Reflect.apply(original, statement, values);
      };
      Object.assign(statement, { [how]: mortal });
    }
    return statement;
  }

  function mortalExec(this: DatabaseSync, sql: string) {
    check(sql);
    exec.call(this, sql);
  }

  DatabaseSync.prototype.prepare = function (sql) {
    Object.assign(this, { prepare: mortalPrepare, exec: mortalExec });
    return this.prepare(sql);
  };
  try {
    return open();
  } finally {
    DatabaseSync.prototype.prepare = prepare;
  }
}
