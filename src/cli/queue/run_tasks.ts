/** `ralph run a b c` and `ralph run --all`: tasks of a project, one after the other or some at once. */
import { openUserStore } from "../../app/store.ts";
import { requireOwnFolders } from "../../app/own_folders.ts";
import { readAsIs } from "../../control/liveness.ts";
import { whereTheyWork } from "../../control/worktree/find.ts";
import { isOpen } from "../../queue/decide.ts";
import { dependenciesOf, dependsOnOpen, uncompleted } from "../../queue/dependencies.ts";
import { startQueue } from "../../queue/start_queue.ts";
import type { SettingsPart } from "../../settings/settings.ts";
import type { Queue, QueuedTask } from "../../store/model.ts";
import type { Task } from "../../task/task_files.ts";
import { plural } from "../../terminal/format.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { table } from "../../terminal/table.ts";
import type { CommandContext } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";
import { eventJson } from "../output/event_json.ts";
import { columnsOf } from "../output/streams.ts";
import { prepareTasks } from "./prepare.ts";
import { queueHere } from "./queue_here.ts";
import { queuedFields, queueRows } from "./words.ts";

interface RunTasks {
  /** As a person named them; none of them and not `all`: what is queued already. */
  names: readonly string[];
  all: boolean;
  failFast: boolean;
  /** How many at once, each in a worktree of its own; undefined: as many as do now, where they are. */
  parallel?: number;
  flags: SettingsPart;
  foreground: boolean;
  json: boolean;
  verbose: boolean;
}

/** Queues the tasks, and has the queue of their project worked through. */
export async function runTasks(context: CommandContext, options: RunTasks): Promise<number> {
  requireOwnFolders(context);
  const { names, all, failFast, parallel, foreground, json } = options;
  const { costUsd, tokens, ...limits } = options.flags.limits ?? {};
  const worktree = parallel === undefined ? options.flags.worktree : true;
  const flags: SettingsPart = { ...options.flags, worktree, limits };
  const { root, settings, tasks: placed } = await prepareTasks(context, { names, all, flags });
  const tasks = placed.map(({ home }) => home);
  const dependsOn = dependenciesOf(tasks, settings);
  const queued = readAsIs(context, (reader) => reader.lastQueue(root))?.tasks.filter(isOpen) ?? [];
  requireAllDependencies(context, { queued, tasks, dependsOn });
  if (Object.values({ ...flags, limits: undefined, ...limits }).some((one) => one !== undefined)) {
    for (
      const { taskName } of queued.filter(({ taskDir }) => tasks.some(({ dir }) => dir === taskDir))
    ) {
      context.warn(`\`${plain(taskName, 80)}\` is queued already, and stays as it was queued`);
    }
  }
  const store = openUserStore(context);
  try {
    if (tasks.length > 0 || parallel !== undefined && queued.length > 0) {
      store.enqueue({
        projectRoot: root,
        failFast: failFast || undefined,
        maxCostUsd: costUsd,
        maxTokens: tokens,
        parallel,
        tasks: placed.map(({ home, worktree }) => ({
          taskName: home.name,
          taskDir: home.dir,
          flags: JSON.stringify(flags),
          dependsOn: (dependsOn.get(home.dir) ?? []).map(({ dir }) => dir),
          worktree,
        })),
      });
    }
  } finally {
    store.close();
  }
  const queue = readAsIs(context, (reader) => reader.lastQueue(root));
  if (!queue || queue.endedAt !== null) {
    context.output.err.line(all ? "No task here has open stories." : "There is nothing to do.");
    return EXIT.done;
  }
  if (foreground) return await queueHere(context, queue, { ...options, bell: settings.notify });
  await startQueue(context, root);
  tellQueue(context, queue, json);
  return EXIT.done;
}

/** What a task depends on is completed, or queued as well. Throws `RalphError` (`conflict`) else. */
function requireAllDependencies(
  context: CommandContext,
  { queued, tasks, dependsOn }: {
    queued: readonly QueuedTask[];
    tasks: readonly Task[];
    dependsOn: ReadonlyMap<string, readonly Task[]>;
  },
): void {
  const dirs = new Set([...tasks.map(({ dir }) => dir), ...queued.map(({ taskDir }) => taskDir)]);
  for (const task of tasks) {
    const elsewhere = (dependsOn.get(task.dir) ?? []).filter(({ dir }) => !dirs.has(dir));
    const open = uncompleted(context, whereTheyWork(context, elsewhere));
    if (open.length > 0) throw dependsOnOpen(task, open);
  }
}

/** Tells what is queued, and how to look at it. */
export function tellQueue(context: CommandContext, queue: Queue, json: boolean): void {
  const { out } = context.output;
  const open = queue.tasks.filter(isOpen);
  if (json) {
    const tasks = open.map((task) => queuedFields(queue, task));
    out.line(eventJson({ type: "queued", projectRoot: queue.projectRoot, tasks }, context.clock));
    return;
  }
  const how = queue.parallel > 1 ? `${queue.parallel} at once` : "one after the other";
  const where = open.every(({ worktree }) => worktree) ? ", each in a worktree of its own" : "";
  out.line(`${plural(open.length, "task")} queued, ${how}${where}:`);
  out.line("");
  for (const line of table(queueRows(queue, open, out), columnsOf(out))) out.line(line);
  out.line("");
  const last = shellWord(open.at(-1)?.taskName ?? "");
  out.line("  look     ralph status");
  out.line("  watch    ralph watch");
  out.line("  wait     ralph wait --all");
  out.line(`  stop     ralph stop --all; one of them: ralph stop ${last}`);
}
