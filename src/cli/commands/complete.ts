/** `ralph __complete -- <words>`: what the completion scripts of `completions.ts` ask for. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { fileExists } from "../../host/files/read_file.ts";
import { pathsFrom } from "../../host/files/paths.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import type { Session } from "../../store/model.ts";
import { findProjectRoot, listTasks } from "../../task/find.ts";
import { callName } from "../../task/task_files.ts";
import { taskNameProblem } from "../../task/name.ts";
import { plain } from "../../terminal/plain.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";

export function command(context: CommandContext, done: Done, root: CommandUnknownOpts) {
  return new Command("__complete")
    .argument("[words...]")
    // its words are the user's: no option among them is meant for it
    .allowUnknownOption()
    .helpOption(false)
    .action(async (words) => done(await complete(context, { root, words })));
}

/** Something that can be typed next. */
export interface Candidate {
  value: string;
  description: string;
}

/** A task can be named by the path of its folder too. No name is `/`, so this cannot be one. */
const FOLDERS: Candidate = { value: "/", description: "" };

const DESCRIPTION_MAX = 200;

/** Who presses a key does not wait for another program's lock. */
const LOCKED_MS_MAX = 50;

/**
 * Prints a line `value<TAB>description` for each thing that the last of `words` can become; a line
 * `/` asks the shell for folders. The words are those after `ralph`. What the last one holds already
 * decides only the kind of thing: the shells compare, each in its own way. Says nothing else,
 * whatever happens: nobody who presses a key wants to read an error.
 */
export async function complete(
  context: CommandContext,
  { root, words }: { root: CommandUnknownOpts; words: readonly string[] },
): Promise<number> {
  const found = await candidates(root, {
    words,
    taskNames: (command) => taskNames(context, command),
  }).catch(() => []);
  context.output.out.write(
    found.map(({ value, description }) =>
      description === "" ? `${value}\n` : `${value}\t${plain(description, DESCRIPTION_MAX)}\n`
    ).join(""),
  );
  return EXIT.done;
}

/**
 * What the last of `words` can become, by the command tree: a command, an option, a choice of an
 * option or of an argument. For an argument called `task`, `taskNames` is asked, with the command's
 * name. A value that has no choices gets no candidates.
 */
export async function candidates(
  root: CommandUnknownOpts,
  { words, taskNames }: {
    words: readonly string[];
    taskNames: (command: string) => Promise<readonly Candidate[]>;
  },
): Promise<readonly Candidate[]> {
  const current = words.at(-1) ?? "";
  const { command, position, option, onlyArguments } = parse(root, words.slice(0, -1));
  if (option) return choices(option);
  const help = command.createHelp();
  if (current.startsWith("-") && !onlyArguments) {
    const [start, long] = /^(--[^=]+)=/.exec(current) ?? [];
    if (start !== undefined) {
      return choices(command.options.find((option) => option.long === long))
        .map((choice) => ({ ...choice, value: start + choice.value }));
    }
    return help.visibleOptions(command).flatMap(({ long, description }) =>
      long ? [{ value: long, description }] : []
    );
  }
  const argument = command.registeredArguments.at(position);
  if (argument?.name() === "task") {
    const isPath = /\/|^["']?[.~]/.test(current);
    return [...await taskNames(command.name()), ...(isPath ? [FOLDERS] : [])];
  }
  const commands = position > 0 ? [] : help.visibleCommands(command).map((one) => ({
    value: one.name(),
    description: help.subcommandDescription(one),
  }));
  return [...commands, ...choices(argument)];
}

/** Where the words lead: the command, the arguments it has, and the option that waits for a value. */
function parse(root: CommandUnknownOpts, words: readonly string[]) {
  let command = root;
  let position = 0;
  let option: CommandUnknownOpts["options"][number] | undefined;
  let onlyArguments = false;
  for (const word of words) {
    if (option) option = undefined;
    else if (onlyArguments) position++;
    else if (word === "--") onlyArguments = true;
    else if (word.startsWith("-") && word !== "-") option = waitingOption(command, word);
    else {
      const next = position > 0 ? undefined : command.commands.find((one) => one.name() === word);
      if (next) command = next;
      else position++;
    }
  }
  return { command, position, option, onlyArguments };
}

/** The option of this word whose value is the next word: of `-fn` it is `-n`, of `-n3` none. */
function waitingOption({ options }: CommandUnknownOpts, word: string) {
  const takesValue = (name: string) =>
    options.find(({ short, long, required }) => required && (short === name || long === name));
  if (word.startsWith("--")) return takesValue(word);
  const letters = [...word.slice(1)];
  const first = letters.findIndex((letter) => takesValue(`-${letter}`));
  return first === letters.length - 1 ? takesValue(`-${letters[first]}`) : undefined;
}

function choices(of: { argChoices?: readonly string[] } | undefined): readonly Candidate[] {
  return of?.argChoices?.map((value) => ({ value, description: "" })) ?? [];
}

/**
 * The names of this project's tasks, and, except for `run`, which needs the folder, of all that have
 * a session. Names that the shells could not type, or that would garble the screen, are left out.
 */
async function taskNames(context: CommandContext, command: string): Promise<readonly Candidate[]> {
  const root = findProjectRoot(context.cwd(), systemTree);
  const here = root === undefined ? [] : listTasks(root, systemTree);
  const sessions = await recordedSessions(context);
  const found = new Map(here.map((task) => {
    const session = sessions.find((one) => one.taskDir === task.dir);
    return [callName(task, here), session ? lastStatus(session) : ""];
  }));
  for (const session of command === "run" ? [] : sessions) {
    const { taskName, projectRoot } = session;
    if (found.has(taskName) || taskNameProblem(taskName) !== undefined) continue;
    found.set(taskName, `${lastStatus(session)}, in ${projectRoot}`);
  }
  return [...found].map(([value, description]) => ({ value, description }));
}

/** Whether a running session's worker still lives is not looked up here. */
function lastStatus({ status }: Session): string {
  return status === "running" ? "running when last seen" : status;
}

/**
 * The latest session of each task; none when the database cannot be read just now. Opened for
 * reading only, it is not changed; SQLite may leave its empty log beside it, as at any reading.
 */
async function recordedSessions(context: CommandContext): Promise<readonly Session[]> {
  try {
    const { database } = pathsFrom(context.environment);
    if (!fileExists(database)) return [];
    const [{ openStoreReadOnly }, { migrationsOf }] = await Promise.all([
      import("../../store/store.ts"),
      import("../../app/store.ts"),
    ]);
    const migrations = migrationsOf(context);
    const store = openStoreReadOnly({ path: database, migrations, timeoutMs: LOCKED_MS_MAX });
    try {
      return store?.lastSessions() ?? [];
    } finally {
      store?.close();
    }
  } catch {
    return [];
  }
}
