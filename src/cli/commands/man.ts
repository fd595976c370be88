/** `ralph man`: the manual as a man page, of the same words as `--help`. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { RELEASES, VARIABLES } from "../../settings/variables.ts";
import { asIs, defined, paragraph, roffText, section, subsection } from "../../terminal/roff.ts";
import { VERSION } from "../../version.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT, MEANINGS } from "../exit_codes.ts";
import { type CommandPage, pagesOf } from "../pages.ts";

export function command(context: CommandContext, done: Done, root: CommandUnknownOpts) {
  return new Command("man")
    .addHelpText(
      "after",
      `
Install it once:
  mkdir -p ~/.local/share/man/man1
  ralph man > ~/.local/share/man/man1/ralph.1

Example:
  ralph man | man -l -        read it now`,
    )
    .action(() => {
      context.output.out.write(manPage(pagesOf(root)));
      done(EXIT.done);
    });
}

const FILES: readonly (readonly [path: string, what: string])[] = [
  ["ralph.json", "settings of a project, at its root"],
  ["~/.config/ralph/config.json", "settings of yours, for all projects"],
  ["~/.config/ralph/server.env", "the password of the OpenCode server"],
  ["~/.local/share/ralph/sessions.db", "sessions and iterations"],
  ["~/.local/state/ralph/logs/", "logs"],
];

/** The page as roff. It has no date: the same program prints the same page. */
function manPage([program, ...commands]: readonly CommandPage[]): string {
  const [examples = ""] = program.after;
  const lines = [
    `.TH RALPH 1 "" "ralph ${roffText(VERSION)}" "User Commands"`,
    ".nh", // no word of a command is divided
    ".ad l",
    section("NAME"),
    `ralph \\- ${roffText(program.summary.replace(/\.$/, ""))}`,
    section("SYNOPSIS"),
    `\\fBralph\\fR ${roffText("[options] [command]")}`,
    section("OPTIONS"),
    ...optionLines(program),
    section("COMMANDS"),
    ...commands.flatMap(commandLines),
    section("EXIT STATUS"),
    ...MEANINGS.flatMap(([code, meaning]) => defined(String(code), meaning)),
    ...paragraph("Codes are only ever added: an unknown one other than 0 is a failure."),
    section("ENVIRONMENT"),
    ...Object.keys(VARIABLES).flatMap((name) => defined(name, `as ${meantBy(name)}`)),
    ...defined(RELEASES, "the page of the releases, for ralph upgrade"),
    ...defined("OPENCODE_SERVER_PASSWORD", "the password of the OpenCode server"),
    ...defined("NO_COLOR", "no colours"),
    section("FILES"),
    ...FILES.flatMap(([path, what]) => defined(path, what)),
    section("EXAMPLES"),
    ...asIs(examples.replace(/^Examples:\n/, "")),
  ];
  return lines.join("\n") + "\n";
}

/** A setting's variable and its flag have the same words. */
const meantBy = (variable: string) =>
  variable === "RALPH_TURNS_AT_ONCE"
    ? "turnsAtOnce of config.json"
    : `--${variable.replace(/^RALPH_/, "").toLowerCase().replaceAll("_", "-")} of ralph run`;

function commandLines(page: CommandPage): readonly string[] {
  return [
    subsection(`${page.name} ${page.usage}`),
    roffText(page.summary),
    ...page.arguments.flatMap(({ term, description }) => defined(term, description)),
    ...optionLines(page),
    ...page.after.flatMap((text) => [".PP", ...asIs(text)]),
  ];
}

function optionLines({ options }: CommandPage): readonly string[] {
  return options.flatMap(({ title, terms }) => [
    ...options.length > 1 ? paragraph(title) : [],
    ...terms.flatMap(({ term, description }) => defined(term, description)),
  ]);
}
