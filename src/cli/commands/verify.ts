/** `ralph verify [task]`: runs the gates now, as the loop would. It changes nothing by itself. */
import { Command } from "@commander-js/extra-typings";
import { gatesOfTasks } from "../../app/gates.ts";
import { RalphError } from "../../error.ts";
import { readWhole } from "../../host/files/read_file.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { readSettings } from "../../settings/read.ts";
import { listTasks } from "../../task/find.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { taskArgument } from "../arguments.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";
import { runGatesHere } from "../run_gates.ts";
import { projectRootHere } from "../select/project_root.ts";
import { gateLines, shownGate } from "../output/gate_lines.ts";
import { tellProtection } from "../output/protection.ts";
import { taskToRun } from "../select/task_to_run.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("verify")
    .addArgument(taskArgument("[task]"))
    .option("--json", "as JSON, complete")
    .addHelpText(
      "after",
      `
They run in the work tree as it is, with the variables that the loop gives them.

Examples:
  ralph verify my-feature     the project's gates, the task's and those of its stories
  ralph verify                those of all tasks here`,
    )
    .action(async (task, options) => {
      done(await verify(context, { task, json: options.json ?? false }));
    });
}

async function verify(
  context: CommandContext,
  { task, json }: { task?: string; json: boolean },
): Promise<number> {
  const tasks = task === undefined
    ? listTasks(projectRootHere(context), systemTree)
    : [taskToRun(context, task)];
  const root = tasks[0]?.projectRoot ?? projectRootHere(context);
  const { settings } = await readSettings({
    projectRoot: root,
    environment: context.environment,
    variableNames: [],
    readFile: readWhole,
    flags: {},
  });
  const gates = gatesOfTasks(settings, tasks);
  if (gates.length === 0) {
    throw new RalphError("usage", "no gates are configured: there is nothing to run", [
      { text: 'name the project\'s checks in ralph.json, such as `{"verify": [["npm", "test"]]}`' },
    ]);
  }
  const { out } = context.output;
  const ran = await runGatesHere(context, gates, { root, settings });
  if ("code" in ran) return ran.code;
  const shown = ran.results.map((result) => shownGate(result, ran.withheld));
  if (json) out.line(commandJson(shown, 2));
  else {
    for (const one of shown) for (const line of gateLines(one, out.colors)) out.line(line);
    await tellProtection(context, { root, tasks, settings });
  }
  return ran.results.every(({ passed }) => passed) ? EXIT.done : EXIT.failed;
}
