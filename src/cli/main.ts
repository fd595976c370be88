/** The command line from its arguments to an exit code: the one place where errors end. */
import { CommanderError, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { currentFolder } from "../host/files/paths.ts";
import { systemClock } from "../host/system/clock.ts";
import { environment, keepLoopbackOffProxies } from "../host/system/environment.ts";
import { AmbiguousTask } from "../task/ambiguous_task.ts";
import { type CommandContext, commandContext } from "./command_context.ts";
import { EXIT } from "./exit_codes.ts";
import { systemOutput, unread, withoutReader } from "./output/streams.ts";
import { COMMANDS, program } from "./program.ts";
import { meant } from "./synonyms.ts";

/** Runs ralph with these arguments and says how it ended. `mainUrl`: the URL of `main.ts`. */
export function main(args: readonly string[], mainUrl: string): Promise<number> {
  keepLoopbackOffProxies();
  return execute(
    args,
    commandContext({
      output: systemOutput(environment),
      clock: systemClock,
      environment,
      mainUrl,
      cwd: currentFolder,
    }),
  );
}

/** The same with everything outside given. */
export async function execute(typed: readonly string[], given: CommandContext): Promise<number> {
  const args = meant(typed);
  const context = FOLLOW.includes(args[0]) ? commandContext(given) : goingOn(given);
  const { output } = context;
  let code: number = EXIT.done;
  try {
    const make = () => program(context, (result) => code = result, args);
    await withTaskPicked(context, { typed, args, make });
    return code;
  } catch (error) {
    const onlyHelp = error instanceof CommanderError && error.exitCode === 0;
    if (onlyHelp || error instanceof Deno.errors.BrokenPipe) return EXIT.done;
    const { shownError } = await import("./output/errors.ts");
    const { withWhoLocks } = await import("../app/who_locks.ts");
    const { ownCommand } = await import("../app/own_name.ts");
    const { text, exitCode } = shownError(await withWhoLocks(error, context), {
      json: args.includes("--json"),
      command: Object.keys(COMMANDS).find((name) => name === args[0] && !name.startsWith("_")),
      colors: output.err.colors,
      own: ownCommand(context),
    });
    unread(output.err).write(text);
    return exitCode;
  }
}

/** Commands that may print without end, and end with who reads that. */
const FOLLOW: readonly unknown[] = ["logs", "status", "watch"];

/** `ralph run my-feature | head -1` starts a worker all the same. */
function goingOn({ output, ...context }: CommandContext): CommandContext {
  const { out, err } = output;
  return commandContext({
    ...context,
    output: { ...output, out: withoutReader(out), err: withoutReader(err) },
  });
}

/** Runs the command; a task that can mean several is asked for, where somebody can be. */
async function withTaskPicked(
  { output: { out, inputIsTerminal } }: CommandContext,
  { typed, args, make }: {
    typed: readonly string[];
    args: readonly string[];
    make: () => Promise<CommandUnknownOpts>;
  },
): Promise<void> {
  try {
    await (await make()).parseAsync(args, { from: "user" });
  } catch (error) {
    const canAsk = out.isTerminal && inputIsTerminal && !args.includes("--json");
    if (!(error instanceof AmbiguousTask)) throw error;
    if (!canAsk) throw error.forCommand(typed);
    const { pickTask, takeFor } = await import("./select/pick_task.ts");
    const ralph = await make();
    takeFor(error, await pickTask(error), ralph);
    await ralph.parseAsync(args, { from: "user" });
  }
}
