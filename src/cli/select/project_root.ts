import { RalphError } from "../../error.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { findProjectRoot } from "../../task/find.ts";
import { whyNoProject } from "../../task/places.ts";
import type { CommandContext } from "../command_context.ts";

/** The git root of the folder that the user is in. Throws `RalphError` (`not_found`) outside of git. */
export function projectRootHere(context: CommandContext): string {
  const root = findProjectRoot(context.cwd(), systemTree);
  if (root !== undefined) return root;
  const { why, hint } = whyNoProject(context.cwd(), systemTree);
  throw new RalphError("not_found", why, [hint]);
}
