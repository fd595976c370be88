/** What the OpenCode server offers for an option. */
import { clientAt } from "../app/server_client.ts";
import { readWhole } from "../host/files/read_file.ts";
import { systemTree } from "../host/files/system_tree.ts";
import { readSettings } from "../settings/read.ts";
import { findProjectRoot } from "../task/find.ts";
import type { CommandContext } from "./command_context.ts";
import { emptyFolder } from "./doctor_probes/empty_folder.ts";

/**
 * The names of the server's models or agents. It is asked about an empty folder: nothing of a project
 * is run because somebody presses a key, and so what the project itself adds is not among them. A
 * server that only the project names is not asked. Throws `RalphError`, also when there is no answer.
 */
export async function knownToServer(
  context: CommandContext,
  which: "model" | "agent",
): Promise<readonly string[]> {
  const { settings } = await readSettings({
    projectRoot: findProjectRoot(context.cwd(), systemTree) ?? context.cwd(),
    environment: context.environment,
    variableNames: [],
    readFile: readWhole,
    flags: {},
  });
  if (settings.serverOfProject) return [];
  const directory = emptyFolder(context, context.environment("HOME") ?? "/");
  const client = clientAt(context, { url: settings.server, ofProject: false, directory });
  return which === "model" ? await client.models() : await client.agents();
}
