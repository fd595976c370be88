import type { Models } from "../doctor/probes.ts";
import { agentAtWork } from "../loop/server/editing_agent.ts";
import type { OpenCode } from "../opencode/client.ts";
import { ignoreServerFailure } from "../opencode/error.ts";

/**
 * The models that the server has in its directory, and which one the loop would use. `choice`: what it
 * says of its agents, where somebody else asks that too.
 */
export async function modelsOf(
  client: OpenCode,
  { model, agent, choice = client.agentChoice() }: {
    model?: string;
    agent?: string;
    choice?: ReturnType<OpenCode["agentChoice"]>;
  },
): Promise<Models> {
  const [providers, ofServer, asked] = await Promise.all([
    client.providers(),
    client.configuredModel(),
    choice.catch(ignoreServerFailure),
  ]);
  const ofAgent = asked && agentAtWork(asked, agent)?.model;
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
