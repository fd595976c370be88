import type { Models } from "../doctor/probes.ts";
import type { OpenCode } from "../opencode/client.ts";

/** The models that the server has in its directory, and which one the loop would use. */
export async function modelsOf(client: OpenCode, ofRalph: string | undefined): Promise<Models> {
  const [providers, ofServer] = await Promise.all([client.providers(), client.configuredModel()]);
  const byDefault = providers.find(({ bestModel }) => bestModel !== undefined)?.bestModel;
  return {
    chosen: ofRalph ?? ofServer ?? byDefault,
    chosenBy: ofRalph !== undefined ? "ralph" : ofServer !== undefined ? "server" : "default",
    providers,
  };
}
