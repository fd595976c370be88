/** Starting, in the background, the process that works through a project's queue. */
import * as path from "node:path";
import type { Context } from "../app/context.ts";
import { pathsOf, queueLockPath } from "../app/store.ts";
import { type ErrorKind, type Hint, RalphError } from "../error.ts";
import { makeTaskFolder } from "../host/files/paths.ts";
import { workerLives } from "../host/lock/lock.ts";
import { startInBackground } from "../host/process/background.ts";
import { selfCommand } from "../host/process/self.ts";
import { allEnvironment } from "../host/system/environment.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";

/** What that process reads from its standard input, as one line. */
export interface QueueInput {
  root: string;
  /** Of the shell that it is started from: they stay in its memory, as a worker's do. */
  variables: Readonly<Record<string, string>>;
}

/** The one line that it prints. */
export type QueueReport = { ready: true } | {
  error: { kind: ErrorKind; message: string; hints: readonly Hint[] };
};

/** Whether a process works through the queue of the project at `root`. */
export function queueIsWorked(context: Context, root: string): boolean {
  return workerLives(queueLockPath(context, root));
}

/**
 * Has somebody work through it: nothing is started where a process does already. Resolves once one has
 * begun. Throws what it reports, and `RalphError` (`failed`) when it ends without a report.
 */
export async function startQueue(context: Context, root: string): Promise<void> {
  const lock = queueLockPath(context, root);
  if (workerLives(lock)) return;
  const name = path.basename(lock, ".lock");
  const logs = path.join(pathsOf(context).logs, name);
  makeTaskFolder(logs);
  const stderrPath = path.join(logs, "worker.stderr");
  const { line } = await startInBackground([...selfCommand(context.mainUrl), "__queue"], {
    cwd: "/",
    stderrPath,
    isAnswer: () => true,
    input: () => JSON.stringify({ root, variables: allEnvironment() } satisfies QueueInput),
    unit: {
      name: `ralph-${name}-${context.clock.now()}`,
      description: `ralph: the queue of ${plain(root, 80)}`,
    },
  });
  if (line === undefined) {
    throw new RalphError("failed", "the queue's process ended before it had begun", [
      { text: "see what it said", command: `cat ${shellWord(stderrPath)}` },
    ]);
  }
  const report: QueueReport = JSON.parse(line);
  if ("ready" in report) return;
  const { kind, message, hints } = report.error;
  throw new RalphError(kind, message, hints);
}
