/** `ralph wait` for a task that is in a queue. */
import { sleep } from "../../clock.ts";
import { readAsIs } from "../../control/liveness.ts";
import { queueIsWorked } from "../../queue/start_queue.ts";
import type { Queue, QueuedTask, Session } from "../../store/model.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import type { CommandContext } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";
import { chooseQueued } from "../select/queued.ts";
import { queuedWords } from "./words.ts";

interface QueuedEnd {
  queue: Queue;
  queued: QueuedTask;
  /** The one that has begun; undefined where none has, or will. */
  session?: Session;
}

const LOOK_MS = 250;

/**
 * The queued task once its session has begun, or never will, or as it is after `timeoutMs` or where
 * nobody works through the queue. Undefined for a task that is in no queue.
 */
export async function awaitQueued(
  context: CommandContext,
  { task, timeoutMs = Infinity }: { task: string; timeoutMs?: number },
): Promise<QueuedEnd | undefined> {
  const { clock } = context;
  const end = clock.monotonic() + timeoutMs;
  let found: QueuedEnd | undefined = chooseQueued(context, task);
  while (found) {
    const { queue: { id, projectRoot }, queued } = found;
    const isWorked = queueIsWorked(context, projectRoot);
    found = readAsIs(context, (store): QueuedEnd | undefined => {
      const queue = store.lastQueue(projectRoot);
      const now = queue?.id === id ? queue.tasks.find((one) => one.id === queued.id) : undefined;
      if (!queue || !now) return undefined;
      return { queue, queued: now, session: sessionOf(now, (one) => store.session(one)) };
    });
    const isOver = found?.session || found?.queued.state !== "waiting" &&
        found?.queued.state !== "running";
    if (isOver || !isWorked || clock.monotonic() >= end) return found;
    await sleep(clock, LOOK_MS);
  }
  return undefined;
}

const sessionOf = (
  { sessionId }: QueuedTask,
  read: (id: number) => Session | undefined,
): Session | undefined => sessionId === null ? undefined : read(sessionId);

/** Tells how a queued task ended without a session, or what it waits for. Returns the exit code. */
export function tellQueuedEnd(
  { output: { out } }: CommandContext,
  { queue, queued }: QueuedEnd,
  json: boolean,
): number {
  const isOpen = queued.state === "waiting" || queued.state === "running";
  const { taskName: task, state, why } = queued;
  if (json) {
    const status = isOpen ? "queued" : state;
    out.line(commandJson({ session: null, task, status, reason: null, detail: why }));
  } else {
    out.line(`${plain(task, 80)}: ${queuedWords(queue, queued)}`);
    out.line(
      isOpen ? "see the queue with `ralph status`" : `run it with \`ralph run ${shellWord(task)}\``,
    );
  }
  if (isOpen) return EXIT.unfinished;
  return state === "completed" ? EXIT.done : EXIT.failed;
}
