/** `ralph new <name>`: a new task with a PRD to fill in. */
import { Command } from "@commander-js/extra-typings";
import * as path from "node:path";
import { RalphError } from "../../error.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { findProjectRoot, listTasks } from "../../task/find.ts";
import { checkTaskName } from "../../task/name.ts";
import { newPrd } from "../../task/new_prd.ts";
import { jsonText } from "../../terminal/json_text.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("new")
    .argument("<name>", "name of the new task")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  ralph new my-feature")
    .action((name, options) => {
      done(newTask(context, { name, json: options.json ?? false }));
    });
}

function newTask(
  context: CommandContext,
  { name, json }: { name: string; json: boolean },
): number {
  checkTaskName(name);
  const root = findProjectRoot(context.cwd(), systemTree);
  if (root === undefined) {
    throw new RalphError(
      "not_found",
      `cannot make the task \`${name}\`: ${plain(context.cwd(), 200)} is not in a git repository`,
      [{ text: "to make the folder you are in one", command: "git init" }],
    );
  }
  const other = listTasks(root, systemTree).find((task) => task.name === name);
  if (other !== undefined && other.dir === other.prdPath) {
    throw new RalphError(
      "conflict",
      `cannot make the task \`${name}\`: ${plain(other.dir, 200)} is one of that name`,
      [{ text: "run it", command: `ralph run ${shellWord(name)}` }],
    );
  }
  const folder = path.join(root, "tasks", name);
  const prd = path.join(folder, "prd.md");
  try {
    Deno.mkdirSync(path.dirname(folder), { recursive: true });
    Deno.mkdirSync(folder);
    Deno.writeTextFileSync(prd, newPrd(name), { createNew: true });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw new RalphError("conflict", `cannot make the task \`${name}\`: ${folder} exists`, [
        { text: "see what is in it", command: `ls ${shellWord(folder)}` },
      ]);
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new RalphError("failed", `cannot make the task \`${name}\`: ${plain(reason, 300)}`, [
      { text: "see who may write there", command: `ls -ld ${shellWord(root)}` },
    ]);
  }
  const { out } = context.output;
  if (json) out.line(jsonText({ task: name, taskDir: folder, prd }));
  else {
    out.line(prd);
    out.line(`Write its stories, commit it, then: ralph run ${shellWord(name)}`);
  }
  return EXIT.done;
}
