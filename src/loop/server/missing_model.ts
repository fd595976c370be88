import type { OpenCode } from "../../opencode/client.ts";
import { OpenCodeError } from "../../opencode/error.ts";
import { modelName, type Settings } from "../../settings/settings.ts";
import { plain } from "../../terminal/plain.ts";

type Chosen = Pick<Settings, "model" | "agent">;

interface Missing {
  /** `provider`: there is no model at all. */
  what: "provider" | "model" | "agent";
  /** The same with its name, in words; safe to show. */
  words: string;
}

/**
 * Why an agent never started: its model or the agent itself is not there, which 1.1.53 tells nobody
 * (measured), or there is no provider. Undefined when all are there, or the server does not say. Never throws for its failure.
 */
export async function missingModel(
  client: Pick<OpenCode, "configuredModel" | "models" | "agents">,
  { model, agent }: Chosen,
): Promise<Missing | undefined> {
  try {
    const name = await nameOfChosen(client, model);
    const models = await client.models();
    if (models.length === 0) {
      return { what: "provider", words: "the server has no model that can be used" };
    }
    if (name !== undefined && !models.includes(name)) {
      return { what: "model", words: `Model not found: ${plain(name, 80)}` };
    }
    if (agent !== undefined && !(await client.agents()).includes(agent)) {
      return { what: "agent", words: `Agent not found: ${plain(agent, 80)}` };
    }
  } catch (error) {
    if (!(error instanceof OpenCodeError)) throw error;
  }
  return undefined;
}

/**
 * Whether the server has the model on record as one that calls no tools; that may be wrong. False when
 * it does not say. Never throws for its failure.
 */
export async function lacksTools(
  client: Pick<OpenCode, "configuredModel" | "modelsWithoutTools">,
  { model }: Chosen,
): Promise<boolean> {
  try {
    const name = await nameOfChosen(client, model);
    return name !== undefined && (await client.modelsWithoutTools()).includes(name);
  } catch (error) {
    if (!(error instanceof OpenCodeError)) throw error;
    return false;
  }
}

/** `provider/model`; undefined where the server takes the best that it has. */
async function nameOfChosen(
  client: Pick<OpenCode, "configuredModel">,
  model: Chosen["model"],
): Promise<string | undefined> {
  return model ? modelName(model) : await client.configuredModel();
}
