/** The command tree. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { MEANINGS } from "./exit_codes.ts";
import type { CommandContext, Done } from "./command_context.ts";
import { OTHER_NAMES } from "./synonyms.ts";

/** Makes a command with its options and its action. `root`: the tree that it will be in. */
type MakeCommand = (
  context: CommandContext,
  done: Done,
  root: CommandUnknownOpts,
) => CommandUnknownOpts;

interface Listing {
  /** For the list of commands; one without is for this program itself, and not shown. */
  summary?: string;
  load: () => Promise<MakeCommand>;
}

/** The commands in the order of the help. What one is made of is loaded when it is asked for. */
export const COMMANDS: Readonly<Record<string, Listing>> = {
  run: {
    summary: "start the loop over a task, or continue it; several run one after the other",
    load: async () => (await import("./commands/run.ts")).command,
  },
  status: {
    summary: "show how each task is, or one in detail",
    load: async () => (await import("./commands/status.ts")).command,
  },
  watch: {
    summary: "watch all tasks live, and steer them by keys",
    load: async () => (await import("./commands/watch.ts")).command,
  },
  history: {
    summary: "show the iterations of a task's sessions, and what came of them",
    load: async () => (await import("./commands/history.ts")).command,
  },
  show: {
    summary: "show one iteration whole: prompt, log, gates, commits, claims",
    load: async () => (await import("./commands/show.ts")).command,
  },
  logs: {
    summary: "show what the worker and the agent said",
    load: async () => (await import("./commands/logs.ts")).command,
  },
  report: {
    summary: "write a report of a task's sessions, as one HTML file",
    load: async () => (await import("./commands/report.ts")).command,
  },
  attach: {
    summary: "open the task's latest OpenCode session in OpenCode's own terminal",
    load: async () => (await import("./commands/attach.ts")).command,
  },
  wait: {
    summary: "wait until sessions end; the exit code says how",
    load: async () => (await import("./commands/wait.ts")).command,
  },
  say: {
    summary: "tell the agent something: the turn at work, or the next prompt",
    load: async () => (await import("./commands/say.ts")).command,
  },
  edit: {
    summary: "open the PRD in your editor, check it, and hand it over at once",
    load: async () => (await import("./commands/edit.ts")).command,
  },
  stop: {
    summary: "stop now: abort the agent's turn, and end the worker",
    load: async () => (await import("./commands/stop.ts")).command,
  },
  checkpoint: {
    summary: "pause after this iteration; `ralph run <task>` continues",
    load: async () => (await import("./commands/checkpoint.ts")).command,
  },
  land: {
    summary: "bring the branch of a task's worktree home, when the gates pass",
    load: async () => (await import("./commands/land.ts")).command,
  },
  resume: {
    summary: "continue a task however it ended, or all that ran when the machine went down",
    load: async () => (await import("./commands/resume.ts")).command,
  },
  tasks: {
    summary: "show the tasks of this project, and how far they are",
    load: async () => (await import("./commands/tasks.ts")).command,
  },
  verify: {
    summary: "run a task's gates now, and show what they print",
    load: async () => (await import("./commands/verify.ts")).command,
  },
  review: {
    summary: "have another model look at a task's work now; it cannot write",
    load: async () => (await import("./commands/review.ts")).command,
  },
  init: {
    summary: "write this project's checks into ralph.json, and say what is missing",
    load: async () => (await import("./commands/init.ts")).command,
  },
  new: {
    summary: "create tasks/<name>/ with a PRD: asked for, given by options, or to fill in",
    load: async () => (await import("./commands/new.ts")).command,
  },
  plan: {
    summary: "have the agent draft a PRD from what you want; it can only read meanwhile",
    load: async () => (await import("./commands/plan.ts")).command,
  },
  doctor: {
    summary: "check everything that the loop needs, and show what fixes each failure",
    load: async () => (await import("./commands/doctor.ts")).command,
  },
  clean: {
    summary: "forget ended sessions, and remove their logs",
    load: async () => (await import("./commands/clean.ts")).command,
  },
  upgrade: {
    summary: "put a newer release in place of this program",
    load: async () => (await import("./commands/upgrade.ts")).command,
  },
  completions: {
    summary: "print the script that completes commands, options and their values in a shell",
    load: async () => (await import("./commands/completions.ts")).command,
  },
  man: {
    summary: "print the manual as a man page",
    load: async () => (await import("./commands/man.ts")).command,
  },
  __complete: { load: async () => (await import("./commands/complete.ts")).command },
  __worker: { load: async () => (await import("./commands/worker.ts")).command },
  __queue: { load: async () => (await import("./commands/queue.ts")).command },
  __copy: { load: async () => (await import("./commands/copy.ts")).command },
};

