import { sqliteVersion } from "../../store/inspect.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { VERSION } from "../../version.ts";
import type { CommandContext } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";

/** `ralph --version` */
export function showVersion(
  { output: { out } }: CommandContext,
  { json }: { json: boolean },
): number {
  const [deno, sqlite] = [Deno.version.deno, sqliteVersion()];
  if (json) out.line(commandJson({ ralph: VERSION, deno, sqlite, target: Deno.build.target }));
  else out.line(`ralph ${VERSION} (Deno ${deno}, SQLite ${sqlite})`);
  return EXIT.done;
}
