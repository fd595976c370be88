import type { Models } from "../doctor/probes.ts";
import { agentAtWork } from "../loop/server/editing_agent.ts";
import type { OpenCode } from "../opencode/client.ts";

/** The models that the server has in its directory, and which one the loop would use. */
export async function modelsOf(
  client: OpenCode,
  { model, agent }: { model?: string; agent?: string },
): Promise<Models> {
  const [providers, ofServer, asked] = await Promise.all([
    client.providers(),
    client.configuredModel(),
    client.agentChoice(),
  ]);
  const ofAgent = agentAtWork(asked, agent)?.model;
  const byDefault = providers.find(({ bestModel }) => bestModel !== undefined)?.bestModel;
  const chosenBy = model !== undefined
    ? "ralph"
    : ofAgent !== undefined
    ? "agent"
    : ofServer !== undefined
    ? "server"
    : "default";
  return { chosen: model ?? ofAgent ?? ofServer ?? byDefault, chosenBy, providers };
}
