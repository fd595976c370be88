/** The agent of a turn at work, told that a person has edited the PRD. */
import type { Context } from "../app/context.ts";
import { RalphError } from "../error.ts";
import type { Task } from "../task/task_files.ts";
import { runningSession } from "./liveness.ts";
import { say } from "./say.ts";

/** A turn at work has read the PRD already. Undefined where its agent could not be told yet. */
export async function tellTurn(
  context: Context,
  task: Task,
  changes: readonly string[],
) {
  const text = `I have edited the PRD: ${changes.join(", ") || "no story of it"}. ` +
    "Read it again before you go on.";
  const session = runningSession(context, task);
  const said = { taskDir: task.dir, session, text: text.slice(0, 1_000), forPrompt: false };
  try {
    return (await say(context, said)).told;
  } catch (error) {
    if (!(error instanceof RalphError)) throw error;
    context.warn(`the agent is not told of it: ${error.message}`);
  }
}
