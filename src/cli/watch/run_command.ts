/** The commands that keys run: this program again, so that they do what they do in a shell. */
import { ask } from "../../host/process/ask.ts";
import { handQuestionsTo, handTerminalTo } from "../../host/process/programs.ts";
import { selfCommand } from "../../host/process/self.ts";
import type { CommandContext } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";
import type { TaskView } from "./model.ts";
import type { Terminal } from "./terminal.ts";
import type { TaskCommand } from "./view.ts";

/** A stop waits for git, for commands of the agent and for the server, each with its own limit. */
const COMMAND_MS = 10 * 60_000;

/** Runs it, and returns the first line of what it said. */
export async function runCommand(
  { mainUrl, clock, environment, output: { err } }: CommandContext,
  { name, takes }: TaskCommand,
  { task, terminal }: { task: TaskView; terminal: Terminal },
): Promise<string> {
  const command = [...selfCommand(mainUrl), name, task.taskDir];
  if (takes) {
    return await terminal.lend(async ({ line }) => {
      const { code, said } = takes === "questions"
        ? await handQuestionsTo(command)
        : { code: await handTerminalTo(command, {}), said: "" };
      if (code === EXIT.done) return firstLine(said);
      // Who gives up a question has seen that.
      if (code === EXIT.interrupted && takes === "questions") return "";
      err.write("\nEnter: back to ralph watch ");
      await line();
      return `${name}: exit code ${code}`;
    });
  }
  const answer = await ask(command, {
    clock,
    timeoutMs: COMMAND_MS,
    // The worker that it may start is to have the user's.
    env: { LC_ALL: environment("LC_ALL") ?? "" },
  });
  if (answer.kind !== "ended") return `${name}: ${answer.kind}`;
  const { code, stdout, stderr } = answer;
  const said = code === 0 ? stdout || stderr : stderr || stdout;
  return firstLine(said) || `${name}: exit code ${code}`;
}

/** Of those that are not indented, as a plan is. */
function firstLine(said: string): string {
  const lines = said.split("\n").filter((line) => line.trim() !== "");
  return lines.find((line) => /^\S/.test(line)) ?? lines.at(0) ?? "";
}
