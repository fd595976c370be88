/** What is sent when, whatever the collector does: on a clock of the test. */
import assert from "node:assert/strict";
import { endpointOf } from "../../../src/telemetry/endpoint.ts";
import { createTelemetry, type Post } from "../../../src/telemetry/exporter.ts";
import type { Span } from "../../../src/telemetry/model.ts";
import { sleep } from "../../../src/clock.ts";
import { createVirtualClock } from "../../support/fake_clock.ts";

const span = (spanId: string): Span => ({
  ...{ traceId: "t", spanId, name: "n", kind: "internal", startMs: 0, endMs: 1, attributes: {} },
});
const EVENT = { type: "warning", text: "any" } as const;

function sender(post: Post) {
  const virtual = createVirtualClock();
  const clock = { ...virtual, advance: (ms: number) => virtual.run(sleep(virtual, ms)) };
  const waiting: Span[] = [];
  const failures: string[] = [];
  const telemetry = createTelemetry({
    spans: {
      see() {},
      close() {},
      take: () => waiting.splice(0),
      metrics: () => ({ sinceMs: 0, sums: [], histograms: [] }),
    },
    endpoint: { url: "http://c", headers: {}, resource: {} },
    post,
    clock,
    onFailure: (why) => failures.push(why),
  });
  return { clock, waiting, failures, telemetry };
}

/** The ids of the spans in a body; undefined for another one. */
const idsIn = (url: string, body: string): string[] | undefined =>
  url.endsWith("/v1/traces")
    ? JSON.parse(body).resourceSpans[0].scopeSpans[0].spans.map((one: Span) => one.spanId)
    : undefined;

Deno.test("what is not taken is sent again, and told once", async () => {
  const sent: string[][] = [];
  let isAway = true;
  const { clock, waiting, failures, telemetry } = sender((url, { body }) => {
    const ids = idsIn(url, body);
    if (ids) sent.push(ids);
    return Promise.resolve(isAway ? "away" : undefined);
  });
  waiting.push(span("a"));
  telemetry.see(EVENT);
  await clock.advance(5_000);
  waiting.push(span("b"));
  telemetry.see(EVENT);
  await clock.advance(9_999);
  assert.deepEqual(sent, [["a"]], "a collector that is away is asked less often");
  isAway = false;
  await clock.advance(1);
  assert.deepEqual(sent, [["a"], ["a", "b"]]);
  assert.deepEqual(failures, ["away"]);
  await telemetry.ended();
  assert.equal(sent.length, 2);
});

Deno.test("of what nobody takes the oldest is dropped", async () => {
  const sent: string[][] = [];
  let isAway = true;
  const { clock, waiting, telemetry } = sender((url, { body }) => {
    const ids = idsIn(url, body);
    if (ids && !isAway) sent.push(ids);
    return Promise.resolve(isAway ? "away" : undefined);
  });
  for (let id = 0; id < 2_100; id++) waiting.push(span(`${id}`));
  telemetry.see(EVENT);
  await clock.advance(5_000);
  isAway = false;
  await telemetry.ended();
  assert.deepEqual(sent.map((ids) => ids.length), [512, 512, 512, 512]);
  assert.equal(sent[0][0], "52");
});

Deno.test("a session's end waits for a silent collector for 3 s", async () => {
  const aborted: boolean[] = [];
  const { clock, waiting, telemetry } = sender((_, { signal }) =>
    new Promise(() => signal.addEventListener("abort", () => aborted.push(true)))
  );
  waiting.push(span("a"));
  const ended = telemetry.ended();
  await clock.advance(3_000);
  await ended;
  assert.deepEqual(aborted, [true]);
});

Deno.test("where it goes is said by OpenTelemetry's own variables", () => {
  const of = (variables: Readonly<Record<string, string>>) => endpointOf((name) => variables[name]);
  const url = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318/" };
  assert.equal(of({}), undefined);
  assert.equal(of({ ...url, OTEL_SDK_DISABLED: "true" }), undefined);
  assert.deepEqual(
    of({
      ...url,
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20a%3D, nothing,x=1",
      OTEL_RESOURCE_ATTRIBUTES: "team=loops",
      OTEL_SERVICE_NAME: "night",
    }),
    {
      url: "http://127.0.0.1:4318",
      headers: { authorization: "Bearer a=", x: "1" },
      resource: { team: "loops", "service.name": "night" },
    },
  );
  for (
    const wrong of [
      { OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4317" },
      { ...url, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
    ]
  ) assert("fault" in (of(wrong) ?? {}), JSON.stringify(wrong));
});
