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
  generation: Generation;
  url: string;
  /** The file that its password is in, where no variable has it. */
  passwordFile?: string;
}

/** What helps a person with a server, as commands that can be pasted. */
export interface ServerCommands {
  login: string;
  models: string;
  agents: string;
}

/** Of a server that does not say which OpenCode it is. */
const UNKNOWN: ServerCommands = {
  login: "ralph doctor server",
  models: "ralph doctor server",
  agents: "ralph doctor server",
};

/**
 * Without `--server` OpenCode 2 asks none that is there: it starts a service of its own, which stays
 * (measured). In its own terminal one logs in.
 */
export function serverCommands(server: CommandServer): ServerCommands {
  if (server.generation === 1) {
    return {
      login: "opencode auth login",
      models: "opencode models",
      agents: "opencode agent list",
    };
  }
  const { url } = server;
  // The keys of providers are in its answer, too: nothing else of that is shown.
  const ask = (path: string) =>
    `${withPassword(server, ["opencode2", "api", "--server", url, "GET", path])} | ` +
    `grep -oE '"(id|providerID)":"[^"]*"'`;
  return {
    login: withPassword(server, ["opencode2", "--server", url]),
    models: ask("/api/model"),
    agents: ask("/api/agent"),
  };
}

/** The same of the server that answers. */
export async function commandsOf(
  client: Pick<OpenCode, "url" | "passwordFile" | "health">,
): Promise<ServerCommands> {
  const { url, passwordFile } = client;
  const health = await client.health().catch(ignoreServerFailure);
  return health ? serverCommands({ generation: health.generation, url, passwordFile }) : UNKNOWN;
}

/** The models of one provider, where that can be said. */
export function modelsOf(server: CommandServer, providerId: string): string {
  const { models } = serverCommands(server);
  return server.generation === 1 ? `${models} ${shellWord(providerId)}` : models;
}

/** `attachArguments` as a command that can be pasted, with `program` for the one that is there. */
export function attachCommand(
  server: CommandServer,
  session: { directory: string; sessionId: string },
  program: string = programNames(server.generation)[0],
): string {
  const { generation, url } = server;
  return withPassword(server, [program, ...attachArguments(generation, { url, ...session })]);
}

/** The shell reads the file: the password is on no screen, and in no list of processes. */
function withPassword({ passwordFile }: CommandServer, words: readonly string[]): string {
  const command = words.map(shellWord).join(" ");
  return passwordFile === undefined
    ? command
    : `(set -a; . ${shellWord(passwordFile)}; ${command})`;
}
