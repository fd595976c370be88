/** One short turn, by which the doctor sees that a model answers. */
import type { TurnLimits } from "../../loop/limits.ts";
import { createTurns } from "../../loop/turn/turn.ts";
import type { OpenCode } from "../../opencode/client.ts";
import { commandsOf } from "../../opencode/commands.ts";
import { OpenCodeError } from "../../opencode/error.ts";
import type { Context } from "../../app/context.ts";
import { tokensOf } from "../../store/model.ts";

/** A model that takes longer for one word is of no use tonight. */
const TINY_TURN: TurnLimits = {
  turnMs: 50_000,
  silenceMs: 50_000,
  retryMs: 5_000,
  startMs: 20_000,
  finishMs: 8_000,
  serverGoneMs: 5_000,
  modelCalls: 3,
  compactions: 1,
  unknownFinishes: 2,
  left: {},
};

/** The same way that the loop goes, with a prompt that needs no tool. */
export async function tinyTurn(
  { clock }: Context,
  { client, model }: { client: OpenCode; model?: string },
): Promise<{ ms: number; tokens: number; text: string }> {
  const over = new AbortController();
  const turns = createTurns({ client, clock, signal: over.signal });
  const [providerId = "", ...rest] = model?.split("/") ?? [];
  const chosen = model === undefined ? {} : { model: { providerId, modelId: rest.join("/") } };
  const { id } = await client.createSession({ title: "ralph doctor", ...chosen });
  const startedAt = clock.monotonic();
  const { login } = await commandsOf(client);
  try {
    const { end, usage } = await turns.run({
      sessionId: id,
      send: () => client.prompt(id, { text: "Answer with the single word: ready", ...chosen }),
      limits: TINY_TURN,
      signal: over.signal,
      onEvent: () => {},
      onActivity: () => {},
    });
    const ms = clock.monotonic() - startedAt;
    if (end.kind !== "finished") {
      throw new OpenCodeError("refused", `the turn ended so: ${end.kind}`);
    }
    if (end.error) {
      throw new OpenCodeError("refused", `${end.error.name}: ${end.error.message}`, {
        hints: [{ text: "log in to the provider", command: login }],
      });
    }
    const messages = await client.messages(id, { limit: 1 });
    return {
      ms,
      tokens: tokensOf(usage),
      text: messages.at(-1)?.text ?? "",
    };
  } finally {
    over.abort();
    await turns.closed;
    await client.deleteSession(id);
  }
}
