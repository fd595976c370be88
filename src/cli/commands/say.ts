/** `ralph say <task> "…"`: a word for the agent, from a person. */
import { Command } from "@commander-js/extra-typings";
import { say } from "../../control/say.ts";
import { RalphError } from "../../error.ts";
import { WORDS_MAX } from "../../loop/words.ts";
import type { Session, Told } from "../../store/model.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { taskArgument } from "../arguments.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";
import { answered } from "../output/answered.ts";
import { requirePerson } from "../require_person.ts";
import { chooseSettled } from "../select/sessions.ts";
import { taskToRun } from "../select/task_to_run.ts";
import { count, plural } from "../../terminal/plural.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("say")
    .addArgument(taskArgument("<task>"))
    .argument("[words...]", "what the agent is told (default: asked for in a terminal)")
    .option("--next", "tell it with the next prompt, and not the turn that is at work")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `
Examples:
  ralph say my-feature "the staging key is in .env.staging"
  ralph say my-feature --next "use the old date format in US-004"`,
    )
    .action(async (task, words, options) => {
      const { next: forPrompt = false, json = false } = options;
      const text = words.length > 0 ? words.join(" ") : await askWords(context, task);
      done(await sayTo(context, { task, text, forPrompt, json }));
    });
}

/** Throws `RalphError` (`usage`) where nobody can be asked, or says nothing, `interrupted` when given up. */
async function askWords({ output }: CommandContext, task: string): Promise<string> {
  const { out, err, inputIsTerminal } = output;
  if (!inputIsTerminal || !out.isTerminal && !err.isTerminal) throw noWords(task);
  const { text } = await import("@clack/prompts");
  const { stdout, stderr } = await import("node:process");
  const answer = answered(
    await text({
      message: "What is the agent to be told?",
      output: out.isTerminal ? stdout : stderr,
    }),
    "nothing was said",
  );
  if (!answer) throw noWords(task);
  return answer;
}

function noWords(task: string): RalphError {
  return new RalphError("usage", "there are no words to say", [
    { text: "put them behind the task", command: `ralph say ${shellWord(task)} 'mind the tests'` },
  ]);
}

async function sayTo(
  context: CommandContext,
  { task, text, forPrompt, json }: {
    task: string;
    text: string;
    forPrompt: boolean;
    json: boolean;
  },
): Promise<number> {
  requirePerson(context, "say");
  requireWords(task, text);
  const { name, taskDir, session } = await addressee(context, task);
  const { id, ...told } = await say(context, { taskDir, session, text, forPrompt });
  const running = session?.status === "running";
  const { out } = context.output;
  if (json) out.line(commandJson({ task: name, words: id, running, told: told.told ?? null }));
  else out.line(`\`${plain(name, 80)}\`: ${outcomeWords({ name, ...told, running })}`);
  return EXIT.done;
}

function requireWords(task: string, text: string): void {
  if (text.trim() === "") throw noWords(task);
  if (text.length <= WORDS_MAX) return;
  throw new RalphError(
    "usage",
    `what is said has ${plural(text.length, "character")}, and may have ${count(WORDS_MAX)}`,
    [{ text: "write more into a file of the project, or into the PRD, and name it" }],
  );
}

/** The task and its latest session, if it has one: words can wait for the first. */
async function addressee(
  context: CommandContext,
  argument: string,
): Promise<{ name: string; taskDir: string; session?: Session }> {
  try {
    const session = await chooseSettled(context, argument, { changes: true });
    return { name: session.taskName, taskDir: session.taskDir, session };
  } catch (error) {
    if (!(error instanceof RalphError) || error.kind !== "not_found") throw error;
    const { name, dir: taskDir } = taskToRun(context, argument);
    return { name, taskDir };
  }
}

/** What became of the words, and no more than that. */
function outcomeWords(
  { name, told, turnWorks, turnLeft, running }: {
    name: string;
    told?: Told;
    turnWorks: boolean;
    turnLeft: boolean;
    running: boolean;
  },
): string {
  const iteration = `iteration ${told?.iteration}`;
  if (told?.how === "turn") {
    return `handed to the turn at work (${iteration}); the agent reads it at its next step`;
  }
  if (told) return `told with the prompt of ${iteration}`;
  if (turnWorks) {
    return "recorded; the turn at work gets it at its next look, or else the next prompt";
  }
  if (running) return "recorded; the agent is told with its next prompt";
  if (turnLeft) {
    return "recorded; its worker is gone. If the turn that it left is still at work when " +
      `\`ralph run ${shellWord(name)}\` goes on with it, that is told, or else the next prompt, ` +
      "if another one is needed";
  }
  return `recorded; it does not run, and the agent is told with the first prompt of ` +
    `\`ralph run ${shellWord(name)}\``;
}
