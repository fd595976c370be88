/** `ralph init`: the project's checks as gates, what tasks there are, and what is missing. */
import { Command } from "@commander-js/extra-typings";
import * as path from "node:path";
import { type Checks, projectChecks } from "../../app/project_checks.ts";
import { RalphError } from "../../error.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { findProjectRoot } from "../../task/find.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { plain } from "../../terminal/plain.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { confirmed } from "../output/confirm.ts";
import { EXIT } from "../exit_codes.ts";
import { doctor } from "./doctor.ts";
import { ownCommand } from "../../app/own_name.ts";
import { showTasks, taskSummaries } from "./tasks.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("init")
    .option("-y, --yes", "write ralph.json without asking")
    .option("--json", "print one JSON object, and look at nothing else; needs --yes")
    .addHelpText(
      "after",
      `
It looks which checks this project has, and writes them into ralph.json: the loop runs them itself,
and a story passes when they do. A ralph.json that is there stays as it is.

Example:
  ralph init`,
    )
    .action(async ({ yes = false, json = false }) => {
      done(await init(context, { yes, json }));
    });
}

async function init(
  context: CommandContext,
  { yes, json }: { yes: boolean; json: boolean },
): Promise<number> {
  const { out } = context.output;
  const root = findProjectRoot(context.cwd(), systemTree);
  if (root === undefined) {
    throw new RalphError(
      "not_found",
      `cannot set up a project: ${plain(context.cwd(), 200)} is not in a git repository`,
      [{ text: "to make the folder you are in one", command: "git init" }],
    );
  }
  if (json) return initJson(context, { root, yes });
  await writeGates(context, { root, yes });
  const summaries = taskSummaries(context, root);
  out.line("");
  if (summaries.length > 0) showTasks(context, { root, summaries });
  else out.line(`No tasks yet. Begin one: ${ownCommand(context)("ralph new my-feature")}`);
  out.line("");
  const none = {
    named: false,
    deep: false,
    strict: false,
    list: false,
    verbose: false,
    json: false,
  };
  const code = await doctor(context, { ...none, checks: ["project"] });
  out.line(`The server and the model were not looked at: ${ownCommand(context)("ralph doctor")}`);
  return code;
}

/** Writes the file if there is none, and says so to a program. */
function initJson(
  { output: { out } }: CommandContext,
  { root, yes }: { root: string; yes: boolean },
): number {
  if (!yes) throw new RalphError("usage", "`--json` cannot ask: say `--yes` beside it");
  const file = path.join(root, "ralph.json");
  const isThere = systemTree.kind(file) !== undefined;
  const checks = isThere ? [] : projectChecks(root) ?? [];
  if (checks.length > 0) writeSettings(file, checks);
  out.line(commandJson({ file, written: checks.length > 0, verify: isThere ? null : checks }));
  return EXIT.done;
}

async function writeGates(
  context: CommandContext,
  { root, yes }: { root: string; yes: boolean },
): Promise<void> {
  const { out } = context.output;
  const file = path.join(root, "ralph.json");
  if (systemTree.kind(file) !== undefined) {
    return out.line(`ralph.json is there, and stays as it is: ${plain(file, 200)}`);
  }
  const checks = projectChecks(root);
  if (checks === undefined) {
    out.line(
      "No checks of this project are known. Name the commands that have to succeed before a",
    );
    return out.line('story passes, in ralph.json: { "verify": [["make", "test"]] }');
  }
  out.line("These checks were found. A story passes when all of them succeed:");
  for (const args of checks) out.line(`  ${plain(args.join(" "), 100)}`);
  const isWanted = yes || await confirmed(context, {
    message: "Write them into ralph.json?",
    what: "write them",
    command: ["init"],
    byDefault: true,
    whenGivenUp: "nothing was written",
  });
  if (!isWanted) return out.line("nothing was written");
  writeSettings(file, checks);
  out.line(`written: ${plain(file, 200)}`);
}

/** Throws `RalphError` (`failed`). */
function writeSettings(file: string, checks: Checks): void {
  const text = `{\n  "verify": [\n${
    checks.map((args) => `    ${JSON.stringify(args).replaceAll('","', '", "')}`).join(",\n")
  }\n  ]\n}\n`;
  try {
    Deno.writeTextFileSync(file, text, { createNew: true });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new RalphError("failed", `cannot write ${plain(file, 200)}: ${plain(why, 200)}`);
  }
}
