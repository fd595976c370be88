import { type Hint, RalphError } from "../error.ts";
import { plain } from "../terminal/plain.ts";

/** Where the server of the unit `opencode.service` listens. */
export const DEFAULT_SERVER_URL = "http://127.0.0.1:14096";

/** Makes the error for a value that is wrong; says where the value stands. */
export type Refuse = (reason: string, hints: readonly Hint[]) => RalphError;

const LOOPBACK = ["127.0.0.1", "localhost", "[::1]"];

const refuseArgument: Refuse = (reason, hints) => new RalphError("usage", reason, hints);

/**
 * Checks the address of a server, and hands back its origin. It must be on this machine: the agent
 * works on the files here, and the binary may open no other connection. Throws what `refuse` makes,
 * by default a `RalphError` (`usage`).
 */
export function serverUrl(text: string, refuse: Refuse = refuseArgument): string {
  // Before anything that quotes the text.
  if (text.includes("@")) {
    throw refuse("the server's address must not hold a password", [
      { text: "put the password into the variable OPENCODE_SERVER_PASSWORD" },
    ]);
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const shown = plain(text, 200);
  const hints = [{ text: `the usual one is ${DEFAULT_SERVER_URL}` }];
  if (url?.protocol !== "http:") throw refuse(`\`${shown}\` is no http address`, hints);
  if (!LOOPBACK.includes(url.hostname)) {
    throw refuse(
      `cannot use the server ${shown}: it is not on this machine, and the agent works on files here`,
      hints,
    );
  }
  if (url.pathname + url.search + url.hash !== "/") {
    throw refuse(`cannot use the server ${shown}: its address must end after the port`, hints);
  }
  return url.origin;
}
