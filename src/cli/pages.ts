/** What the command tree says of each command, for the manual: the words of `--help`, as data. */
import type { CommandUnknownOpts } from "@commander-js/extra-typings";

interface Term {
  readonly term: string;
  readonly description: string;
}

export interface CommandPage {
  /** As it is typed: `ralph run`. */
  readonly name: string;
  readonly summary: string;
  /** Behind the name: `[options] [task]`. */
  readonly usage: string;
  readonly arguments: readonly Term[];
  readonly options: readonly { readonly title: string; readonly terms: readonly Term[] }[];
  /** What `--help` ends with, such as examples: texts of several lines. */
  readonly after: readonly string[];
}

/** The program itself, then each command that the help lists; the tree has to be whole. */
export function pagesOf(root: CommandUnknownOpts): readonly CommandPage[] {
  return [
    pageOf(root, root.name()),
    ...root.createHelp().visibleCommands(root)
      .map((command) => pageOf(command, `${root.name()} ${command.name()}`)),
  ];
}

function pageOf(command: CommandUnknownOpts, name: string): CommandPage {
  const help = command.createHelp();
  const groups = Map.groupBy(
    help.visibleOptions(command).filter(({ long }) => !command.parent || long !== "--help"),
    (option) => option.helpGroupHeading ?? "Options:",
  );
  return {
    name,
    summary: command.description(),
    usage: command.usage(),
    arguments: help.visibleArguments(command).map((argument) => ({
      term: help.argumentTerm(argument),
      description: help.argumentDescription(argument),
    })),
    options: [...groups].map(([title, options]) => ({
      title,
      terms: options.map((option) => ({
        term: help.optionTerm(option),
        description: help.optionDescription(option),
      })),
    })),
    after: textsAfter(command),
  };
}

/** Commander keeps the texts of `addHelpText` as listeners of an event. */
function textsAfter(command: CommandUnknownOpts): readonly string[] {
  const texts: string[] = [];
  // deno-lint-ignore no-explicit-any -- it is an EventEmitter of Node, which its types leave out
  (command as any).emit("afterHelp", {
    error: false,
    command,
    write: (text: string) => void texts.push(text.replace(/^\n+|\n+$/g, "")),
  });
  return texts;
}
