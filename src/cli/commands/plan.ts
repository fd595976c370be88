/** `ralph plan`: a PRD drafted by the agent, from what a person wants. */
import { Command } from "@commander-js/extra-typings";
import { rootForNewTask } from "../../app/new_task.ts";
import { readWhole } from "../../host/files/read_file.ts";
import { readSettings } from "../../settings/read.ts";
import type { Settings, SettingsPart } from "../../settings/settings.ts";
import { parseModel } from "../../settings/values.ts";
import { serverOption, to } from "../arguments.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { LIMIT_OPTIONS, limitsFrom } from "../limit_options.ts";
import { ideaFrom } from "../planning/idea.ts";
import { planNewTask } from "../planning/new_task.ts";

/** Those of `ralph run` that a few prompts can meet. */
const LIMITS = ["--max-cost", "--max-tokens", "--max-duration", "--turn-time"];

export function command(context: CommandContext, done: Done) {
  const plan = new Command("plan")
    .argument("[what]", "what you want, in your words")
    .option("--from <file>", "take that from a file, or with `-` from the standard input")
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
The agent reads the project and drafts tasks/<name>/prd.json: small stories in the order of the work,
criteria that a command can check, gates, what is not to be done, and open questions. It can change
nothing and run nothing. In a terminal it asks, and takes changes in words, until you say what to do.

Examples:
  ralph plan 'export the report as CSV'
  ralph plan --from issue.md --yes
  ralph plan 'a dark theme' --name dark --max-cost 0.50`,
    )
    .action(async (what, options) => {
      const { from, server, model, agent } = options;
      const flags = { server, model, agent, limits: limitsFrom(options) };
      const { name, yes = false, json = false } = options;
      done(await planIt(context, { what, from, name, yes, json, flags }));
    });
  for (const option of LIMIT_OPTIONS) {
    if (LIMITS.includes(option.long ?? "")) plan.addOption(option);
  }
  return plan;
}

interface PlanOptions {
  what?: string;
  from?: string;
  name?: string;
  yes: boolean;
  json: boolean;
  flags: SettingsPart;
}

async function planIt(context: CommandContext, options: PlanOptions): Promise<number> {
  const root = rootForNewTask(context, "plan a task");
  const idea = await ideaFrom(context, options);
  const settings = await settingsOf(context, { root, flags: options.flags });
  return await planNewTask(context, { ...options, root, settings, idea });
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
