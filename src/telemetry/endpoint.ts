/** Where telemetry goes, by the variables of OpenTelemetry's specification. Pure. */
import { plain } from "../terminal/plain.ts";
import type { Resource } from "./model.ts";

export interface Endpoint {
  /** Base URL, without a slash at its end. */
  readonly url: string;
  /** May hold keys. */
  readonly headers: Readonly<Record<string, string>>;
  readonly resource: Resource;
}

/** Undefined where none is asked for; a fault, in words, where it cannot be used. */
export function endpointOf(
  environment: (name: string) => string | undefined,
): Endpoint | { fault: string } | undefined {
  const told = environment("OTEL_EXPORTER_OTLP_ENDPOINT");
  if (told === undefined || environment("OTEL_SDK_DISABLED")?.toLowerCase() === "true") {
    return undefined;
  }
  const url = URL.canParse(told) ? new URL(told) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    return { fault: `OTEL_EXPORTER_OTLP_ENDPOINT is no URL of http or https` };
  }
  const protocol = environment("OTEL_EXPORTER_OTLP_PROTOCOL") ?? "http/json";
  if (!protocol.startsWith("http/")) {
    const asked = plain(protocol, 40);
    return { fault: `OTEL_EXPORTER_OTLP_PROTOCOL asks for ${asked}, and ralph speaks http/json` };
  }
  return {
    url: url.href.replace(/\/+$/, ""),
    headers: pairs(environment("OTEL_EXPORTER_OTLP_HEADERS")),
    resource: {
      ...pairs(environment("OTEL_RESOURCE_ATTRIBUTES")),
      "service.name": environment("OTEL_SERVICE_NAME") ?? "ralph",
    },
  };
}

/** `a=1,b=2`, with percent signs as in a URL (W3C Baggage); what is no pair is left out. */
function pairs(text = ""): Record<string, string> {
  return Object.fromEntries(
    text.split(",").flatMap((pair) => {
      const [name, ...rest] = pair.split("=");
      const value = decoded(rest.join("=").trim());
      return name.trim() === "" || rest.length === 0 || value === undefined
        ? []
        : [[name.trim(), value]];
    }),
  );
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
