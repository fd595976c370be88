/** `ralph wait` for a task that is in a queue. */
import { sleep } from "../../clock.ts";
import { isAlive, readAsIs } from "../../control/liveness.ts";
import { isOpen } from "../../queue/decide.ts";
import { sessionOf } from "../../queue/place.ts";
import { queueIsWorked } from "../../queue/start_queue.ts";
import type { Queue, QueuedTask, Session } from "../../store/model.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import type { CommandContext } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";
import { chooseNotRun, chooseQueued } from "../select/queued.ts";
import { queuedWords } from "./words.ts";

export interface QueuedEnd {
  queue: Queue;
  queued: QueuedTask;
  /** The one that has begun; undefined where none has, or will. */
  session?: Session;
  /** Somebody works through the queue. */
  isWorked: boolean;
}

const LOOK_MS = 250;

/**
 * The queued task once the queue is done with it, or as it is after `timeoutMs`, or where nobody works
 * through the queue. Undefined for a task that is in no queue.
 */
export async function awaitQueued(
  context: CommandContext,
  { task, timeoutMs, whileAlive }: {
    task: string;
    timeoutMs: number;
    /** Called at each look at a session that has begun. */
    whileAlive: (session: Session) => Promise<void>;
  },
): Promise<QueuedEnd | undefined> {
  const { clock } = context;
  const end = clock.monotonic() + timeoutMs;
  const chosen = chooseQueued(context, task) ?? chooseNotRun(context, task);
  let found: QueuedEnd | undefined = chosen && { ...chosen, isWorked: true };
  while (found) {
    const { queue: { id, projectRoot }, queued } = found;
    // A session that has ended goes on where the queue was paused, or its worker died.
    const isWorked = queueIsWorked(context, projectRoot);
    found = readAsIs(context, (store): QueuedEnd | undefined => {
      const queue = store.lastQueue(projectRoot);
      const now = queue?.id === id ? queue.tasks.find((one) => one.id === queued.id) : undefined;
      if (!queue || !now) return undefined;
      const hasBegun = now.sessionId !== null || now.state === "running";
      const session = hasBegun ? sessionOf(store, queue, now) : undefined;
      return { queue, queued: now, session, isWorked };
    });
    const isLeft = !isWorked && !(found?.session && isAlive(context, found.session));
    if (!found || !isOpen(found.queued) || isLeft || clock.monotonic() >= end) return found;
    if (found.session) await whileAlive(found.session);
    await sleep(clock, LOOK_MS);
  }
  return undefined;
}

/** What `--json` tells of a queued task without a session. */
export function queuedEndFields({ queued }: QueuedEnd) {
  const { taskName: task, state, why } = queued;
  const status = isOpen(queued) ? "queued" : state;
  return { session: null, task, status, reason: null, detail: why };
}

/** How it ended, or what it waits for, and what can be done now. */
export function queuedEndLines({ queue, queued, isWorked }: QueuedEnd): readonly string[] {
  const { taskName: task } = queued;
  const next = !isOpen(queued)
    ? `run it with \`ralph run ${shellWord(task)}\``
    : isWorked
    ? "see the queue with `ralph status`"
    : `nobody works through the queue: go on with \`ralph run ${shellWord(task)}\``;
  return [`${plain(task, 80)}: ${queuedWords(queue, queued)}`, next];
}

export function codeOfQueued(queued: QueuedTask) {
  if (isOpen(queued)) return EXIT.unfinished;
  if (queued.state === "skipped") return EXIT.notBegun;
  return queued.state === "completed" ? EXIT.done : EXIT.failed;
}
