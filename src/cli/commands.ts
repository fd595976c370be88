/** The commands, each by itself. What one does is in a file of its own, loaded when it is run. */
import {
  Argument,
  type CommandUnknownOpts,
  InvalidArgumentError,
  Option,
} from "@commander-js/extra-typings";
import { DEFAULT_SERVER_URL } from "../settings/server_url.ts";
import {
  parseCount,
  type Parsed,
  parseDuration,
  parseModel,
  parseMoney,
} from "../settings/values.ts";
import type { Context } from "./context.ts";

export interface Registration {
  ralph: CommandUnknownOpts;
  context: Context;
  /** Takes the exit code of the command that was run. */
  done: (code: number) => void;
}

/** Adds a command to the tree; in the order of the help. */
export const COMMANDS: Readonly<Record<string, (to: Registration) => void>> = {
  run: ({ ralph, context, done }) =>
    ralph.command("run")
      .description("start the loop over a task, or go on with one that was interrupted")
      .addArgument(taskOf("[task]"))
      .option(
        "-m, --model <provider/model>",
        "model to use (default: the server's)",
        to(parseModel),
      )
      .option("-a, --agent <name>", "agent to use (default: the server's)")
      .addOption(server())
      .option(
        "--base-branch <name>",
        "what the PRD's branch is made from (default: the current one)",
      )
      .option("--say <text>", "answer what the agent needed of a person")
      .option(
        "--accept",
        "take finished work as done, though nothing shows for it; gates still run",
      )
      .option("--print-prompt", "only show what the agent would be told next")
      .option("-f, --foreground", "run the loop here and show what it does; Ctrl-C stops it")
      .option("--json", "one JSON object, with --foreground one for each event")
      .optionsGroup("Limits:")
      .option("-n, --max-iterations <n>", "of the session (default: 10)", to(parseCount))
      .option("--max-cost <usd>", "of the session, such as 5.50", to(parseMoney))
      .option("--max-tokens <n>", "of the session", to(parseCount))
      .option("--max-duration <time>", "of the session, such as 8h", to(parseDuration))
      .option(
        "--turn-time <time>",
        "of the agent's work in one turn (default: 60m)",
        to(parseDuration),
      )
      .option(
        "--silence-time <time>",
        "without a sign of life of the agent (default: 15m)",
        to(parseDuration),
      )
      .option("--gate-time <time>", "of a gate (default: 10m)", to(parseDuration))
      .option(
        "--rate-limit-time <time>",
        "of waiting for a provider that refuses or fails (default: 6h)",
        to(parseDuration),
      )
      .option(
        "--server-away-time <time>",
        "of waiting for an OpenCode server that is away (default: 30m)",
        to(parseDuration),
      )
      .option("--max-model-calls <n>", "in one turn (default: 300)", to(parseCount))
      .option("--max-broken-answers <n>", "of the model, in a row (default: 5)", to(parseCount))
      .option(
        "--max-compactions <n>",
        "of conversations that grow too long, in one turn (default: 10)",
        to(parseCount),
      )
      .option(
        "--max-errors <n>",
        "iterations in a row with an error or over a time limit (default: 3)",
        to(parseCount),
      )
      .option(
        "--max-no-progress <n>",
        "iterations in a row without progress (default: 3)",
        to(parseCount),
      )
      .addHelpText(
        "after",
        `
Examples:
  ralph run my-feature              in the background: tasks/my-feature at the git root
  ralph run                         the task that has open stories; asks when there are several
  ralph run my-feature -f -n 3      here, three iterations at most
  ralph run my-feature --max-cost 5 --max-duration 8h
  ralph run my-feature --say 'the key is in .env now'
  ralph run ../other/tasks/thing    by path`,
      )
      .action(async (task, options) => {
        const { run } = await import("./run.ts");
        const { foreground = false, json = false, accept = false, printPrompt = false } = options;
        const flags = {
          server: options.server,
          model: options.model,
          agent: options.agent,
          baseBranch: options.baseBranch,
          limits: {
            iterations: options.maxIterations,
            costUsd: options.maxCost,
            tokens: options.maxTokens,
            durationMs: options.maxDuration,
            turnMs: options.turnTime,
            silenceMs: options.silenceTime,
            gateMs: options.gateTime,
            rateLimitMs: options.rateLimitTime,
            serverAwayMs: options.serverAwayTime,
            modelCalls: options.maxModelCalls,
            brokenAnswers: options.maxBrokenAnswers,
            compactions: options.maxCompactions,
            errors: options.maxErrors,
            noProgress: options.maxNoProgress,
          },
        };
        const { say } = options;
        done(await run(context, { task, flags, foreground, json, say, accept, printPrompt }));
      }),

  status: ({ ralph, context, done }) =>
    ralph.command("status")
      .description("show all sessions, or one in detail")
      .addArgument(taskOf("[task]"))
      .option("--all", "older sessions too")
      .option("--json", "as JSON, complete")
      .addHelpText(
        "after",
        `
Examples:
  ralph status                      one line for each session
  ralph status my-feature           its latest session in detail
  ralph status --json | jq '.[0]'`,
      )
      .action(async (task, options) => {
        const { status } = await import("./status.ts");
        const { all = false, json = false } = options;
        done(status(context, { task, all, json }));
      }),

  history: ({ ralph, context, done }) =>
    ralph.command("history")
      .description("show the iterations of a task's sessions, and what came of them")
      .addArgument(taskOf("[task]"))
      .option("--json", "as JSON, complete")
      .addHelpText("after", "\nExample:\n  ralph history my-feature")
      .action(async (task, options) => {
        const { history } = await import("./history.ts");
        done(history(context, { task, json: options.json ?? false }));
      }),

  logs: ({ ralph, context, done }) =>
    ralph.command("logs")
      .description("show what the worker and the agent said")
      .addArgument(taskOf("[task]"))
      .option("-f, --follow", "go on until the session ends")
      .option("-n, --lines <n>", "how many of the last lines", integer(0), 50)
      .addHelpText("after", "\nExample:\n  ralph logs my-feature --follow")
      .action(async (task, options) => {
        const { logs } = await import("./logs.ts");
        done(await logs(context, { task, follow: options.follow ?? false, lines: options.lines }));
      }),

  attach: ({ ralph, context, done }) =>
    ralph.command("attach")
      .description("open the task's latest OpenCode session in `opencode attach`")
      .addArgument(taskOf("[task]"))
      .option("--session <id>", "a certain OpenCode session")
      .addOption(server("the session's own, or"))
      .addHelpText(
        "after",
        `
Examples:
  ralph attach                      the session that was active last
  ralph attach my-feature           while it runs, or afterwards to read it
  ralph attach my-feature --session ses_0123`,
      )
      .action(async (task, options) => {
        const { attach } = await import("./attach.ts");
        done(await attach(context, { task, ...options }));
      }),

  wait: ({ ralph, context, done }) =>
    ralph.command("wait")
      .description("wait until the session ends; the exit code says how")
      .addArgument(taskOf("[task]"))
      .option("--timeout <seconds>", "give up waiting after so long (exit code 8)", integer(0))
      .option("--json", "one JSON object")
      .addHelpText("after", "\nExample:\n  ralph wait my-feature && git push")
      .action(async (task, options) => {
        const { wait } = await import("./stop.ts");
        const timeoutMs = options.timeout === undefined ? undefined : options.timeout * 1000;
        done(await wait(context, { task, timeoutMs, json: options.json ?? false }));
      }),

  stop: ({ ralph, context, done }) =>
    ralph.command("stop")
      .description("stop now: abort the agent's turn, and end the worker")
      .addArgument(taskOf("[task]"))
      .option("--force", "end a worker that does not react")
      .option("--json", "one JSON object")
      .addHelpText(
        "after",
        "\nExample:\n  ralph stop my-feature\n\nThe OpenCode server goes on: it is systemd's.",
      )
      .action(async (task, options) => {
        const { stop } = await import("./stop.ts");
        const { force = false, json = false } = options;
        done(await stop(context, { task, force, json }));
      }),

  checkpoint: ({ ralph, context, done }) =>
    ralph.command("checkpoint")
      .description("pause after this iteration; `ralph run` goes on")
      .addArgument(taskOf("[task]"))
      .option("--json", "one JSON object")
      .addHelpText("after", "\nExample:\n  ralph checkpoint my-feature && ralph wait my-feature")
      .action(async (task, options) => {
        const { checkpoint } = await import("./stop.ts");
        done(await checkpoint(context, { task, json: options.json ?? false }));
      }),

  resume: ({ ralph, context, done }) =>
    ralph.command("resume")
      .description("go on with every session that was running when the machine went down")
      .requiredOption("--interrupted", "those, and no other: nothing that a person stopped")
      .option("--json", "one JSON object for each")
      .addHelpText(
        "after",
        `
For a unit that systemd starts at boot: ralph doctor --print-unit resume

Example:
  ralph resume --interrupted`,
      )
      .action(async ({ json = false }) => {
        const { resume } = await import("./resume.ts");
        done(await resume(context, { json }));
      }),

  tasks: ({ ralph, context, done }) =>
    ralph.command("tasks")
      .description("show the tasks of this project, and how far they are")
      .option("--json", "as JSON")
      .addHelpText("after", "\nExample:\n  ralph tasks")
      .action(async (options) => {
        const { tasks } = await import("./tasks.ts");
        done(tasks(context, { json: options.json ?? false }));
      }),

  new: ({ ralph, context, done }) =>
    ralph.command("new")
      .description("make tasks/<name>/ with a PRD to fill in")
      .argument("<name>", "name of the new task")
      .option("--json", "one JSON object")
      .addHelpText("after", "\nExample:\n  ralph new my-feature")
      .action(async (name, options) => {
        const { newTask } = await import("./new.ts");
        done(newTask(context, { name, json: options.json ?? false }));
      }),

  doctor: ({ ralph, context, done }) =>
    ralph.command("doctor")
      .description("check everything that the loop needs, and show the command that mends it")
      .addArgument(new Argument("[checks...]", "ids of checks, or groups (default: all)"))
      .option("--deep", "also send one tiny prompt through the whole path; it costs a model call")
      .option("--strict", "exit with 1 for warnings too")
      .option("--list", "show the checks and run none")
      .option("-v, --verbose", "show ids and times")
      .addOption(server())
      .addOption(
        new Option(
          "--print-unit [name]",
          "print the systemd unit of the server, or one of its drop-ins",
        ).choices(["opencode", "unattended", "limits", "hardening", "resume"]).preset("opencode"),
      )
      .option("--json", "as JSON, complete")
      .addHelpText(
        "after",
        `
It changes nothing: each failure comes with a command to paste.

Examples:
  ralph doctor                      everything, in about a second
  ralph doctor server               one group, and what it needs
  ralph doctor --deep               and a word from the model
  ralph doctor --print-unit > ~/.config/systemd/user/opencode.service`,
      )
      .action(async (checks, options) => {
        const { doctor } = await import("./doctor.ts");
        const { deep = false, strict = false, list = false, verbose = false, json = false } =
          options;
        done(await doctor(context, { ...options, checks, deep, strict, list, verbose, json }));
      }),

  clean: ({ ralph, context, done }) =>
    ralph.command("clean")
      .description("forget ended sessions, and remove their logs")
      .addArgument(taskOf("[task]"))
      .option("--dry-run", "only show which")
      .option("-y, --yes", "do not ask")
      .option("--json", "one JSON object; needs --yes or --dry-run")
      .addHelpText("after", "\nExample:\n  ralph clean my-feature --dry-run")
      .action(async (task, options) => {
        const { clean } = await import("./clean.ts");
        const { dryRun = false, yes = false, json = false } = options;
        done(clean(context, { task, dryRun, yes, json }));
      }),

  completions: ({ ralph, context, done }) =>
    ralph.command("completions")
      .description("print the script that completes commands, options and task names in a shell")
      .addArgument(new Argument("<shell>", "which").choices(["bash", "zsh", "fish"]))
      .addHelpText(
        "after",
        `
Install it once:
  bash  echo 'source <(ralph completions bash)' >> ~/.bashrc
  zsh   echo 'source <(ralph completions zsh)' >> ~/.zshrc
        (that line has to come after the one with \`compinit\`)
  fish  mkdir -p ~/.config/fish/completions &&
        ralph completions fish > ~/.config/fish/completions/ralph.fish`,
      )
      .action(async (shell) => {
        const { completions } = await import("./completions.ts");
        done(completions(context, shell));
      }),

  // What the shells ask. Its words are the user's: no option among them is meant for it.
  __complete: ({ ralph, context, done }) =>
    ralph.command("__complete", { hidden: true })
      .argument("[words...]")
      .allowUnknownOption()
      .helpOption(false)
      .action(async (words) => {
        const { complete } = await import("./complete.ts");
        done(await complete(context, { root: ralph, words }));
      }),

  // The background half of `ralph run`: what it is to do comes through its standard input.
  __worker: ({ ralph, context, done }) =>
    ralph.command("__worker", { hidden: true })
      .action(async () => {
        const { worker } = await import("./worker.ts");
        done(await worker(context));
      }),

  // A copy of the database, for a caller that cannot make one.
  __copy: ({ ralph, done }) =>
    ralph.command("__copy", { hidden: true })
      .argument("<from>")
      .argument("<to>")
      .action(async (from, to) => {
        const [{ copyPages }, { EXIT }] = await Promise.all([
          import("../registry/backup.ts"),
          import("./exit_codes.ts"),
        ]);
        await copyPages(from, to);
        done(EXIT.done);
      }),
};

/** A task that has a session, or may have one: by name, or by path. */
function taskOf<const T extends string>(form: T) {
  return new Argument(form, "name of a task, or path of its folder");
}

function server(before = "") {
  const fallback = `${before} ${DEFAULT_SERVER_URL}`.trim();
  return new Option("-s, --server <url>", `the OpenCode server (default: ${fallback})`);
}

function integer(min: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < min) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} up.`);
    }
    return value;
  };
}

/** What a value of the settings is on the command line. */
function to<T>(parse: (text: string) => Parsed<T>) {
  return (text: string): T => {
    const parsed = parse(text);
    if ("wanted" in parsed) throw new InvalidArgumentError(`It must be ${parsed.wanted}.`);
    return parsed.value;
  };
}
