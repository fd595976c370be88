import { RalphError } from "../../error.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { findProjectRoot } from "../../task/find.ts";
import { plain } from "../../terminal/plain.ts";
import type { CommandContext } from "../command_context.ts";

/** The git root of the folder that the user is in. Throws `RalphError` (`not_found`) outside of git. */
export function projectRootHere(context: CommandContext): string {
  const root = findProjectRoot(context.cwd(), systemTree);
  if (root !== undefined) return root;
  throw new RalphError("not_found", `${plain(context.cwd(), 200)} is not in a git repository`, [
    { text: "to make the folder you are in one", command: "git init" },
  ]);
}
