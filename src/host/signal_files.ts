/**
 * How `ralph stop` and `ralph checkpoint` reach a worker: a file named after the task, that says
 * which run it is for. A file for another run means nothing.
 */
import type { Clock } from "../clock.ts";

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

/** The watch is told of a new file at once; this is for file systems that tell nobody. */
const POLL_MS = 1_000;

/**
 * Leaves a request for a worker, whole or not at all, and returns the one that stands then: a stop
 * takes the place of whatever is there, a checkpoint never that of a stop for the same run.
 */
export function sendRequest(path: string, to: Addressee, request: Request): Request {
  const half = `${path}.${Deno.pid}`;
  Deno.writeTextFileSync(half, JSON.stringify({ ...to, request }), { mode: 0o600 });
  if (request === "checkpoint") {
    const standing = readRequest(path, to) ??
      (linked(half, path) ? request : readRequest(path, to));
    if (standing !== undefined) {
      Deno.removeSync(half);
      return standing;
    }
  }
  Deno.renameSync(half, path);
  return request;
}

/** Whether the file has got its second name: not when that is taken, or cannot be given here. */
function linked(from: string, to: string): boolean {
  try {
    Deno.linkSync(from, to);
    return true;
  } catch {
    return false;
  }
}

/** The request that waits for this run; undefined when there is none. */
export function readRequest(path: string, to: Addressee): Request | undefined {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
  const found = parse(text);
  const isOurs = found?.sessionId === to.sessionId && found.epoch === to.epoch &&
    found.startedAt === to.startedAt;
  return isOurs ? found.request : undefined;
}

/**
 * Calls `onRequest` for a request that is there, and for each that comes, until the returned
 * function is called. A request is removed when it is taken: that tells who sent it that the worker
 * reacts. Call this while holding the task's lock: what is for another run is then for an earlier
 * one, and removed. One that comes later is left alone, since a worker that slept may have been
 * replaced. `folder` is the one that holds `path`.
 */
export function watchRequests(
  { path, folder, to, clock, onRequest }: {
    path: string;
    folder: string;
    to: Addressee;
    clock: Clock;
    onRequest: (request: Request) => void;
  },
): () => void {
  if (readRequest(path, to) === undefined) remove(path);
  const look = () => {
    const request = takeRequest(path, to);
    if (request) onRequest(request);
  };
  let cancel = () => {};
  const poll = () => {
    look();
    cancel = clock.after(POLL_MS, poll);
  };
  const watcher = watch(folder);
  if (watcher) follow(watcher, look);
  poll();
  return () => {
    cancel();
    watcher?.close();
    takeRequest(path, to);
  };
}

/** Reads and removes the request for this run, and not what takes its place in that moment. */
export function takeRequest(path: string, to: Addressee): Request | undefined {
  if (!readRequest(path, to)) return undefined;
  const taken = `${path}.taken`;
  try {
    Deno.renameSync(path, taken);
  } catch {
    return undefined; // it is gone already, or the folder cannot be written: the next look tells
  }
  const request = readRequest(taken, to);
  if (request) remove(taken);
  else Deno.renameSync(taken, path);
  return request;
}

function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It is gone already, or the folder cannot be written: then no request can come either.
  }
}

async function follow(watcher: Deno.FsWatcher, look: () => void): Promise<void> {
  for await (const _ of watcher) look();
}

/** Undefined where the system has no watches left: the poll remains. */
function watch(folder: string): Deno.FsWatcher | undefined {
  try {
    return Deno.watchFs(folder, { recursive: false });
  } catch {
    return undefined;
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
