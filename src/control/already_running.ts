import { RalphError } from "../error.ts";
import type { Session } from "../store/model.ts";
import type { Task } from "../task/task_files.ts";
import { shellWord } from "../terminal/shell_word.ts";

/** The error for a task that another worker works on. */
export function alreadyRunning(task: Task, session: Session): RalphError {
  const { id, iterations, maxIterations, workerPid, startedAt } = session;
  return new RalphError(
    "conflict",
    `\`${task.name}\` is running already (session ${id}, iteration ${iterations} of ` +
      `${maxIterations ?? "?"}, worker ${workerPid ?? "unknown"}, since ${startedAt})`,
    [
      { text: "see what it does", command: `ralph status ${shellWord(task.name)}` },
      { text: "stop it", command: `ralph stop ${shellWord(task.name)}` },
    ],
  );
}
