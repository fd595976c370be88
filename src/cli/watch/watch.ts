/** `ralph watch`: on a screen where there is one, and as a line for each change elsewhere. */
import { sleep } from "../../clock.ts";
import { RalphError } from "../../error.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { findProjectRoot } from "../../task/find.ts";
import { plain } from "../../terminal/plain.ts";
import type { CommandContext } from "../command_context.ts";
import { changes } from "./changes.ts";
import { watchOnScreen } from "./live_screen.ts";
import { isAtWork, type Model } from "./model.ts";
import { taskReader } from "./read_model.ts";
import { serverHealth } from "./server_health.ts";

const LOOK_MS = 1_000;
const WHAT_MAX = 1_000;

/**
 * Returns when somebody leaves. `taskDir`: of the task that is chosen first. Throws `RalphError`
 * (`usage`) for a terminal that nothing can be drawn on.
 */
export function watch(context: CommandContext, taskDir: string | undefined): Promise<number> {
  const { out, inputIsTerminal } = context.output;
  const root = findProjectRoot(context.cwd(), systemTree);
  if (!out.isTerminal || !inputIsTerminal) return watchInLines(context, root);
  if ((context.environment("TERM") ?? "dumb") === "dumb") throw cannotDraw();
  return watchOnScreen(context, { root, taskDir, lookMs: LOOK_MS });
}

function cannotDraw(): RalphError {
  return new RalphError("usage", "cannot draw on this terminal: TERM is `dumb`, or not set", [
    { text: "see a line for each change", command: "ralph watch | cat" },
    { text: "see how far it is now", command: "ralph status" },
  ]);
}

/** Goes on until it is ended, or nobody reads any more. */
async function watchInLines(context: CommandContext, root: string | undefined): Promise<never> {
  const { clock, output: { out, err } } = context;
  const read = taskReader(context, root);
  const bugs = Promise.withResolvers<never>();
  bugs.promise.catch(() => {}); // thrown by the race
  const servers = serverHealth(context, { onAnswer: () => {}, onBug: bugs.reject });
  let before: Model | undefined;
  for (;;) {
    const { isWhole, ...looked } = read();
    if (!isWhole) continue;
    servers.ask(looked.tasks);
    const after: Model = { ...looked, health: new Map(servers.known) };
    const time = new Date(clock.now()).toISOString();
    for (const { task, what } of changes(before, after)) {
      const fields = [time, task?.name ?? "-", what, task?.projectRoot ?? "-"];
      out.line(fields.map((field) => plain(field, WHAT_MAX)).join("\t"));
    }
    if (!before && !after.tasks.some(isAtWork)) err.line("Nothing is at work yet.");
    before = after;
    await Promise.race([sleep(clock, LOOK_MS), bugs.promise]);
  }
}
