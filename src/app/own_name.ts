/** What this program is called in the commands that it prints. */
import { findProgram } from "../host/process/programs.ts";
import { selfCommand } from "../host/process/self.ts";
import { systemTree } from "../host/files/system_tree.ts";
import { shellWord } from "../terminal/shell_word.ts";
import type { Context } from "./context.ts";

type Installation = Pick<Context, "environment" | "mainUrl">;

/** This program as a command: by its name alone when that leads here. */
export function ownName({ environment, mainUrl }: Installation): string {
  const found = findProgram("ralph", { searchPath: environment("PATH") ?? "", folders: [] });
  const [program, ...args] = selfCommand(mainUrl);
  const isThis = found !== undefined &&
    systemTree.realPath(found) === systemTree.realPath(program);
  return isThis ? "ralph" : [program, ...args].map(shellWord).join(" ");
}

/** Puts that in place of the `ralph` that a command begins with. */
export type OwnCommand = (command: string) => string;

/** From the source, hints are as users see them. */
export function ownCommand(context: Installation): OwnCommand {
  const name = Deno.build.standalone ? ownName(context) : "ralph";
  return (command) => command.replace(/^ralph(?= |$)/, () => name);
}
