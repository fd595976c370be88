import { createClient, type OpenCode } from "../opencode/client.ts";
import type { Context } from "./context.ts";

/** The server at `url` as a project sees it, with the password that the environment has. */
export function clientAt(
  context: Context,
  { url, directory, requestTimeoutMs }: {
    url: string;
    directory: string;
    requestTimeoutMs?: number;
  },
): OpenCode {
  return createClient({
    url,
    directory,
    password: context.environment("OPENCODE_SERVER_PASSWORD"),
    username: context.environment("OPENCODE_SERVER_USERNAME"),
    clock: context.clock,
    requestTimeoutMs,
  });
}
