/** What `ralph status` tells of queues. */
import { readAsIs } from "../../control/liveness.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { isOpen } from "../../queue/decide.ts";
import { sessionOf } from "../../queue/place.ts";
import { wasNotRun } from "../select/queued.ts";
import { queueIsWorked } from "../../queue/start_queue.ts";
import type { Queue, QueuedTask } from "../../store/model.ts";
import type { ReadOnlyStore } from "../../store/store.ts";
import { findProjectRoot } from "../../task/find.ts";
import { ago, localMoment } from "../../terminal/format.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { table } from "../../terminal/table.ts";
import type { CommandContext } from "../command_context.ts";
import { rowLines } from "../output/session_detail.ts";
import { columnsOf } from "../output/streams.ts";
import { queuedFields, queuedWords, queueRows, type SessionOf } from "./words.ts";

interface Shown {
  queue: Queue;
  /** All while the queue is open; after it those that did not come to a session. */
  tasks: readonly QueuedTask[];
  sessionOf: SessionOf;
}

/** Open queues, and this project's last one as long as something of it was not run and not since. */
function shownQueues(context: CommandContext): readonly Shown[] {
  const root = findProjectRoot(context.cwd(), systemTree);
  const found = readAsIs(context, (store) =>
    store.lastQueues().map((queue) => ({
      queue,
      sessionOf: sessionsOf(store, queue),
      tasks: queue.endedAt === null
        ? queue.tasks.filter(({ state }) => state !== "removed")
        : queue.tasks.filter((task) => task.state !== "removed" && wasNotRun(store, queue, task)),
    })));
  return (found ?? []).filter(({ queue, tasks }) =>
    tasks.length > 0 && (queue.endedAt === null || queue.projectRoot === root)
  );
}

/** As they are now: the store is closed when they are told. */
function sessionsOf(store: ReadOnlyStore, queue: Queue): SessionOf {
  const begun = queue.tasks.filter(({ state }) => state === "running");
  const sessions = new Map(begun.map((task) => [task.id, sessionOf(store, queue, task)]));
  return ({ id }) => sessions.get(id);
}

/** Lines for people. */
export function tellQueues(context: CommandContext): void {
  const { out } = context.output;
  for (const { queue, tasks, sessionOf } of shownQueues(context)) {
    const isOpenQueue = queue.endedAt === null;
    const root = plain(queue.projectRoot, 200);
    const nobody = isOpenQueue && !queueIsWorked(context, queue.projectRoot)
      ? "; nobody works through it: go on with `ralph run`"
      : "";
    out.line("");
    out.line(isOpenQueue ? `queue of ${root}${nobody}` : `not run, of the last queue of ${root}`);
    const rows = queueRows(queue, tasks, { colors: out.colors, sessionOf });
    for (const line of table(rows, columnsOf(out))) out.line(line);
  }
}

/** What programs get beside the tasks by their sessions: those that wait, or were not run. */
export function queuedRows(context: CommandContext): readonly ReturnType<typeof rowOf>[] {
  return shownQueues(context).flatMap(({ queue, tasks }) =>
    tasks.filter(({ state, sessionId }) => state !== "running" && sessionId === null)
      .map((task) => rowOf(queue, task))
  );
}

function rowOf(queue: Queue, task: QueuedTask) {
  const { taskDir, dependsOn, waitsFor, ownWorktree, why } = queuedFields(queue, task);
  return {
    task: task.taskName,
    taskDir,
    projectRoot: queue.projectRoot,
    status: task.state === "waiting" ? "queued" : task.state,
    activity: task.state === "waiting" ? queuedWords(queue, task) : null,
    detail: why,
    dependsOn,
    waitsFor,
    ownWorktree,
    queuedAt: task.queuedAt,
  };
}

/** The same columns as of a task that has a session, tab-separated. */
export function queuedRowForPipe(row: ReturnType<typeof rowOf>): string {
  const { task, status, activity, detail, queuedAt, projectRoot } = row;
  const words = activity ?? detail ?? "-";
  const stop = status === "queued" ? "stop" : "run";
  const next = `ralph ${stop} ${shellWord(task)}`;
  return [task, status, words, "-", "-", "-", queuedAt, "-", projectRoot, "-", "-", "-", next]
    .map((field) => plain(field)).join("\t");
}

/** A task that waits in a queue, in detail. */
export function tellQueued(
  context: CommandContext,
  { queue, queued }: { queue: Queue; queued: QueuedTask },
  { json }: { json: boolean },
): void {
  const { out } = context.output;
  if (json) return out.line(commandJson(rowOf(queue, queued), 2));
  const since = Date.parse(queued.queuedAt);
  out.line(`${out.colors.yellow("○")} ${out.colors.bold(plain(queued.taskName))} - queued`);
  const others = queue.tasks.filter(isOpen).length - 1;
  const rows = [
    ["now", queuedWords(queue, queued)],
    ["since", `${localMoment(since)} (${ago(since, context.clock.now())})`],
    ["task", queued.taskDir],
    ["queue", `${others} more open in ${queue.projectRoot}`],
  ].map(([key, value]) => [key, plain(value)] as const);
  for (const line of rowLines(rows, columnsOf(out))) out.line(line);
  out.line();
  const name = shellWord(queued.taskName);
  out.line(
    queueIsWorked(context, queue.projectRoot)
      ? `take it out with \`ralph stop ${name}\``
      : `nobody works through the queue: go on with \`ralph run ${name}\``,
  );
}
