/** What is shown of an error, and with which exit code. Loaded when there is one. */
import { CommanderError } from "@commander-js/extra-typings";
import { type OwnCommand, ownCommand } from "../../app/own_name.ts";
import { RalphError } from "../../error.ts";
import { bugText } from "../../terminal/bug_text.ts";
import type { Colors } from "../../terminal/colors.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import type { CommandContext } from "../command_context.ts";
import { EXIT, exitCodeOf } from "../exit_codes.ts";

/** The text for stderr, and how the program ends. */
export function shownError(
  error: unknown,
  { json, colors, command, own }: {
    json: boolean;
    colors: Colors;
    command?: string;
    own: OwnCommand;
  },
): { text: string; exitCode: number } {
  const shown = error instanceof CommanderError ? usageError(error, command) : error;
  if (!(shown instanceof RalphError)) return { text: bugText(shown), exitCode: EXIT.bug };
  const exitCode = exitCodeOf(shown.kind);
  return {
    text: json ? errorJson(shown, { exitCode, own }) : errorText(shown, { colors, own }),
    exitCode,
  };
}

/** What commander found wrong; `command`: the one whose help may tell. */
function usageError(error: CommanderError, command: string | undefined): RalphError {
  const [message, ...advice] = error.message.replace(/^error: /, "").split("\n");
  return new RalphError("usage", message, [
    ...advice.map((text) => ({ text: text.replace(/^\((.*)\)$/, "$1") })),
    {
      text: "see what there is",
      command: command === undefined ? "ralph --help" : `ralph ${shellWord(command)} --help`,
    },
  ]);
}

/** An error for people: what went wrong, then what to do about it. */
function errorText(error: RalphError, look: { colors: Colors; own: OwnCommand }): string {
  const lines = [`${look.colors.red("error:")} ${safeLines(error.message)}`];
  if (error.hints.length > 0) lines.push("");
  return [...lines, ...hintLines(error, look)].join("\n") + "\n";
}

/** Tells what to do about an error that does not end the program. */
export function tellHints(context: CommandContext, error: RalphError): void {
  const { err } = context.output;
  const look = { colors: err.colors, own: ownCommand(context) };
  for (const line of hintLines(error, look)) err.line(line);
}

/** What to do about an error, a line for each hint. */
function hintLines(
  { hints }: RalphError,
  { colors, own }: { colors: Colors; own: OwnCommand },
): string[] {
  return hints.map(({ text, command }) =>
    `${colors.cyan("hint:")} ${safeLines(text)}${
      command ? `: ${colors.bold(safeLines(own(command)))}` : ""
    }`
  );
}

/** What it quotes is often foreign; its lines are its own. */
const safeLines = (text: string) => text.split("\n").map((line) => plain(line)).join("\n");

/** The same for programs, as one line. */
function errorJson(
  { kind, message, hints: given }: RalphError,
  { exitCode: code, own }: { exitCode: number; own: OwnCommand },
): string {
  const hints = given.map((hint) => {
    const shown = { ...hint };
    if (shown.command !== undefined) shown.command = own(shown.command);
    return shown;
  });
  return commandJson({ error: { kind, code, message, hints } }) + "\n";
}
