/** Tasks that are about to be queued: what would make one of them fail is told before. */
import { requireInside } from "../../app/inside.ts";
import { promptOf } from "../../app/prompt_file.ts";
import { requireServer } from "../../app/require_server.ts";
import { clientAt } from "../../app/server_client.ts";
import { nothingToDo, requireChoices, requireWritten } from "../../control/preflight.ts";
import { RalphError } from "../../error.ts";
import { readWhole } from "../../host/files/read_file.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { environmentNames } from "../../host/system/environment.ts";
import { readAgenda } from "../../loop/iteration/backlog.ts";
import { readSettings } from "../../settings/read.ts";
import type { Settings, SettingsPart } from "../../settings/settings.ts";
import type { Agenda } from "../../task/agenda.ts";
import { listTasks } from "../../task/find.ts";
import { remarksOnCopies, remarksOnOtherPrds } from "../../task/other_prds.ts";
import type { Task } from "../../task/task_files.ts";
import { plain } from "../../terminal/plain.ts";
import type { CommandContext } from "../command_context.ts";
import { projectRootHere } from "../select/project_root.ts";
import { taskToRun } from "../select/task_to_run.ts";

interface Prepared {
  root: string;
  settings: Settings;
  tasks: readonly Task[];
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
    ? listTasks(projectRootHere(context), systemTree).filter(({ prdPath }) => prdPath !== undefined)
    : names.map((name) => taskToRun(context, name));
  const tasks = [...new Map(named.map((task) => [task.dir, task])).values()];
  const root = rootOf(context, tasks);
  const { settings, warnings } = await readSettings({
    projectRoot: root,
    environment: context.environment,
    variableNames: environmentNames(),
    readFile: readWhole,
    flags,
  });
  for (const warning of warnings) context.warn(warning);
  const agendas = new Map<Task, Agenda>();
  for (const task of tasks) {
    const agenda = all ? openAgenda(context, task, settings) : namedAgenda(context, task, settings);
    if (agenda) agendas.set(task, agenda);
  }
  const needsAgent = [...agendas.values()].some(({ stories }) =>
    stories.some(({ passes }) => !passes)
  );
  if (needsAgent) await requireAgent(context, root, settings);
  return { root, settings, tasks: [...agendas.keys()], needsAgent };
}

function rootOf(context: CommandContext, tasks: readonly Task[]): string {
  const [first, ...others] = tasks;
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
function namedAgenda(
  context: CommandContext,
  task: Task,
  settings: Settings,
): Agenda | undefined {
  const agenda = readAgenda(Deno, { task, promised: false });
  requireInside(context, task, settings);
  promptOf(task, settings);
  requireWritten(task, agenda);
  const others = remarksOnOtherPrds(task, agenda.stories, systemTree);
  for (const remark of [...agenda.remarks ?? [], ...others]) {
    context.warn(`${plain(task.name, 80)}: ${remark}`);
  }
  const done = nothingToDo(context, { task, agenda, verify: settings.verify });
  if (done === undefined) return agenda;
  context.output.err.line(`${plain(task.name, 80)}: ${done}`);
  return undefined;
}

/** Undefined when no story is open, and for a task that cannot be run, which is told. */
function openAgenda(
  context: CommandContext,
  task: Task,
  settings: Settings,
): Agenda | undefined {
  try {
    const { stories } = readAgenda(Deno, { task, promised: false });
    if (stories.some(({ passes }) => !passes)) return namedAgenda(context, task, settings);
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
