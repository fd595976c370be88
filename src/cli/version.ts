import { DatabaseSync } from "node:sqlite";
import { VERSION } from "../version.ts";
import type { Context } from "./context.ts";
import { EXIT } from "./exit_codes.ts";

/** `ralph --version` */
export function showVersion({ output }: Context): number {
  const database = new DatabaseSync(":memory:");
  const sqlite = database.prepare("SELECT sqlite_version() AS version").get()?.version;
  database.close();
  output.out.line(`ralph ${VERSION} (Deno ${Deno.version.deno}, SQLite ${sqlite})`);
  return EXIT.done;
}
