import assert from "node:assert/strict";
import { drop, type RecordingProxy, startProxy, withhold } from "./recording_proxy.ts";
import { until } from "./wait.ts";

Deno.test("the proxy records requests and passes them on", async () => {
  await using target = startTarget(async (request) =>
    new Response(`${request.method} ${new URL(request.url).search} ${await request.text()}`, {
      status: 201,
      headers: { "x-kind": request.headers.get("x-kind") ?? "" },
    })
  );
  await using proxy = await startProxy(target.url);
  const response = await fetch(`${proxy.url}/a%20b?directory=%2Ftmp`, {
    method: "POST",
    headers: { "x-kind": "test" },
    body: "text",
  });
  assert.equal(response.status, 201);
  assert.equal(response.headers.get("x-kind"), "test");
  assert.equal(await response.text(), "POST ?directory=%2Ftmp text");
  const [request] = proxy.requests;
  assert.deepEqual(
    [request.method, request.path, request.query.get("directory"), request.body],
    ["POST", "/a%20b", "/tmp", "text"],
  );
  assert.equal(request.headers.get("x-kind"), "test");
});

Deno.test("an event stream comes through piece by piece, and its end is passed on", async () => {
  let source: ReadableStreamDefaultController<Uint8Array> | undefined;
  let cancelled = false;
  await using target = startTarget(() =>
    new Response(
      new ReadableStream<Uint8Array>({
        start: (controller) => void (source = controller),
        cancel: () => void (cancelled = true),
      }),
      { headers: { "content-type": "text/event-stream" } },
    )
  );
  await using proxy = await startProxy(target.url);

  for (const end of ["by the client", "by the proxy"]) {
    cancelled = false;
    const response = await fetch(`${proxy.url}/event`);
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    assert.ok(reader);
    for (const event of ["data: 1\n\n", "data: 2\n\n"]) {
      source?.enqueue(new TextEncoder().encode(event));
      assert.equal((await reader.read()).value, event); // before the next one is sent
    }
    if (end === "by the client") await reader.cancel();
    else {
      proxy.breakConnections();
      await assert.rejects(() => reader.read());
    }
    await until(() => cancelled, { what: `the target to notice the end ${end}` });
  }
});

Deno.test("the proxy withholds, drops, or answers by itself", async () => {
  let reached = 0;
  await using target = startTarget(() => new Response(`answer ${++reached}`));
  await using proxy = await startProxy(target.url);

  proxy.intercept(() => Response.json({ made: "up" }, { status: 503 }));
  const answer = await get(proxy);
  assert.equal(answer.status, 503);
  assert.deepEqual(await answer.json(), { made: "up" });

  proxy.intercept(drop);
  await assert.rejects(() => get(proxy), TypeError);
  assert.equal(reached, 0);

  proxy.intercept(async (_request, forward) => {
    await (await forward()).body?.cancel();
    return drop();
  });
  await assert.rejects(() => get(proxy), TypeError);
  assert.equal(reached, 1);

  proxy.intercept(withhold);
  await assert.rejects(() => get(proxy, AbortSignal.timeout(50)), { name: "TimeoutError" });

  proxy.intercept();
  assert.equal(await (await get(proxy)).text(), "answer 2");
});

Deno.test("a target that is gone looks gone", async () => {
  const target = startTarget(() => new Response("unused"));
  await using proxy = await startProxy(target.url);
  await target[Symbol.asyncDispose]();
  await assert.rejects(() => get(proxy), TypeError);
});

function get(proxy: RecordingProxy, signal?: AbortSignal): Promise<Response> {
  return fetch(`${proxy.url}/x`, { signal });
}

function startTarget(handler: Deno.ServeHandler): { url: string } & AsyncDisposable {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, handler);
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
