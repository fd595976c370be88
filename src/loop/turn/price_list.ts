import { unlessAborted } from "../../abort_signal.ts";
import type { OpenCode } from "../../opencode/client.ts";
import { OpenCodeError } from "../../opencode/error.ts";
import type { Prices } from "./usage.ts";

/** The models' prices, asked for once. Where the server does not tell, there are none. */
export function priceList(
  { client }: { client: Pick<OpenCode, "prices"> },
  signal: AbortSignal,
): () => Promise<Prices> {
  let known: Prices | undefined;
  return async () => {
    try {
      known ??= await unlessAborted(client.prices(), signal);
      return known ?? new Map();
    } catch (error) {
      if (!(error instanceof OpenCodeError)) throw error;
      return new Map();
    }
  };
}
