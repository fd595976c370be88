import { sqliteVersion } from "../registry/inspect.ts";
import { VERSION } from "../version.ts";
import type { Context } from "./context.ts";
import { EXIT } from "./exit_codes.ts";

/** `ralph --version` */
export function showVersion({ output }: Context): number {
  output.out.line(`ralph ${VERSION} (Deno ${Deno.version.deno}, SQLite ${sqliteVersion()})`);
  return EXIT.done;
}
