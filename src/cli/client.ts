import { RalphError } from "../error.ts";
import { serverEnv } from "../host/server_env.ts";
import { createClient, type OpenCode } from "../opencode/client.ts";
import { serverUrl } from "../settings/server_url.ts";
import { shellWord } from "../terminal/shell_word.ts";
import type { Context } from "./context.ts";

/**
 * The server at `url` as a project sees it, with the password that the environment or ralph's file
 * has. Throws `RalphError` (`usage`) when others may read that file, or ralph may not use that
 * address.
 */
export function clientAt(
  context: Context,
  { url, directory, requestTimeoutMs }: {
    url: string;
    directory: string;
    requestTimeoutMs?: number;
  },
): OpenCode {
  const { password, username, isOpen, path } = serverEnv(context.environment);
  if (isOpen) {
    throw new RalphError("usage", `others may read the server's password in ${path}`, [
      { text: "keep it to yourself", command: `chmod 600 ${shellWord(path)}` },
    ]);
  }
  return createClient({
    url: serverUrl(url),
    directory,
    password,
    username,
    clock: context.clock,
    requestTimeoutMs,
  });
}
