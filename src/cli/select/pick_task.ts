/** What can mean several tasks is asked back, in every command alike. Loaded when it is. */
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import type { AmbiguousTask } from "../../task/ambiguous_task.ts";
import { plain } from "../../terminal/plain.ts";
import { answered } from "../output/answered.ts";

/** The path of the one that a person picks. Throws `RalphError` (`interrupted`) when none is. */
export async function pickTask({ candidates, asked }: AmbiguousTask): Promise<string> {
  const { select } = await import("@clack/prompts");
  const picked = await select({
    message: asked?.question ?? "Which task?",
    options: candidates.map(({ path, about }) => ({
      value: path,
      label: plain(path, 200),
      hint: about,
    })),
  });
  return answered(picked, "no task was chosen");
}

/** Has every command of the tree take `path` for what was typed. */
export function takeFor(
  { argument: typed }: AmbiguousTask,
  path: string,
  { commands }: CommandUnknownOpts,
): void {
  for (const { registeredArguments } of commands) {
    const task = registeredArguments.find((one) => one.name() === "task");
    if (!task) continue;
    if (typed === undefined) task.default(path);
    const before = task.parseArg?.bind(task);
    task.argParser((text, previous) => {
      const meant = text === typed ? path : text;
      if (before) return before(meant, previous);
      return task.variadic ? [...Array.isArray(previous) ? previous : [], meant] : meant;
    });
  }
}
