/** A person's edit of a PRD, put into its place: beside what others have changed in it meanwhile. */
import type { Context } from "../app/context.ts";
import { openUserStore } from "../app/store.ts";
import { RalphError } from "../error.ts";
import { readFileIfAny } from "../host/files/read_file.ts";
import type { Store } from "../store/store.ts";
import { openPrd, type PrdDocument } from "../task/prd.ts";
import { PRD_BYTES_MAX } from "../task/prd_file.ts";
import type { Task } from "../task/task_files.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { mergeEdit } from "../verify/prd/merge_edit.ts";
import { isSame } from "../verify/prd/prd_authors.ts";
import { attempt, lstat, putFile } from "../verify/prd/prd_files.ts";
import { runningSession } from "./liveness.ts";

/** An agent writes now and then: it does not come in between each time. */
const TRIES_MAX = 10;

interface HandedOver {
  /** As it is in the file now. */
  prd: PrdDocument;
  /** The iteration whose turn is at work; undefined when none is. */
  iteration?: number;
}

/**
 * Puts `edited`, which a person made of `base`, into the PRD's place, and leaves word for the worker of a
 * turn at work that it is a person's. Throws `RalphError` (`conflict`) when both were changed in one place.
 */
export function handOver(
  context: Context,
  task: Task & { prdPath: string },
  { base, edited, draft }: { base: Uint8Array; edited: PrdDocument; draft: string },
): HandedOver {
  const store = runningSession(context, task) && openUserStore(context);
  try {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const done = tryOnce({ context, task, store }, { base, edited, draft });
      if (done) return done;
    }
  } finally {
    store?.close();
  }
  throw conflict(task, draft, "it is being changed again and again");
}

/** Undefined when the file was changed in between. */
function tryOnce(
  { context, task, store }: {
    context: Context;
    task: Task & { prdPath: string };
    store: Store | undefined;
  },
  { base, edited, draft }: { base: Uint8Array; edited: PrdDocument; draft: string },
): HandedOver | undefined {
  const { prdPath: path } = task;
  const info = lstat(Deno, path);
  const now = readFileIfAny(path, PRD_BYTES_MAX) ?? new Uint8Array();
  const prd = isSame(now, base) ? edited : mergedWith(task, { base, edited, now, draft });
  const { bytes } = prd.source;
  const noted = store?.addPrdEdit(task.dir, {
    before: now,
    beforeCtimeMs: info?.ctime?.getTime(),
    after: bytes,
    at: context.clock.now(),
  });
  if (!isSame(readFileIfAny(path, PRD_BYTES_MAX) ?? new Uint8Array(), now)) {
    if (noted) store?.removePrdEdit(noted.id);
    return undefined;
  }
  attempt(
    `write the PRD ${plain(path)}`,
    () => putFile(Deno, { path, bytes, mode: (info?.mode ?? 0o644) & 0o777 }),
  );
  return { prd, iteration: noted?.iteration };
}

function mergedWith(
  task: Task & { prdPath: string },
  { base, edited, now, draft }: {
    base: Uint8Array;
    edited: PrdDocument;
    now: Uint8Array;
    draft: string;
  },
): PrdDocument {
  const open = (bytes: Uint8Array) => openPrd({ path: task.prdPath, bytes });
  try {
    const merged = mergeEdit({ base: open(base), edited, now: open(now) });
    if ("prd" in merged) return merged.prd;
    throw conflict(task, draft, `${plain(merged.conflict, 200)} was changed there, too`);
  } catch (error) {
    if (!(error instanceof RalphError) || error.kind === "conflict") throw error;
    throw conflict(task, draft, `it was changed there, and cannot be merged: ${error.message}`);
  }
}

function conflict({ name, prdPath }: Task, draft: string, why: string): RalphError {
  return new RalphError(
    "conflict",
    `cannot hand the PRD of \`${
      plain(name, 80)
    }\` over: ${why}; what you wrote is kept as ${draft}`,
    [
      {
        text: "see what differs",
        command: `diff ${shellWord(draft)} ${shellWord(prdPath ?? "")}`,
      },
      { text: "edit it as it is now", command: `ralph edit ${shellWord(name)}` },
    ],
  );
}
