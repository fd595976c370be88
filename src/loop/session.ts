/**
 * How a session begins: as a new one, or as the continuation of one that was paused or whose worker
 * died. Called by the worker that holds the task's lock.
 */
import type { Clock } from "../clock.ts";
import type { OpenCode } from "../opencode/client.ts";
import type { Lease, Outcome, WorkerSettings } from "../registry/model.ts";
import type { Registry } from "../registry/registry.ts";
import type { Task } from "../task/find.ts";
import { abortTurn } from "./abort.ts";
import { continuation } from "./continuation.ts";

export interface Begun {
  lease: Lease;
  outcomes: readonly Outcome[];
  maxIterations: number;
  /** Why an earlier session goes on, in words; undefined for a new one. */
  continues?: string;
}

/** Iterations of a session when nobody says otherwise. */
const ITERATIONS_MAX = 10;

/**
 * Starts or continues the task's session. An iteration that was under way when the worker died is
 * recorded as interrupted, after its turn was aborted: two agents must not work in one tree.
 */
export async function beginSession(
  { registry, client, clock }: { registry: Registry; client: OpenCode; clock: Clock },
  { task, worker }: {
    task: Task;
    worker: Omit<WorkerSettings, "maxIterations"> & { maxIterations?: number };
  },
): Promise<Begun> {
  let previous = registry.lastSession(task.dir);
  if (previous?.status === "running") {
    registry.markWorkerDied(previous, "the worker ended without a word");
    previous = registry.session(previous.id);
  }
  const continues = previous && continuation(previous);
  if (!previous || !continues) {
    const maxIterations = worker.maxIterations ?? ITERATIONS_MAX;
    const lease = registry.startSession(
      { taskName: task.name, taskDir: task.dir, projectRoot: task.projectRoot },
      { ...worker, maxIterations },
    );
    return { lease, outcomes: [], maxIterations };
  }
  const maxIterations = worker.maxIterations ?? previous.maxIterations ?? ITERATIONS_MAX;
  const lease = registry.continueSession(previous.id, { ...worker, maxIterations });
  const outcomes: Outcome[] = [];
  for (const iteration of registry.iterations(previous.id)) {
    if (iteration.outcome === null) {
      const aborted = iteration.openCodeSessionId === null ||
        await abortTurn({ client, clock, sessionId: iteration.openCodeSessionId });
      registry.endIteration(lease, {
        number: iteration.number,
        outcome: "interrupted",
        detail: aborted
          ? "the worker died in mid-turn"
          : "the worker died in mid-turn; the server did not confirm that the turn was aborted",
        storiesPassed: [],
        answers: [],
      });
    }
    outcomes.push(iteration.outcome ?? "interrupted");
  }
  return { lease, outcomes, maxIterations, continues };
}