const EXIT_CODES = "\nExit codes:\n" +
  MEANINGS.map(([code, meaning]) => `  ${String(code).padEnd(4)} ${meaning}`).join("\n");

const EXAMPLES = `
Examples:
  ralph doctor                what is missing, and the commands that fix it
  ralph init                  make the project's own checks the gates of the loop
  ralph new my-feature        create tasks/my-feature with a PRD to fill in
  ralph run my-feature        work on tasks/my-feature until every story passes
  ralph status                what is running, and how the rest ended
  ralph stop my-feature       stop it now

${OTHER_NAMES}

systemd runs the OpenCode server: \`systemctl --user status opencode\``;

/**
 * Builds the tree for a command line. `done` gets the exit code of the command that is run. Only the
 * commands that `args` name are whole, and for `man` all: of the others there is what the help and
 * the shells list. Throws `RalphError` (`usage`) where the first word is no command.
 */
export async function program(
  context: CommandContext,
  done: Done,
  args: readonly string[],
): Promise<CommandUnknownOpts> {
  const { out } = context.output;
  const [name] = args;
  if (name !== undefined && !name.startsWith("-") && !Object.hasOwn(COMMANDS, name)) {
    const { unknownCommand } = await import("./unknown_command.ts");
    const shown = Object.keys(COMMANDS).filter((one) => COMMANDS[one].summary !== undefined);
    throw unknownCommand(name, shown);
  }
  const asksHelp = args.some((one) => one === "--help" || one === "-h");
  const fitted = asksHelp
    ? (await import("./output/help_text.ts")).fittedHelp
    : (text: string) => text;
  const ralph = new Command("ralph")
    .description("Runs the OpenCode coding agent in a loop over a task until every story passes.")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => out.write(fitted(text, out.width())),
      writeErr: () => {}, // errors are thrown, and shown in one place
      getOutHelpWidth: () => out.width(),
      getOutHasColors: () => out.isTerminal,
    })
    .option("-V, --version", "show the versions of ralph, Deno and SQLite")
    .helpCommand(false)
    .enablePositionalOptions() // so that `__complete` gets its words as they are
    .allowExcessArguments(false)
    .addHelpText("after", EXAMPLES)
    .addHelpText("after", EXIT_CODES)
    .action(async (options) => {
      if (!options.version) {
        const { overview } = await import("./commands/overview.ts");
        return done(overview(context));
      }
      const { showVersion } = await import("./commands/version.ts");
      done(showVersion(context, { json: args.includes("--json") }));
    });

  if (args.some((one) => one === "--version" || one === "-V")) {
    ralph.option("--json", "print them as one JSON object");
  }
  for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
    const isWhole = args.includes(name) || args[0] === "man";
    const command = isWhole ? (await load())(context, done, ralph) : new Command(name);
    if (summary !== undefined) command.description(summary);
    command.copyInheritedSettings(ralph).allowExcessArguments(false);
    ralph.addCommand(command, { hidden: summary === undefined });
  }
  return ralph.configureHelp({ subcommandTerm: (command) => command.name() });
}
