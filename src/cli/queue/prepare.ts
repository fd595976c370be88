/** Tasks that are about to be queued: what would make one of them fail is told before. */
import { requireInside } from "../../app/inside.ts";
import { promptOf } from "../../app/prompt_file.ts";
import { requireServer } from "../../app/require_server.ts";
import { requireWritable } from "../../app/writable.ts";
import { clientAt } from "../../app/server_client.ts";
import { nothingToDo, requireChoices, requireWritten } from "../../control/preflight.ts";
import {
  recordedWorktrees,
  whereTheyWork,
  worktreeIn,
  worktreeOf,
} from "../../control/worktree/find.ts";
import { planWorktree } from "../../control/worktree/plan.ts";
import { RalphError } from "../../error.ts";
import { readWhole } from "../../host/files/read_file.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { environmentNames } from "../../host/system/environment.ts";
import { readAgenda } from "../../loop/iteration/backlog.ts";
import { atHome, goesOnThere } from "../../queue/dependencies.ts";
import { readSettings } from "../../settings/read.ts";
import type { Worktree } from "../../store/model.ts";
import type { Settings, SettingsPart } from "../../settings/settings.ts";
import type { Agenda } from "../../task/agenda.ts";
import { listTasks } from "../../task/find.ts";
import { remarksOnCopies, remarksOnOtherPrds } from "../../task/other_prds.ts";
import type { Task } from "../../task/task_files.ts";
import { plain } from "../../terminal/plain.ts";
import type { CommandContext } from "../command_context.ts";
import { projectRootHere } from "../select/project_root.ts";
import { taskToRun } from "../select/task_to_run.ts";

/** A task, and where it will run. */
interface ToQueue {
  /** Where it is now: at home, or in its worktree. */
  task: Task;
  /** What the queue has it by: its place in the tree that its worktree is made from, else where it is. */
  home: Task;
  worktree: boolean;
}

/** What a worktree needs of other tasks is looked at when its task starts. */
const NOTHING_BEFORE = { dependsOn: [], signal: new AbortController().signal };

interface Prepared {
  root: string;
  settings: Settings;
  tasks: readonly ToQueue[];
  /** Whether an agent will work, or only gates run. */
  needsAgent: boolean;
}

/**
 * The tasks that are named, or all of this project with open stories, without those that have nothing
 * to do. Throws `RalphError` as `ralph run` does for one of them; of all of the project, one that cannot
 * be run is only told.
 */
export async function prepareTasks(
  context: CommandContext,
  { names, all, flags }: { names: readonly string[]; all: boolean; flags: SettingsPart },
): Promise<Prepared> {
  const named = all
    ? whereTheyWork(context, listTasks(projectRootHere(context), systemTree))
      .filter(({ prdPath }) => prdPath !== undefined)
    : names.map((name) => taskToRun(context, name));
  const trees = recordedWorktrees(context);
  const { settings, warnings } = await readSettings({
    projectRoot: settingsRoot(context, named, trees),
    environment: context.environment,
    variableNames: environmentNames(),
    readFile: readWhole,
    flags,
  });
  for (const warning of warnings) context.warn(warning);
  const placed = named.map((task) => placeOf(context, task, { settings, trees }));
  const tasks = [...new Map(placed.map((one) => [one.home.dir, one])).values()];
  const root = rootOf(context, tasks);
  const agendas = new Map<ToQueue, Agenda>();
  for (const one of tasks) {
    const agenda = all
      ? await openAgenda(context, one, settings)
      : await namedAgenda(context, one, settings);
    if (agenda) agendas.set(one, agenda);
  }
  const needsAgent = [...agendas.values()].some(({ stories }) =>
    stories.some(({ passes }) => !passes)
  );
  if (needsAgent) await requireAgent(context, root, settings);
  return { root, settings, tasks: [...agendas.keys()], needsAgent };
}

/** Those of a worktree are those of the project at home. */
function settingsRoot(
  context: CommandContext,
  [first]: readonly Task[],
  trees: readonly Worktree[],
): string {
  if (!first) return projectRootHere(context);
  return worktreeIn(trees, { taskDir: first.dir })?.homeRoot ?? first.projectRoot;
}

function placeOf(
  context: CommandContext,
  task: Task,
  { settings, trees }: { settings: Settings; trees: readonly Worktree[] },
): ToQueue {
  const isInOwn = worktreeIn(trees, { taskDir: task.dir }) !== undefined;
  if (!isInOwn && !settings.worktree) return { task, home: task, worktree: false };
  const goesOn = isInOwn ? undefined : goesOnThere(context, task);
  if (goesOn !== undefined) {
    const where = plain(task.projectRoot, 200);
    context.warn(`no worktree is made for \`${plain(task.name, 80)}\`: it ${goesOn}, in ${where}`);
    return { task, home: task, worktree: false };
  }
  return { task, home: atHome(task, trees), worktree: true };
}

function rootOf(context: CommandContext, tasks: readonly ToQueue[]): string {
  const [first, ...others] = tasks.map(({ home }) => home);
  if (!first) return projectRootHere(context);
  const other = others.find(({ projectRoot }) => projectRoot !== first.projectRoot);
  if (!other) return first.projectRoot;
  throw new RalphError(
    "usage",
    `\`${plain(first.name, 80)}\` and \`${
      plain(other.name, 80)
    }\` are in different projects, and ` +
      "each project has a queue of its own: run them apart",
  );
}

/** Undefined when there is nothing to do, which is told. */
async function namedAgenda(
  context: CommandContext,
  { task, home, worktree }: ToQueue,
  settings: Settings,
): Promise<Agenda | undefined> {
  const agenda = readAgenda(Deno, { task, promised: false });
  requireInside(context, task, settings);
  promptOf(task, settings);
  requireWritten(task, agenda);
  await requireWritable(context, task);
  const others = remarksOnOtherPrds(task, agenda.stories, systemTree);
  for (const remark of [...agenda.remarks ?? [], ...others]) {
    context.warn(`${plain(task.name, 80)}: ${remark}`);
  }
  const done = nothingToDo(context, { task, agenda, verify: settings.verify });
  if (done === undefined) {
    // What stands in its way now need not be found when its turn has come.
    if (worktree && !worktreeOf(home, recordedWorktrees(context))) {
      await planWorktree(context, task, { settings, ...NOTHING_BEFORE });
    }
    return agenda;
  }
  context.output.err.line(`${plain(task.name, 80)}: ${done}`);
  return undefined;
}

/** Undefined when no story is open, and for a task that cannot be run, which is told. */
async function openAgenda(
  context: CommandContext,
  one: ToQueue,
  settings: Settings,
): Promise<Agenda | undefined> {
  const { task } = one;
  try {
    const { stories } = readAgenda(Deno, { task, promised: false });
    if (stories.some(({ passes }) => !passes)) return await namedAgenda(context, one, settings);
    const others = remarksOnCopies(task, stories, systemTree);
    for (const remark of others) context.warn(`${plain(task.name, 80)}: ${remark}`);
    return undefined;
  } catch (error) {
    if (!(error instanceof RalphError) || error.kind === "state") throw error;
    context.warn(`\`${plain(task.name, 80)}\` is left out: ${error.message}`);
    return undefined;
  }
}

async function requireAgent(
  context: CommandContext,
  directory: string,
  settings: Settings,
): Promise<void> {
  const { server: url, serverOfProject: ofProject } = settings;
  const client = clientAt(context, { url, ofProject, directory });
  await requireServer(context, client);
  await requireChoices(client, settings);
}
