/** `ralph __complete -- <words>`: what the completion scripts of `completions.ts` ask for. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { plain } from "../../terminal/plain.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { type Candidate, valuesOf, type Wanted } from "../completion_values.ts";
import { EXIT } from "../exit_codes.ts";

export function command(context: CommandContext, done: Done, root: CommandUnknownOpts) {
  return new Command("__complete")
    .argument("[words...]")
    // its words are the user's: no option among them is meant for it
    .allowUnknownOption()
    .helpOption(false)
    .action(async (words) => done(await complete(context, { root, words })));
}

/** A task can be named by the path of its folder too. No name is `/`, so this cannot be one. */
const FOLDERS: Candidate = { value: "/", description: "" };

const DESCRIPTION_MAX = 200;

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
    values: (wanted) => valuesOf(context, wanted),
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
 * option or of an argument. Where it has no choices, `values` is asked, with the command's name and
 * that of the option or argument, and the first argument, which is the task of most commands.
 */
export async function candidates(
  root: CommandUnknownOpts,
  { words, values }: {
    words: readonly string[];
    values: (wanted: Wanted) => Promise<readonly Candidate[]>;
  },
): Promise<readonly Candidate[]> {
  const current = words.at(-1) ?? "";
  const { command, position, first, option, onlyArguments } = parse(root, words.slice(0, -1));
  const valuesFor = async (option: CommandOption | undefined) => {
    if (!option) return [];
    const name = option.attributeName();
    return choices(option) ??
      (takesValue(option) ? await values({ command: command.name(), name, task: first }) : []);
  };
  const help = command.createHelp();
  const isOption = current.startsWith("-") && !onlyArguments;
  if (option && !(isOption && option.optional)) return await valuesFor(option);
  if (isOption) {
    const [start, long] = /^(--[^=]+)=/.exec(current) ?? [];
    if (start !== undefined) {
      return (await valuesFor(command.options.find((option) => option.long === long)))
        .map((choice) => ({ ...choice, value: start + choice.value }));
    }
    return help.visibleOptions(command).flatMap(({ long, description }) =>
      long ? [{ value: long, description }] : []
    );
  }
  const { registeredArguments } = command;
  const last = registeredArguments.at(-1);
  const argument = registeredArguments.at(position) ?? (last?.variadic ? last : undefined);
  const name = argument?.name();
  const commands = position > 0 ? [] : help.visibleCommands(command).map((one) => ({
    value: one.name(),
    description: help.subcommandDescription(one),
  }));
  const found = choices(argument) ??
    (name === undefined ? [] : await values({ command: command.name(), name, task: first }));
  const isPath = name === "task" && /\/|^["']?[.~]/.test(current);
  return [...commands, ...found, ...(isPath ? [FOLDERS] : [])];
}

type CommandOption = CommandUnknownOpts["options"][number];

const takesValue = ({ required, optional }: CommandOption) => required || optional;

/** Where the words lead: the command, how many arguments it has and which first, the option that waits. */
function parse(root: CommandUnknownOpts, words: readonly string[]) {
  let command = root;
  let position = 0;
  let first: string | undefined;
  let option: CommandOption | undefined;
  let onlyArguments = false;
  for (const word of words) {
    const isValue = option && (option.required || !word.startsWith("-"));
    option = undefined;
    if (isValue) continue;
    if (onlyArguments) {
      first ??= word;
      position++;
    } else if (word === "--") onlyArguments = true;
    else if (word.startsWith("-") && word !== "-") option = waitingOption(command, word);
    else {
      const next = position > 0 ? undefined : command.commands.find((one) => one.name() === word);
      if (next) command = next;
      else {
        first ??= word;
        position++;
      }
    }
  }
  return { command, position, first, option, onlyArguments };
}

/** The option of this word whose value is the next word: of `-fn` it is `-n`, of `-n3` none. */
function waitingOption({ options }: CommandUnknownOpts, word: string) {
  const named = (name: string) =>
    options.find((one) => takesValue(one) && (one.short === name || one.long === name));
  if (word.startsWith("--")) return named(word);
  const letters = [...word.slice(1)];
  const first = letters.findIndex((letter) => named(`-${letter}`));
  return first === letters.length - 1 ? named(`-${letters[first]}`) : undefined;
}

function choices(of?: { argChoices?: readonly string[] }): readonly Candidate[] | undefined {
  return of?.argChoices?.map((value) => ({ value, description: "" }));
}
