/** The command tree. */
import { Command } from "@commander-js/extra-typings";
import { COMMANDS } from "./commands.ts";
import { EXIT, MEANINGS } from "./exit_codes.ts";
import type { Context } from "./context.ts";

const EXIT_CODES = "Exit codes:\n" +
  MEANINGS.map(([code, meaning]) => `  ${String(code).padEnd(4)} ${meaning}`).join("\n");

/**
 * Builds the tree. `done` gets the exit code of the command that was run. `args`: those of the
 * command line; only what they need is built, since each command takes its time at every start.
 */
export function program(
  context: Context,
  done: (code: number) => void,
  args: readonly string[] = [],
) {
  const { out } = context.output;
  const ralph = new Command("ralph")
    .description("Runs the OpenCode coding agent in a loop over a task until every story passes.")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => out.write(text),
      writeErr: () => {}, // errors are thrown, and shown in one place
      getOutHelpWidth: () => out.width(),
      getOutHasColors: () => out.isTerminal,
    })
    .option("-V, --version", "show the versions of ralph, Deno and SQLite")
    .helpCommand(false)
    .enablePositionalOptions() // so that `__complete` gets its words as they are
    .allowExcessArguments()
    .addHelpText(
      "after",
      `
Examples:
  ralph doctor                what is missing, and the commands that mend it
  ralph new my-feature        make tasks/my-feature with a PRD to fill in
  ralph run my-feature        work on tasks/my-feature until every story passes
  ralph status                what is running, and what became of the rest
  ralph stop my-feature       stop it now

The OpenCode server is systemd's: systemctl --user status opencode

${EXIT_CODES}`,
    )
    .action(async (options, command) => {
      const [unknown] = command.args;
      if (unknown !== undefined) {
        const { unknownCommand } = await import("./unknown_command.ts");
        throw unknownCommand(
          unknown,
          Object.keys(COMMANDS).filter((name) => !name.startsWith("_")),
        );
      }
      if (!options.version) {
        ralph.outputHelp();
        return done(EXIT.done);
      }
      const { showVersion } = await import("./version.ts");
      done(showVersion(context));
    });

  for (const name of needed(args)) COMMANDS[name]({ ralph, context, done });
  return ralph;
}

/** The command that is run and, for `__complete -- <words>`, the one that they begin with. */
function needed([first, , ...words]: readonly string[]): readonly string[] {
  const names = first === "__complete" ? [first, words.length > 1 ? words[0] : ""] : [first];
  return names.every((name) => Object.hasOwn(COMMANDS, name)) ? names : Object.keys(COMMANDS);
}
