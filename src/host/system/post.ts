/**
 * Sends a message to a server that the user names. ralph itself may connect to this machine alone
 * (`tools/compile.ts`): to another one curl sends it, which gets all of it, keys included, on its
 * standard input, where no other user sees it.
 */
import type { Clock } from "../../clock.ts";
import { askExactly } from "../process/ask.ts";

const LOOPBACK = ["127.0.0.1", "localhost", "[::1]"];
/** From the time limit of the caller to when curl is ended. */
const CURL_MS_MAX = 15_000;

interface Message {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
}

/**
 * Posts JSON. Resolves with why it was not taken, in words that are not safe to print; undefined when it
 * was. Never throws.
 */
export async function postJson(
  url: string,
  { headers, ...rest }: Message,
  clock: Clock,
): Promise<string | undefined> {
  const message = { ...rest, headers: { ...headers, "content-type": "application/json" } };
  try {
    if (!LOOPBACK.includes(new URL(url).hostname)) return await byCurl(url, message, clock);
    const response = await fetch(url, { method: "POST", redirect: "error", ...message });
    await response.body?.cancel();
    return response.ok ? undefined : `it answers ${response.status}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function byCurl(
  url: string,
  { headers, body, signal }: Message,
  clock: Clock,
): Promise<string | undefined> {
  const options = [
    ["url", url],
    ...Object.entries(headers).map(([name, value]) => ["header", `${name}: ${value}`]),
    ["data-raw", body],
  ];
  const input = options.map(([name, value]) => `${name} = ${quoted(value)}\n`).join("");
  const command = ["curl", "--disable", "--silent", "--show-error", "--fail", "--output"];
  const answer = await askExactly([...command, "/dev/null", "--config", "-"], {
    clock,
    timeoutMs: CURL_MS_MAX,
    signal,
    input,
  });
  switch (answer.kind) {
    case "ended":
      return answer.code === 0 ? undefined : answer.stderr.trim() || `curl: ${answer.code}`;
    case "missing":
      return "there is no program curl, which sends to another machine";
    case "late":
    case "aborted":
      return "it does not answer in time";
    case "killed":
      return `curl was ended by ${answer.signal}`;
  }
}

/** As curl reads a value of its configuration file (curl(1), --config). */
function quoted(value: string): string {
  const escaped = value.replaceAll(/[\\"]/g, "\\$&").replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r").replaceAll("\t", "\\t");
  return `"${escaped}"`;
}
