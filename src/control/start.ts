/** Starting a worker in the background. */
import * as path from "node:path";
import type { Context } from "../app/context.ts";
import { pathsOf } from "../app/store.ts";
import { RalphError } from "../error.ts";
import { makeTaskFolder, taskKey } from "../host/files/paths.ts";
import { startInBackground } from "../host/process/background.ts";
import { selfCommand } from "../host/process/self.ts";
import { allEnvironment } from "../host/system/environment.ts";
import type { Task } from "../task/task_files.ts";
import { plain } from "../terminal/plain.ts";
import {
  EndedBefore,
  NotInTree,
  type SessionStarted,
  StoppedBefore,
  type WorkerInput,
  type WorkerOrder,
  type WorkerReport,
} from "./protocol.ts";

/**
 * Starts this program again as the task's worker, and resolves once its session has begun. `variables`:
 * of the shell that it is started from. Throws what the worker reports, and `EndedBefore` when it
 * ends without a report.
 */
export async function startWorker(
  context: Context,
  task: Task,
  order: WorkerOrder,
  { gateEnv, variables = allEnvironment() }: {
    gateEnv: readonly string[];
    variables?: Readonly<Record<string, string>>;
  },
): Promise<SessionStarted> {
  const logs = path.join(pathsOf(context).logs, taskKey(task));
  makeTaskFolder(logs);
  const stderrPath = path.join(logs, "worker.stderr");
  const { line, notAsUnit } = await startInBackground(
    [...selfCommand(context.mainUrl), "__worker"],
    {
      cwd: "/",
      stderrPath,
      isAnswer(line) {
        const report: WorkerReport = JSON.parse(line);
        if ("waiting" in report) context.warn(plain(report.waiting, 300));
        return !("waiting" in report);
      },
      input({ unit }) {
        const input: WorkerInput = { order, unit, variables, gateEnv };
        return JSON.stringify(input);
      },
      unit: {
        name: `ralph-${taskKey(task)}-${context.clock.now()}`,
        description: `ralph: ${plain(task.name, 80)}`,
      },
    },
  );
  if (notAsUnit !== undefined) {
    context.warn(
      `the worker is a process of this login, not a unit of systemd: ${plain(notAsUnit, 200)}`,
    );
  }
  if (line === undefined) {
    throw new EndedBefore(stderrPath);
  }
  const report: WorkerReport = JSON.parse(line);
  if ("ready" in report) return report.ready;
  if ("waiting" in report) throw new Error("a worker that waits has not answered yet");
  const { kind, message, hints, stopped, depends } = report.error;
  if (stopped) throw new StoppedBefore(task.name);
  if (depends) throw new NotInTree(message, hints);
  throw new RalphError(kind, message, hints);
}
