/** `ralph new <name>`: a new task, with a PRD of what a person says, or one to fill in. */
import { Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import * as path from "node:path";
import { newTaskPlace, writeNewTask } from "../../app/new_task.ts";
import { RalphError } from "../../error.ts";
import { readWhole } from "../../host/files/read_file.ts";
import { newPrd, prdOf, type PrdWords } from "../../task/new_prd.ts";
import { parsePrd } from "../../task/prd.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";
import { answered } from "../output/answered.ts";

export function command(context: CommandContext, done: Done) {
  const stories: { title: string; criteria: string[] }[] = [];
  const verify: string[] = [];
  return new Command("new")
    .argument("<name>", "name of the new task")
    .addOption(new Option("--title <text>", "what it is about, in one line").argParser(said))
    .addOption(
      new Option("--story <title>", "a story, in the order of the work; once for each")
        .argParser((title: string) => void stories.push({ title: said(title), criteria: [] })),
    )
    .addOption(
      new Option("--criterion <text>", "how one can tell that the story before it is done")
        .argParser((text: string) => {
          const story = stories.at(-1);
          if (!story) {
            throw new InvalidArgumentError("It belongs behind the --story that it is of.");
          }
          story.criteria.push(said(text));
        }),
    )
    .addOption(
      new Option("--verify <command>", "a command that has to succeed before a story passes")
        .argParser((command: string) => void verify.push(said(command))),
    )
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `
In a terminal it asks for what the options say. Without one, and without options, the PRD is one to
fill in.

Examples:
  ralph new my-feature
  ralph new sums --title 'Sums of lists' \\
    --story 'Add the numbers of a list' --criterion 'sum([1, 2, 3]) is 6' \\
    --story 'Add decimals' --criterion 'sum([0.1, 0.2]) is 0.3' \\
    --verify 'npm test'`,
    )
    .action(async (name, { title, json = false }) => {
      const isSaid = title !== undefined || stories.length > 0 || verify.length > 0;
      const words = isSaid ? { title: title ?? name, stories, verify } : undefined;
      done(await newTask(context, { name, json, words }));
    });
}

/** Throws `InvalidArgumentError` for a text without anything to be seen. */
function said(text: string): string {
  if (text.trim() === "") throw new InvalidArgumentError("It must not be empty.");
  return text.trim();
}

async function newTask(
  context: CommandContext,
  { name, json, words }: { name: string; json: boolean; words?: PrdWords },
): Promise<number> {
  const { out } = context.output;
  const { root, folder } = newTaskPlace(context, name);
  if (words?.stories.length === 0) {
    throw new RalphError("usage", "the first story is missing", [
      { text: "say what is to be done, with --story", command: "ralph new --help" },
    ]);
  }
  const asked = words ?? (json ? "template" : await askInTerminal(context, root));
  const [file, text] = asked === "template" ? ["prd.md", newPrd(name)] : ["prd.json", prdOf(asked)];
  parsePrd({ path: file, bytes: new TextEncoder().encode(text) });
  const prd = path.join(folder, file);
  writeNewTask(prd, { name, text });
  if (json) out.line(commandJson({ task: name, taskDir: folder, prd }));
  else {
    out.line(prd);
    for (const line of nextLines(context, { name, folder, isTemplate: asked === "template" })) {
      out.line(line);
    }
  }
  return EXIT.done;
}

/** What comes next, as commands to paste. */
function nextLines(
  { cwd }: CommandContext,
  { name, folder, isTemplate }: { name: string; folder: string; isTemplate: boolean },
): readonly string[] {
  const word = shellWord(name);
  const place = shellWord(path.relative(cwd(), folder));
  return [
    "",
    isTemplate
      ? "Write its stories, commit it, and begin:"
      : "Read it once more, commit it, and begin:",
    `  ralph edit ${word}`,
    `  git add ${place} && git commit -m ${shellWord(`Add the task ${name}`)} ${place}`,
    `  ralph run ${word}`,
  ];
}

/** A template where nobody can be asked. Throws `RalphError` (`interrupted`) when given up. */
async function askInTerminal(
  context: CommandContext,
  projectRoot: string,
): Promise<PrdWords | "template"> {
  const { out, inputIsTerminal } = context.output;
  if (!out.isTerminal || !inputIsTerminal) return "template";
  const { text } = await import("@clack/prompts");
  const { askPrd } = await import("../output/ask_prd.ts");
  const gates = await gatesOf(context, projectRoot);
  const ask = async (message: string) =>
    (answered(await text({ message }), "nothing was written") ?? "").trim();
  return await askPrd(ask, gates);
}

/** Names of the gates that hold for every task; what is wrong with the settings, `ralph run` says. */
async function gatesOf(
  { environment }: CommandContext,
  projectRoot: string,
): Promise<readonly string[]> {
  const { readSettings } = await import("../../settings/read.ts");
  const order = { projectRoot, environment, variableNames: [], readFile: readWhole, flags: {} };
  try {
    const { settings } = await readSettings(order);
    return settings.verify.map(({ name }) => name);
  } catch (error) {
    if (error instanceof RalphError) return [];
    throw error;
  }
}
