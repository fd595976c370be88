/** Spans and metrics in the words of OTLP 1.5, as JSON (opentelemetry.io/docs/specs/otlp). Pure. */
import type { Attributes, Metrics, Resource, Span } from "./model.ts";

const KINDS = { internal: 1, client: 3 } as const;
const STATUS_ERROR = 2;
const CUMULATIVE = 2;

/** The body of a request to `/v1/traces`. */
export function tracesBody(spans: readonly Span[], resource: Resource): string {
  const told = spans.map(({ traceId, spanId, parentSpanId, name, kind, error, ...span }) => ({
    traceId,
    spanId,
    parentSpanId,
    name,
    kind: KINDS[kind],
    startTimeUnixNano: nanoseconds(span.startMs),
    endTimeUnixNano: nanoseconds(span.endMs),
    attributes: attributesOf(span.attributes),
    status: error === undefined ? {} : { code: STATUS_ERROR, message: error },
  }));
  return JSON.stringify({
    resourceSpans: [{ ...from(resource), scopeSpans: [{ scope: SCOPE, spans: told }] }],
  });
}

/** The body of a request to `/v1/metrics`. `now` in epoch milliseconds. */
export function metricsBody(metrics: Metrics, resource: Resource, now: number): string {
  const times = {
    startTimeUnixNano: nanoseconds(metrics.sinceMs),
    timeUnixNano: nanoseconds(now),
  };
  const sums = metrics.sums.map(({ name, unit, attributes, value }) => ({
    name,
    unit,
    sum: {
      aggregationTemporality: CUMULATIVE,
      isMonotonic: true,
      dataPoints: [{ ...times, attributes: attributesOf(attributes), asDouble: value }],
    },
  }));
  const histograms = metrics.histograms.map(({ name, unit, attributes, bounds, counts, sum }) => ({
    name,
    unit,
    histogram: {
      aggregationTemporality: CUMULATIVE,
      dataPoints: [{
        ...times,
        attributes: attributesOf(attributes),
        count: String(counts.reduce((all, one) => all + one, 0)),
        sum,
        bucketCounts: counts.map(String),
        explicitBounds: bounds,
      }],
    },
  }));
  const told = [...sums, ...histograms];
  return JSON.stringify({
    resourceMetrics: [{ ...from(resource), scopeMetrics: [{ scope: SCOPE, metrics: told }] }],
  });
}

const SCOPE = { name: "ralph" };

const from = (resource: Resource) => ({ resource: { attributes: attributesOf(resource) } });

function attributesOf(attributes: Attributes) {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: valueOf(value) }]
  );
}

function valueOf(value: string | number | boolean) {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

const nanoseconds = (ms: number): string => String(BigInt(Math.round(ms)) * 1_000_000n);
