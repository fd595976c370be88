import { sqliteVersion } from "../../store/inspect.ts";
import { VERSION } from "../../version.ts";
import type { CommandContext } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";

/** `ralph --version` */
export function showVersion({ output }: CommandContext): number {
  output.out.line(`ralph ${VERSION} (Deno ${Deno.version.deno}, SQLite ${sqliteVersion()})`);
  return EXIT.done;
}
