/** What a person types, in the words of each generation of OpenCode. */
import type { OpenCode } from "./client.ts";
import { ignoreServerFailure } from "./error.ts";
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

/** Which server a command is meant for. */
export interface CommandServer {
  /** Undefined where it does not say. */
  generation: Generation | undefined;
  url: string;
  /** The file that its password is in, where no variable has it. */
  passwordFile?: string;
}

/** The server of a client, as it is now. */
export async function serverOf(
  { url, passwordFile, health }: Pick<OpenCode, "url" | "passwordFile" | "health">,
): Promise<CommandServer> {
  const answer = await health().catch(ignoreServerFailure);
  return { generation: answer?.generation, url, passwordFile };
}

/** What helps a person with a server, as commands that can be pasted. */
export interface ServerCommands {
  login: string;
  models: string;
  agents: string;
}

export const serverCommands = (server: CommandServer): ServerCommands => ({
  login: loginCommand(server),
  models: modelsCommand(server),
  agents: agentsCommand(server),
});

const LOOK = "ralph doctor server";

/** Logs in to a provider; in OpenCode 2 that is done in its own terminal. */
export function loginCommand(server: CommandServer): string {
  if (server.generation === undefined) return LOOK;
  return server.generation === 1
    ? "opencode auth login"
    : serverCommand(server, ["opencode2", "--server", server.url]);
}

/** Lists the models, of one provider where that can be said. */
export function modelsCommand(server: CommandServer, providerId?: string): string {
  if (server.generation === undefined) return LOOK;
  if (server.generation === 2) return listCommand(server, "/api/model");
  return providerId === undefined ? "opencode models" : `opencode models ${shellWord(providerId)}`;
}

function agentsCommand(server: CommandServer): string {
  if (server.generation === undefined) return LOOK;
  return server.generation === 1 ? "opencode agent list" : listCommand(server, "/api/agent");
}

/**
 * Without `--server` OpenCode 2 asks none that is there: it starts a service of its own, which stays
 * (measured). The keys of providers are in its answer, too: nothing but ids of that is shown.
 */
const listCommand = (server: CommandServer, path: string) =>
  `${
    serverCommand(server, ["opencode2", "api", "--server", server.url, "GET", path])
  } | grep -oE '"(id|providerID)":"[^"]*"'`;

/** `attachArguments` as a command that can be pasted, with `program` for the one that is there. */
export function attachCommand(
  { generation = 1, ...server }: CommandServer,
  session: { directory: string; sessionId: string },
  program: string = programNames(generation)[0],
): string {
  const words = [program, ...attachArguments(generation, { url: server.url, ...session })];
  return serverCommand(server, words);
}

/** The shell reads the file: the password is on no screen, and in no list of processes. */
function serverCommand(
  { passwordFile }: Pick<CommandServer, "passwordFile">,
  words: readonly string[],
): string {
  const command = words.map(shellWord).join(" ");
  return passwordFile === undefined
    ? command
    : `(set -a; . ${shellWord(passwordFile)}; ${command})`;
}
