/** The queue in this process and this terminal: `ralph run --foreground` with several tasks. */
import { openUserStore } from "../../app/store.ts";
import { waitsToLand } from "../../control/next_command.ts";
import { readAsIs } from "../../control/liveness.ts";
import { RalphError } from "../../error.ts";
import { untilEnded } from "../../host/process/signals.ts";
import { treeOf } from "../../queue/place.ts";
import { workQueue } from "../../queue/work_queue.ts";
import type { Queue } from "../../store/model.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { table } from "../../terminal/table.ts";
import type { CommandContext } from "../command_context.ts";
import { EXIT, exitCodeOfSignal, worstOf } from "../exit_codes.ts";
import { runHere } from "../foreground.ts";
import { eventJson } from "../output/event_json.ts";
import { columnsOf, unread } from "../output/streams.ts";
import { codeOfQueued } from "./await_queued.ts";
import { queuedFields, queueRows } from "./words.ts";

/**
 * Works through the queue, each session here. Ctrl-C stops those at work and takes the others out; a
 * terminal that goes away leaves all of them for the next `ralph run`. Returns the exit code.
 */
export async function queueHere(
  context: CommandContext,
  { projectRoot: root, id }: Queue,
  options: { json: boolean; verbose: boolean; bell: boolean },
): Promise<number> {
  const out = unread(context.output.out);
  using ending = untilEnded();
  const read = () => readAsIs(context, (store) => store.lastQueue(root));
  const end = await workQueue(context, root, {
    openStore: () => openUserStore(context),
    signal: ending.signal,
    async start({ order }, queued) {
      const { tasks = [], parallel = 1 } = read() ?? {};
      const number = tasks.findIndex((one) => one.id === queued.id) + 1;
      const name = plain(queued.taskName, 80);
      const label = parallel > 1 ? queued.taskName : undefined;
      if (!options.json && label === undefined) {
        out.line(`\n${name} (${number} of ${tasks.length})`);
      }
      try {
        await runHere({ ...context, cwd: () => root }, order, { ...options, label });
      } catch (error) {
        if (error instanceof RalphError && !options.json) {
          context.output.err.line(
            `${label === undefined ? "" : `${name}: `}error: ${error.message}`,
          );
        }
        throw error;
      }
    },
  });
  if (end === "taken") throw taken(root);
  if (ending.name && ending.name !== "SIGHUP") takeOutAll(context, root);
  const queue = read();
  if (queue?.id !== id) throw new Error("the queue is not on record any more");
  tellEnd({ ...context, output: { ...context.output, out } }, queue, options);
  if (ending.name) return exitCodeOfSignal(ending.name);
  if (end === "paused") return EXIT.unfinished;
  return worstOf(queue.tasks.map(codeOfQueued));
}

function taken(root: string): RalphError {
  return new RalphError(
    "conflict",
    `the queue of ${plain(root, 200)} is worked through by another process, which runs what was ` +
      "queued now, too",
    [{ text: "see what it does", command: "ralph status" }],
  );
}

/** What is open of a project's queue does not run any more. Returns the tasks. */
export function takeOutAll(context: CommandContext, root: string): Queue["tasks"] {
  const store = openUserStore(context, { letsRowsBe: true });
  try {
    const queue = store.lastQueue(root);
    if (!queue || queue.endedAt !== null) return [];
    const out = queue.tasks.filter(({ id }) =>
      store.endQueued(id, { from: ["waiting"], state: "removed", why: "taken out by a person" }) ||
      store.endQueued(id, { from: ["running"], state: "failed", why: "stopped by a person" })
    );
    store.closeQueue(queue.id);
    return out;
  } finally {
    store.close();
  }
}

function tellEnd(
  context: CommandContext,
  queue: Queue,
  { json }: { json: boolean },
): void {
  const { output: { out }, clock } = context;
  if (json) {
    const tasks = queue.tasks.map((task) => queuedFields(queue, task));
    out.line(eventJson({ type: "queue_ended", projectRoot: queue.projectRoot, tasks }, clock));
    return;
  }
  out.line("");
  for (const line of table(queueRows(queue, queue.tasks, out), columnsOf(out))) {
    out.line(line);
  }
  const waiting = toLand(context, queue);
  if (waiting.length === 0) return;
  out.line("");
  waiting.forEach((name, i) =>
    out.line(`${(i === 0 ? "next" : "").padEnd(10)}ralph land ${shellWord(name)}`)
  );
}

/** The tasks whose work waits in their worktrees to be brought home, in the order in which that goes. */
function toLand(context: CommandContext, queue: Queue): readonly string[] {
  const done = queue.tasks.filter(({ state, worktree }) => state === "completed" && worktree);
  const names = readAsIs(context, (store) => {
    const trees = store.worktrees();
    return done.filter((queued) => {
      const tree = treeOf(queue, queued, trees);
      const session = tree && store.lastSession(tree.taskDir);
      return session !== undefined && waitsToLand(session, tree);
    }).toSorted((a, b) => (a.sessionId ?? 0) - (b.sessionId ?? 0)).map(({ taskName }) => taskName);
  });
  return names ?? [];
}
