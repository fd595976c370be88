/** What a person types, in the words of each generation of OpenCode. */
import { shellWord } from "../terminal/shell_word.ts";

type Generation = 1 | 2;

/** The arguments that open an OpenCode session in a terminal. OpenCode 2 knows its directory. */
export function attachArguments(
  generation: Generation,
  { url, directory, sessionId }: { url: string; directory: string; sessionId: string },
): string[] {
  return generation === 1
    ? ["attach", url, "--dir", directory, "--session", sessionId]
    : ["--server", url, "--session", sessionId];
}

/**
 * What its program may be called, the surest first: the packages of OpenCode 2 bring it under both names,
 * and an OpenCode 1 may be there beside it.
 */
export const programNames = (generation: Generation): readonly string[] =>
  generation === 1 ? ["opencode"] : ["opencode2", "opencode"];

/** `attachArguments` as a command that can be pasted. */
export function attachCommand(
  generation: Generation,
  session: Parameters<typeof attachArguments>[1],
): string {
  return ["opencode", ...attachArguments(generation, session)].map(shellWord).join(" ");
}

/** Logs in to a provider; in OpenCode 2 that is done in its own terminal. */
export function loginCommand(generation: Generation): string {
  return generation === 1 ? "opencode auth login" : "opencode";
}

/** Lists the models, of one provider where that can be said. */
export function modelsCommand(generation: Generation, providerId?: string): string {
  if (generation === 2) return "opencode api GET /api/model";
  return providerId === undefined ? "opencode models" : `opencode models ${shellWord(providerId)}`;
}
