import type { OpenCode } from "../opencode/client.ts";
import { OpenCodeError } from "../opencode/error.ts";
import type { Settings } from "../settings/settings.ts";
import { plain } from "../terminal/plain.ts";

/**
 * Why an agent never started: its model or the agent itself is not there, which 1.1.53 tells nobody
 * (measured). Undefined when both are there, or the server does not say. Never throws for its failure.
 */
export async function missingChoice(
  client: Pick<OpenCode, "configuredModel" | "models" | "agents">,
  { model, agent }: Pick<Settings, "model" | "agent">,
): Promise<string | undefined> {
  try {
    const name = model ? `${model.providerId}/${model.modelId}` : await client.configuredModel();
    if (name !== undefined && !(await client.models()).includes(name)) {
      return `Model not found: ${plain(name, 80)}`;
    }
    if (agent !== undefined && !(await client.agents()).includes(agent)) {
      return `Agent not found: ${plain(agent, 80)}`;
    }
  } catch (error) {
    if (!(error instanceof OpenCodeError)) throw error;
  }
  return undefined;
}
