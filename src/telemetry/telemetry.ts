/** A session's telemetry, where the user asks for it. */
import type { Clock } from "../clock.ts";
import { plain } from "../terminal/plain.ts";
import { endpointOf } from "./endpoint.ts";
import { createTelemetry, type Post, type Telemetry } from "./exporter.ts";
import { type SessionAbout, sessionSpans } from "./session_spans.ts";

/**
 * Undefined where no endpoint is named. `onFailure` is told, at most twice and in words that are safe to
 * show, why it does not work. `randomHex`: that many random bytes.
 */
export function telemetryOf(
  about: SessionAbout,
  { environment, version, clock, post, randomHex, onFailure }: {
    environment: (name: string) => string | undefined;
    version: string;
    clock: Clock;
    post: Post;
    randomHex: (bytes: number) => string;
    onFailure: (text: string) => void;
  },
): Telemetry | undefined {
  const endpoint = endpointOf(environment);
  if (!endpoint) return undefined;
  const tell = (why: string) => onFailure(`no telemetry: ${plain(why, 300)}`);
  if ("fault" in endpoint) {
    tell(endpoint.fault);
    return undefined;
  }
  // Several workers count at once: theirs are other counters.
  const instance = { "service.version": version, "service.instance.id": randomHex(16) };
  return createTelemetry({
    spans: sessionSpans(about, { spanId: () => randomHex(8), now: clock.now() }),
    endpoint: { ...endpoint, resource: { ...instance, ...endpoint.resource } },
    post,
    clock,
    onFailure: (why) => tell(`${endpoint.url} does not take it: ${why}`),
  });
}
