/** What a collector gets of a session, over HTTP: with the real program and a real server. */
import assert from "node:assert/strict";
import { tickingAgent } from "../support/agent.ts";
import { NEWEST } from "../support/install.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeProject } from "../support/project.ts";
import { makeRalph } from "../support/ralph.ts";
import { startModel } from "../support/scripted_model.ts";
import { ONE_STORY } from "./one_story.ts";

interface Attribute {
  key: string;
  value: { stringValue?: string; intValue?: string; doubleValue?: number; boolValue?: boolean };
}

interface WireSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: Attribute[];
}

interface Received {
  path: string;
  authorization: string | null;
  // deno-lint-ignore no-explicit-any -- it is JSON of OTLP
  body: any;
}

/** Answers as `answer` says, and keeps what it got. */
function collector(
  { hostname = "127.0.0.1", answer = () => new Response("{}") }: {
    hostname?: string;
    answer?: () => Response | Promise<Response>;
  } = {},
) {
  const received: Received[] = [];
  const server = Deno.serve({ hostname, port: 0, onListen() {} }, async (request) => {
    const { pathname: path } = new URL(request.url);
    const body = await request.json();
    received.push({ path, authorization: request.headers.get("authorization"), body });
    return await answer();
  });
  const spans = () =>
    received.filter(({ path }) => path === "/v1/traces")
      .flatMap(({ body }): WireSpan[] => body.resourceSpans[0].scopeSpans[0].spans);
  return {
    url: `http://${hostname}:${server.addr.port}`,
    received,
    spans,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const valueOf = (attributes: readonly Attribute[], key: string) =>
  Object.values(attributes.find((one) => one.key === key)?.value ?? {}).at(0);

/** Runs a task of one story with a gate to its end, told to `url`. */
async function runTold(url: string) {
  await using stack = new AsyncDisposableStack();
  const model = stack.use(await startModel(tickingAgent()));
  const server = stack.use(await startServer({ version: NEWEST, model }));
  const files = {
    "tasks/one/prd.md": ONE_STORY,
    "ralph.json": JSON.stringify({ verify: [["true"]], model: "fake/ok" }),
  };
  const project = stack.use(await makeProject({ files }));
  const ralph = stack.use(await makeRalph());
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=a%20"key"\\',
    OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
  };
  const run = ["run", "one", "-f", "--json", "-s", server.url];
  const { code, stdout, stderr } = await ralph(run, { cwd: project.root, env });
  const exitedAt = Date.now();
  assert.equal(code, 0, stdout + stderr);
  return { stdout, exitedAt, root: project.root, home: ralph.home };
}

for (const hostname of ["127.0.0.1", "127.0.0.2"]) {
  // ralph itself may connect to the first alone
  const by = hostname === "127.0.0.1" ? "itself" : "curl";
  Deno.test(`a collector gets a session's spans and counts, by ${by}`, async () => {
    await using told = collector({ hostname });
    const { root, home } = await runTold(told.url);

    assert(told.received.every(({ authorization }) => authorization === 'a "key"\\'));
    const spans = told.spans();
    assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1);
    const nameOf = new Map(spans.map(({ spanId, name }) => [spanId, name]));
    const tree = new Set(
      spans.map(({ name, parentSpanId = "" }) => `${nameOf.get(parentSpanId) ?? "-"} > ${name}`),
    );
    assert.deepEqual([...tree].sort(), [
      "- > session",
      "invoke_agent OpenCode > execute_tool bash",
      "invoke_agent OpenCode > execute_tool edit",
      "invoke_agent OpenCode > execute_tool read",
      "iteration > gate",
      "iteration > invoke_agent OpenCode",
      "session > gate",
      "session > iteration",
    ]);
    for (const { name, startTimeUnixNano, endTimeUnixNano } of spans) {
      assert(BigInt(startTimeUnixNano) <= BigInt(endTimeUnixNano), name);
    }
    const turn = spans.find(({ name }) => name === "invoke_agent OpenCode")?.attributes ?? [];
    assert.equal(valueOf(turn, "gen_ai.request.model"), "ok");
    assert.equal(valueOf(turn, "gen_ai.response.model"), "ok");
    assert.equal(valueOf(turn, "gen_ai.provider.name"), "fake");
    assert(Number(valueOf(turn, "gen_ai.usage.input_tokens")) > 0);
    assert(Number(valueOf(turn, "ralph.cost.usd")) > 0);

    const last = told.received.findLast(({ path }) => path === "/v1/metrics")?.body;
    const { resource, scopeMetrics: [{ metrics }] } = last.resourceMetrics[0];
    assert.equal(valueOf(resource.attributes, "service.name"), "ralph");
    assert.equal(valueOf(resource.attributes, "deployment.environment.name"), "test");
    const passed = metrics.find(({ name }: { name: string }) => name === "ralph.stories.passed");
    assert.equal(passed.sum.dataPoints[0].asDouble, 1);

    const all = JSON.stringify(told.received);
    for (const secret of [root, home, "prd.md", "US-001 is done", "work.txt"]) {
      assert(!all.includes(secret), secret);
    }
  });
}

Deno.test("a collector that refuses, or says nothing, is told once and disturbs no session", async () => {
  await using refuses = collector({ answer: () => new Response("no", { status: 503 }) });
  const { stdout } = await runTold(refuses.url);
  const warnings = stdout.split("\n").filter((line) => line.includes("no telemetry"));
  assert(warnings.length <= 1 && refuses.received.length > 0);

  const silent = Promise.withResolvers<Response>();
  await using says = collector({ answer: () => silent.promise });
  const { stdout: told, exitedAt } = await runTold(says.url);
  const ended = JSON.parse(
    told.trim().split("\n").findLast((line) => line.includes('"session_ended"')) ?? "{}",
  );
  assert.equal(ended.status, "completed");
  assert(exitedAt - Date.parse(ended.at) < 30_000, "it is waited for 3 s");
  silent.resolve(new Response());
});
