/**
 * How `ralph stop` and `ralph checkpoint` reach a worker: a file named after the task, that says
 * which run it is for. A file for another run means nothing.
 */
import { dirname } from "node:path";
import type { Clock } from "../../clock.ts";
import { RalphError } from "../../error.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { addFile, partName, replaceFile } from "./atomic_write.ts";
import { textOf } from "./read_file.ts";

export type Request = "stop" | "checkpoint";

/**
 * The run that a request is for. A session that goes on has a new epoch, and a new database may
 * give a session's id again.
 */
export interface Addressee {
  sessionId: number;
  epoch: number;
  startedAt: string;
}

/** The watch sees a new file at once; this is for file systems that tell nobody. */
const POLL_MS = 1_000;

/**
 * Leaves a request for a worker, atomically, and returns the one that stands then: a stop
 * takes the place of whatever is there, a checkpoint never that of a stop for the same run.
 */
export function sendRequest(path: string, to: Addressee, request: Request): Request {
  const content = new TextEncoder().encode(JSON.stringify({ ...to, request }));
  if (request === "checkpoint") {
    const standing = readRequest(path, to) ??
      (added(path, content) ? request : readRequest(path, to));
    if (standing !== undefined) return standing;
  }
  try {
    replaceFile(path, content);
  } catch (error) {
    // A folder is not replaced by a file.
    const aside = putAside(path);
    if (aside === undefined) throw notSent(path, error);
    replaceFile(path, content);
    remove(aside);
  }
  return request;
}

function notSent(path: string, error: unknown): RalphError {
  const why = error instanceof Error ? error.message : error;
  return new RalphError("state", `cannot leave a request for the worker at ${path}: ${why}`, [
    { text: "see who may write there", command: `ls -la ${shellWord(dirname(path))}` },
  ], { cause: error });
}

/** Whether it is there now: not when something else is, or when files get no second names here. */
function added(path: string, content: Uint8Array): boolean {
  try {
    return addFile(path, content);
  } catch {
    return false;
  }
}

/** The request that waits for this run; undefined when there is none. */
export function readRequest(path: string, to: Addressee): Request | undefined {
  const found = parse(textOf(path, { own: true }) ?? "");
  const isOurs = found?.sessionId === to.sessionId && found.epoch === to.epoch &&
    found.startedAt === to.startedAt;
  return isOurs ? found.request : undefined;
}

interface RequestWatch {
  path: string;
  /** The one that holds `path`. */
  folder: string;
  to: Addressee;
  clock: Clock;
  onRequest: (request: Request) => void;
  /**
   * Gets what `onRequest` throws, and what the file system says when it cannot be watched any more or
   * a request cannot be taken. The watch goes on.
   */
  onError: (error: unknown) => void;
}

/**
 * Calls `onRequest` for a request that is there, and for each that comes, until the returned
 * function is called. A request is removed when it is taken: that tells who sent it that the worker
 * reacts. Call this while holding the task's lock: what is for another run is then for an earlier
 * one, and removed. One that comes later is left alone, since a worker that slept may have been
 * replaced.
 */
export function watchRequests(
  { path, folder, to, clock, onRequest, onError }: RequestWatch,
): () => void {
  let isOver = false;
  let cancel = () => {};
  /** Called by timers and the file system, to which nothing may be thrown. */
  const look = (take = takeRequest) => {
    try {
      const request = take(path, to);
      if (request && !isOver) onRequest(request);
    } catch (error) {
      onError(error);
    }
  };
  const poll = () => {
    look();
    if (!isOver) cancel = clock.after(POLL_MS, poll);
  };
  look(takeFirst);
  const watcher = watch(folder);
  if (watcher) follow(watcher, look).catch(onError);
  poll();
  return () => {
    isOver = true;
    cancel();
    close(watcher);
    look();
  };
}

/** Reads and removes the request for this run, and not what takes its place in that moment. */
export function takeRequest(path: string, to: Addressee): Request | undefined {
  if (!readRequest(path, to)) return undefined;
  const taken = putAside(path);
  if (taken === undefined) return undefined;
  const request = readRequest(taken, to);
  if (request === undefined) giveBack(taken, path);
  remove(taken);
  return request;
}

/** The same when a run begins: what is for another one is removed. */
function takeFirst(path: string, to: Addressee): Request | undefined {
  const taken = putAside(path);
  if (taken === undefined) return undefined;
  const request = readRequest(taken, to);
  remove(taken);
  return request;
}

/** Its name then. Undefined when it is gone, or the folder cannot be written: the next look tells. */
function putAside(path: string): string | undefined {
  const taken = partName(path);
  try {
    Deno.renameSync(path, taken);
    return taken;
  } catch {
    return undefined;
  }
}

/** Unless a newer one is there by now. */
function giveBack(taken: string, path: string): void {
  try {
    Deno.linkSync(taken, path);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) Deno.renameSync(taken, path);
  }
}

function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It is gone already, or the folder cannot be written: then no request can come either.
  }
}

async function follow(watcher: Deno.FsWatcher, look: () => void): Promise<void> {
  // To look at what stays there is an access, which would be told again, without end.
  for await (const { kind } of watcher) if (kind !== "access") look();
}

/**
 * Undefined where the system has no watches left: the poll remains. It remains, too, where somebody
 * makes a pipe in the folder: the thread of the watch opens it, and waits (Deno 2.9.6, measured).
 */
function watch(folder: string): Deno.FsWatcher | undefined {
  try {
    return Deno.watchFs(folder, { recursive: false });
  } catch {
    return undefined;
  }
}

function close(watcher: Deno.FsWatcher | undefined): void {
  try {
    watcher?.close();
  } catch {
    // It has failed, and ended by itself.
  }
}

function parse(text: string): (Addressee & { request: Request }) | undefined {
  try {
    const value = JSON.parse(text);
    if (value?.request === "stop" || value?.request === "checkpoint") return value;
  } catch {
    // Not written by `sendRequest`, so not for us.
  }
  return undefined;
}
