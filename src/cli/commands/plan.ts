/** `ralph plan`: a PRD drafted by the agent, from what a person wants. */
import { Command } from "@commander-js/extra-typings";
import { rootForNewTask } from "../../app/new_task.ts";
import { RalphError } from "../../error.ts";
import { readWhole } from "../../host/files/read_file.ts";
import { readSettings } from "../../settings/read.ts";
import type { Settings, SettingsPart } from "../../settings/settings.ts";
import { parseModel } from "../../settings/values.ts";
import { integer, serverOption, to } from "../arguments.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { LIMIT_OPTIONS, limitsFrom } from "../limit_options.ts";
import { checkTask } from "../planning/check_task.ts";
import { ideaFrom } from "../planning/idea.ts";
import { planNewTask } from "../planning/new_task.ts";
import { reviseTask } from "../planning/revise_task.ts";
import { taskToRun } from "../select/task_to_run.ts";

/** Those of `ralph run` that a few prompts can meet. */
const LIMITS = ["--max-cost", "--max-tokens", "--max-duration", "--turn-time"];

export function command(context: CommandContext, done: Done) {
  const plan = new Command("plan")
    .argument("[what]", "what you want, in your words; the task with --check and --revise")
    .option("--from <file>", "take that from a file, or with `-` from the standard input")
    .option("--from-gh <number>", "take it from an issue of GitHub, through `gh`", integer(1))
    .option("--revise <words>", "change the open stories of a task by these words")
    .option("--check", "say what is wrong with the stories of a task, by rules; asks no server")
    .option("--deep", "with --check, ask the model, too")
    .option("--name <name>", "name of the new task (default: the model finds one)")
    .option("-y, --yes", "write the draft without asking")
    .option("--json", "print one JSON object; writes with --yes alone")
    .option(
      "-m, --model <provider/model>",
      "use this model (default: the server's)",
      to(parseModel),
    )
    .option("-a, --agent <name>", "use this agent (default: the server's)")
    .addOption(serverOption())
    .optionsGroup("Limits:")
    .addHelpText(
      "after",
      `
The agent reads the project and drafts tasks/<name>/prd.json: small stories in the order of work,
criteria that a command can check, gates, what is not to be done, and open questions. It can change
nothing and run nothing. In a terminal it asks, and takes changes in words, until you say what to do.

Examples:
  ralph plan 'export the report as CSV'
  ralph plan --from issue.md --yes
  ralph plan --from-gh 123
  ralph plan 'a dark theme' --name dark --max-cost 0.50
  ralph plan my-feature --check
  ralph plan my-feature --revise 'split US-003'`,
    )
    .action(async (what, options) => {
      const { server, model, agent, yes = false, json = false, check = false } = options;
      const flags = { server, model, agent, limits: limitsFrom(options) };
      done(await planIt(context, { ...options, what, yes, json, check, flags }));
    });
  for (const option of LIMIT_OPTIONS) {
    if (LIMITS.includes(option.long ?? "")) plan.addOption(option);
  }
  return plan;
}

interface PlanOptions {
  what?: string;
  from?: string;
  fromGh?: number;
  name?: string;
  revise?: string;
  check: boolean;
  deep?: boolean;
  yes: boolean;
  json: boolean;
  flags: SettingsPart;
}

async function planIt(context: CommandContext, options: PlanOptions): Promise<number> {
  const { check, revise, deep = false, flags } = options;
  refuseMixed(options);
  if (!check && revise === undefined) {
    const root = rootForNewTask(context, "plan a task");
    const idea = await ideaFrom(context, options);
    const settings = await settingsOf(context, { root, flags });
    return await planNewTask(context, { ...options, root, settings, idea });
  }
  const task = taskToRun(context, options.what ?? "");
  const settings = await settingsOf(context, { root: task.projectRoot, flags });
  return revise === undefined
    ? await checkTask(context, { ...options, task, settings, deep })
    : await reviseTask(context, { ...options, task, settings, words: revise });
}

/** Throws `RalphError` (`usage`) for options that do not go together. */
function refuseMixed(options: PlanOptions): void {
  const { what, from, fromGh, name, check, deep, revise } = options;
  const isOfTask = check || revise !== undefined;
  const wrong = check && revise !== undefined
    ? "`--check` changes nothing, and `--revise` does: use one of them"
    : deep && !check
    ? "`--deep` belongs to `--check`"
    : isOfTask && (from ?? fromGh ?? name) !== undefined
    ? "`--from`, `--from-gh` and `--name` are for a new task"
    : isOfTask && what === undefined
    ? `\`${check ? "--check" : "--revise"}\` needs the name of the task`
    : undefined;
  if (wrong !== undefined) {
    throw new RalphError("usage", wrong, [{ text: "see examples", command: "ralph plan --help" }]);
  }
}

async function settingsOf(
  context: CommandContext,
  { root, flags }: { root: string; flags: SettingsPart },
): Promise<Settings> {
  const { settings, warnings } = await readSettings({
    projectRoot: root,
    environment: context.environment,
    variableNames: [],
    readFile: readWhole,
    flags,
  });
  for (const warning of warnings) context.warn(warning);
  return settings;
}
