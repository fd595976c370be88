import type { OpenCode } from "../../opencode/client.ts";
import { OpenCodeError } from "../../opencode/error.ts";
import { agentAtWork } from "../server/editing_agent.ts";

/**
 * The provider that a prompt goes to which names no model: that of the agent's own model, or of the one
 * that OpenCode's settings name. Undefined where neither says. Never throws for the server's failure.
 */
export async function chosenProvider(
  client: Pick<OpenCode, "agentChoice" | "configuredModel">,
  agent: string | undefined,
): Promise<string | undefined> {
  try {
    const choice = await client.agentChoice();
    const model = agentAtWork(choice, agent)?.model ?? await client.configuredModel();
    return model?.split("/")[0];
  } catch (error) {
    if (!(error instanceof OpenCodeError)) throw error;
    return undefined;
  }
}
