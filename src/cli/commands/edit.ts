/** `ralph edit <task>`: the PRD in an editor, checked, and handed over at once. */
import { Command } from "@commander-js/extra-typings";
import * as path from "node:path";
import { requireInside } from "../../app/inside.ts";
import { handOver } from "../../control/hand_over.ts";
import { runningSession } from "../../control/liveness.ts";
import { tellTurn } from "../../control/tell_edit.ts";
import { RalphError } from "../../error.ts";
import { readFileIfAny, readWhole } from "../../host/files/read_file.ts";
import { handTerminalTo, TERMINATED } from "../../host/process/programs.ts";
import { readSettings } from "../../settings/read.ts";
import { openPrd, type PrdDocument, remarksOf } from "../../task/prd.ts";
import { PRD_BYTES_MAX } from "../../task/prd_file.ts";
import type { Task } from "../../task/task_files.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { isSame } from "../../verify/prd/prd_authors.ts";
import { storyChanges } from "../../verify/prd/story_changes.ts";
import { taskArgument } from "../arguments.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";
import { confirmed } from "../output/confirm.ts";
import { requirePerson } from "../require_person.ts";
import { taskToRun } from "../select/task_to_run.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("edit")
    .addArgument(taskArgument("<task>"))
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `
The editor is that of VISUAL or EDITOR, else vi. What is no PRD is not handed over.

Examples:
  ralph edit my-feature
  EDITOR='code --wait' ralph edit my-feature`,
    )
    .action(async (task, options) => {
      done(await edit(context, { task, json: options.json ?? false }));
    });
}

async function edit(
  context: CommandContext,
  { task: argument, json }: { task: string; json: boolean },
): Promise<number> {
  requirePerson(context, "edit");
  const task = await taskWithPrd(context, argument);
  const base = readFileIfAny(task.prdPath, PRD_BYTES_MAX) ?? new Uint8Array();
  const draft = path.join(
    Deno.makeTempDirSync({ prefix: "ralph-edit-" }),
    path.basename(task.prdPath),
  );
  Deno.writeFileSync(draft, base, { mode: 0o600 });
  const edited = await editedPrd(context, { task, base, draft });
  const handed = edited && handOver(context, task, { base, edited, draft });
  Deno.removeSync(path.dirname(draft), { recursive: true });
  // What others changed meanwhile is not the person's.
  const changes = edited && handed ? storyChanges(base, edited) : [];
  const told = handed?.iteration === undefined ? undefined : await tellTurn(context, task, changes);
  const { out } = context.output;
  if (json) {
    const { name } = task;
    out.line(
      commandJson({ task: name, changed: handed !== undefined, changes, told: told ?? null }),
    );
    return EXIT.done;
  }
  for (const remark of handed ? remarksOf(handed.prd) : []) context.warn(remark);
  out.line(`\`${plain(task.name, 80)}\`: ${outcome(context, { task, handed, changes, told })}`);
  return EXIT.done;
}

/** Throws `RalphError`: as `taskToRun` and `requireInside` do, `usage` for a task without stories. */
async function taskWithPrd(
  context: CommandContext,
  argument: string,
): Promise<Task & { prdPath: string }> {
  const task = taskToRun(context, argument);
  const { settings } = await readSettings({
    projectRoot: task.projectRoot,
    environment: context.environment,
    variableNames: [],
    readFile: readWhole,
    flags: {},
  });
  requireInside(context, task, settings);
  const { prdPath, promptPath } = task;
  if (prdPath !== undefined) return { ...task, prdPath };
  throw new RalphError("usage", `\`${plain(task.name, 80)}\` has no PRD, but a prompt`, [
    { text: "edit that", command: `\${EDITOR:-vi} ${shellWord(promptPath ?? task.dir)}` },
  ]);
}

/** What the person made of it; undefined when that is what was there. */
async function editedPrd(
  context: CommandContext,
  { task, base, draft }: { task: Task & { prdPath: string }; base: Uint8Array; draft: string },
): Promise<PrdDocument | undefined> {
  const { out, inputIsTerminal } = context.output;
  for (;;) {
    await runEditor(context, draft);
    const bytes = draftBytes(draft);
    if (isSame(bytes, base)) return undefined;
    try {
      return openPrd({ path: draft, bytes });
    } catch (error) {
      if (!(error instanceof RalphError)) throw error;
      const mayAsk = out.isTerminal && inputIsTerminal;
      if (mayAsk) context.warn(error.message);
      const whenGivenUp = `nothing was handed over; what you wrote is kept at ${draft}`;
      const again = {
        what: "edit it again",
        command: ["edit", task.name],
        byDefault: true,
        whenGivenUp,
      };
      if (mayAsk && await confirmed(context, { message: "Edit it again?", ...again })) continue;
      throw new RalphError(
        error.kind,
        `${error.message}. Nothing was handed over; what you wrote is kept there`,
        error.hints,
        { cause: error },
      );
    }
  }
}

/** Throws `RalphError` (`usage`) for what an editor has left that is no file, or too large. */
function draftBytes(draft: string): Uint8Array {
  try {
    return readWhole(draft, PRD_BYTES_MAX) ?? new Uint8Array();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new RalphError(
      "usage",
      `cannot take what the editor has left at ${draft}: ${
        plain(why, 200)
      }. Nothing was handed over`,
      [{ text: "look at it", command: `ls -l ${shellWord(draft)}` }],
    );
  }
}

/** As git does: the words of the variable are for a shell. Throws `RalphError` when it fails. */
async function runEditor(
  { environment, output: { out, inputIsTerminal } }: CommandContext,
  file: string,
): Promise<void> {
  const named = environment("VISUAL") ?? environment("EDITOR");
  if (named === undefined && !(out.isTerminal && inputIsTerminal)) {
    throw new RalphError("usage", "no editor is named, and there is no terminal for vi", [
      { text: "name one", command: "export EDITOR=nano" },
    ]);
  }
  const editor = named ?? "vi";
  // In the shell's place, where that is one command, so that a signal reaches it.
  const exec = /[;&|()`\n]|^\s*\w+=/.test(editor) ? "" : "exec ";
  const code = await handTerminalTo(["/bin/sh", "-c", `${exec}${editor} "$1"`, "sh", file], {});
  if (code === 0) return;
  const how = code === TERMINATED ? "was ended by SIGTERM" : `ended with exit code ${code}`;
  throw new RalphError(
    code === TERMINATED ? "terminated" : "failed",
    `the editor \`${plain(editor, 80)}\` ${how}: nothing was handed over`,
    [{ text: "what was written is kept", command: `cat ${shellWord(file)}` }],
  );
}

function outcome(
  context: CommandContext,
  { task, handed, changes, told }: {
    task: Task;
    handed: { iteration?: number } | undefined;
    changes: readonly string[];
    told: { iteration: number; how: string } | undefined;
  },
): string {
  if (!handed) return "nothing was changed";
  const what = changes.join(", ") || "nothing of its stories";
  if (told?.how === "turn") {
    return `${what}; handed over, and the turn at work (iteration ${told.iteration}) is told of it`;
  }
  if (handed.iteration !== undefined) {
    return `${what}; handed over as a person's; the agent is told at its next look, or with its ` +
      "next prompt";
  }
  return `${what}; ${
    runningSession(context, task) ? "handed over: the next turn has it" : "saved"
  }`;
}
