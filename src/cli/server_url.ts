import { RalphError } from "../error.ts";
import { plain } from "../terminal/plain.ts";
import { DEFAULT_SERVER_URL } from "./defaults.ts";

const LOOPBACK = ["127.0.0.1", "localhost", "[::1]"];

/**
 * Checks the address of a server. It must be on this machine: the agent works on the files here,
 * and the binary may open no other connection. Throws `RalphError` (`usage`).
 */
export function serverUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const shown = plain(text, 200);
  const hints = [{ text: `the usual one is ${DEFAULT_SERVER_URL}` }];
  if (!url || url.protocol !== "http:") {
    throw new RalphError("usage", `\`${shown}\` is no http address`, hints);
  }
  if (url.username || url.password) {
    throw new RalphError("usage", "the server's address must not hold a password", [
      { text: "put the password into the variable OPENCODE_SERVER_PASSWORD" },
    ]);
  }
  if (!LOOPBACK.includes(url.hostname)) {
    throw new RalphError(
      "usage",
      `cannot use the server ${shown}: it is not on this machine, and the agent works on files here`,
      hints,
    );
  }
  return url.origin;
}
