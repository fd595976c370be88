/** A queue in words and in JSON. Pure. */
import { waitsFor } from "../../queue/decide.ts";
import type { Queue, QueuedTask, Session } from "../../store/model.ts";
import type { Colors } from "../../terminal/colors.ts";
import { plain } from "../../terminal/plain.ts";

const SHOWN_MAX = 5;

/** The session of a task of a queue, where it is known. */
export type SessionOf = (task: QueuedTask) => Session | undefined;

/** How a task of a queue is: what it waits for, or how it ended. Safe to show. */
export function queuedWords(
  queue: Pick<Queue, "tasks" | "parallel">,
  task: QueuedTask,
  session?: Session,
): string {
  switch (task.state) {
    case "waiting":
      return waitWords(queue, task);
    case "running":
      return begunWords(task, session);
    case "completed":
      return "completed";
    case "skipped":
      return `not run: ${plain(task.why ?? "unknown", 300)}`;
    case "removed":
      return plain(task.why ?? "taken out", 300);
    default:
      return `${plain(task.state, 20)}: ${plain(task.why ?? "unknown", 300)}`;
  }
}

/** Whether it has ended is told by its session: the queue may have nobody who writes that down. */
function begunWords({ sessionId }: QueuedTask, session: Session | undefined): string {
  const id = session?.id ?? sessionId;
  if (id === null) return "starts";
  if (!session || session.status === "running") return `runs, session ${id}`;
  const why = session.status === "completed" ? "" : `: ${plain(session.detail ?? "unknown", 300)}`;
  return `${plain(session.status, 20)}, session ${id}${why}`;
}

function waitWords(queue: Pick<Queue, "tasks" | "parallel">, task: QueuedTask): string {
  const { why, tasks } = waitsFor(queue, task);
  if (tasks.length === 0) return "is next";
  const names = tasks.slice(0, SHOWN_MAX).map(({ taskName }) => `\`${plain(taskName, 80)}\``)
    .join(", ");
  const more = tasks.length > SHOWN_MAX ? ` and ${tasks.length - SHOWN_MAX} more` : "";
  if (why === "depends") return `waits for ${names}${more}`;
  return tasks.length > 1 ? `after one of ${names}${more}` : `after ${names}`;
}

/** What `--json` tells of it. */
export function queuedFields(queue: Pick<Queue, "tasks" | "parallel">, task: QueuedTask) {
  const waits = task.state === "waiting" ? waitsFor(queue, task) : undefined;
  return {
    task: task.taskName,
    taskDir: task.taskDir,
    state: task.state,
    dependsOn: task.dependsOn,
    ownWorktree: task.worktree,
    waitsFor: waits?.tasks.map(({ taskDir }) => taskDir) ?? [],
    session: task.sessionId,
    why: task.why,
  };
}

/** Those rows of a table that tell of these tasks. */
export function queueRows(
  queue: Pick<Queue, "tasks" | "parallel">,
  tasks: readonly QueuedTask[],
  { colors, sessionOf = () => undefined }: { colors: Colors; sessionOf?: SessionOf },
): readonly (readonly string[])[] {
  return tasks.map((task) => {
    const session = sessionOf(task);
    const state = task.state === "running" ? session?.status ?? task.state : task.state;
    const paint = state === "failed" || state === "skipped"
      ? colors.red
      : state === "completed"
      ? colors.green
      : String;
    return [`  ${plain(task.taskName, 60)}`, paint(queuedWords(queue, task, session))];
  });
}
