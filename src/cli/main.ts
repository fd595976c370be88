/** The command line from its arguments to an exit code: the one place where errors end. */
import { CommanderError } from "@commander-js/extra-typings";
import { systemClock } from "../host/clock.ts";
import { environment, keepLoopbackOffProxies } from "../host/environment.ts";
import type { Context } from "./context.ts";
import { EXIT } from "./exit_codes.ts";
import { systemOutput } from "./output.ts";
import { program } from "./program.ts";

/** Runs ralph with these arguments and says how it ended. `mainUrl`: the URL of `main.ts`. */
export function main(args: readonly string[], mainUrl: string): Promise<number> {
  keepLoopbackOffProxies();
  return execute(args, {
    output: systemOutput(environment),
    clock: systemClock,
    environment,
    mainUrl,
    cwd: () => Deno.cwd(),
  });
}

/** The same with everything outside given. */
export async function execute(args: readonly string[], context: Context): Promise<number> {
  const { output } = context;
  let code: number = EXIT.done;
  try {
    await program(context, (result) => code = result, args).parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    const onlyHelp = error instanceof CommanderError && error.exitCode === 0;
    if (onlyHelp || error instanceof Deno.errors.BrokenPipe) return EXIT.done;
    const { shownError } = await import("./shown_error.ts");
    const { withWhoLocks } = await import("./who_locks.ts");
    const { text, exitCode } = shownError(await withWhoLocks(error, context), {
      json: args.includes("--json"),
      colors: output.err.colors,
    });
    output.err.write(text);
    return exitCode;
  }
}
