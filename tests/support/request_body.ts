import type { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";

/**
 * The whole body of a request. By events, since on Deno 2.7.11 a request without a body never
 * ends when it is iterated over, as `node:stream/consumers` does (measured).
 */
export function requestBody(incoming: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const decoder = new TextDecoder();
    let text = "";
    incoming.on("data", (bytes: Buffer) => text += decoder.decode(bytes, { stream: true }));
    incoming.on("end", () => resolve(text));
    incoming.on("error", reject);
  });
}
