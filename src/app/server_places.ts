/** The places that this user's sessions share on a server: file locks beside the tasks' own. */
import * as path from "node:path";
import { takePlace } from "../host/lock/places.ts";
import { portOf } from "../host/system/port.ts";
import { loadWords, type ServerPlaces } from "../loop/server/turn_place.ts";
import type { Task } from "../task/task_files.ts";
import type { Context } from "./context.ts";
import { pathsOf } from "./store.ts";

/** A server is on this machine, so that its port says which one it is, whatever its host is called. */
export function serverPlaces(
  context: Context,
  { task, server }: { task: Pick<Task, "name" | "projectRoot">; server: string },
): ServerPlaces {
  const { clock } = context;
  const who = `${task.name} in ${path.basename(task.projectRoot)}`;
  const places = (kind: keyof ServerPlaces): ServerPlaces["turn"] => {
    const folder = path.join(pathsOf(context).places, `${portOf(server)}-${kind}`);
    return (order) => takePlace({ ...order, folder, who, clock });
  };
  return { turn: places("turn"), load: places("load") };
}

/** Of thirty that load at once the last one comes after two minutes (1.18.33, measured). */
const LOAD_WAIT_MS = 5 * 60_000;

/**
 * Makes requests that have the server load the project, when it is the project's turn; after five
 * minutes all the same. `onWait` is told once what is waited for, in words.
 */
export async function whileLoading<T>(
  context: Context,
  { onWait, ...of }: Parameters<typeof serverPlaces>[1] & { onWait: (words: string) => void },
  ask: () => Promise<T>,
): Promise<T> {
  const end = context.clock.monotonic() + LOAD_WAIT_MS;
  let isTold = false;
  const place = await serverPlaces(context, of).load({
    limit: 1,
    signal: new AbortController().signal,
    isOver: () => context.clock.monotonic() > end,
    onWait(wait) {
      if (!isTold) onWait(loadWords(wait));
      isTold = true;
    },
    // Where no lock can be made, as on a full disk, the worker says so.
  }).catch(() => undefined);
  try {
    return await ask();
  } finally {
    place?.release();
  }
}
