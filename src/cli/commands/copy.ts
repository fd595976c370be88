/** `ralph __copy <from> <to>`: a copy of the database, for a caller that cannot make one. */
import { Command } from "@commander-js/extra-typings";
import { copyPages } from "../../store/backup.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";

export function command(_context: CommandContext, done: Done) {
  return new Command("__copy").argument("<from>").argument("<to>").action(async (from, to) => {
    await copyPages(from, to);
    done(EXIT.done);
  });
}
