/** How ralph takes what no real OpenCode can be made to say: `tests/contract` has the real ones. */
import assert from "node:assert/strict";
import { RalphError } from "../../../src/error.ts";
import { systemClock } from "../../../src/host/system/clock.ts";
import type { OpenCode } from "../../../src/opencode/client.ts";
import type { ClientOptions } from "../../../src/opencode/connect.ts";
import { CLOSED_PORT } from "../../support/closed_port.ts";
import { createV1Client } from "../../support/v1_client.ts";
import { OpenCodeError } from "../../../src/opencode/error.ts";
import type { Problem } from "../../../src/opencode/error.ts";

const json = (body: string, status = 200) =>
  new Response(body, { status, headers: { "content-type": "application/json" } });
const html = () => new Response("<html>hello", { headers: { "content-type": "text/html" } });

/** Calls `ask` with a client whose server answers every request with `answer`. */
async function against<T>(
  answer: (request: Request) => Response | Promise<Response>,
  ask: (client: OpenCode) => Promise<T>,
  options: Partial<ClientOptions> = {},
): Promise<T> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer);
  try {
    const url = `http://127.0.0.1:${server.addr.port}`;
    return await ask(createV1Client({ url, directory: "/p", clock: systemClock, ...options }));
  } finally {
    await server.shutdown();
  }
}

/** The error that `asking` fails with, after what holds for every one was checked. */
async function failure(asking: Promise<unknown>): Promise<OpenCodeError> {
  const error = await asking.then(() => assert.fail("it succeeded"), (error) => error);
  assert.ok(error instanceof OpenCodeError, `${error}`);
  assert.ok(error instanceof RalphError);
  // deno-lint-ignore no-control-regex
  assert.ok(!/[\x00-\x1f\x7f-\x9f]/.test(error.message), error.message);
  assert.ok(error.message.length < 600, error.message);
  return error;
}

const health = (client: OpenCode) => client.health();
const busy = (client: OpenCode) => client.busy();

Deno.test("health: each strange answer is a problem of its own", async (t) => {
  const cases: [string, () => Response, Problem, RegExp][] = [
    ["HTML", html, "not_opencode", /^something else than OpenCode answers on http:\/\/127/],
    ["other JSON", () => json(`{"status":"ok"}`), "not_opencode", /^something else/],
    ["no JSON", () => json("{"), "not_opencode", /^something else/],
    ["a redirect", () => Response.redirect("http://127.0.0.1/x"), "not_opencode", /^something/],
    ["unwell", () => json(`{"healthy":false,"version":"1.18.33"}`), "unhealthy", /not healthy$/],
    ["500", () => json(`{"name":"Oops"}`, 500), "server_error", /answered 500: Oops$/],
    ["404 of OpenCode", () => json(`{"name":"NotFoundError"}`, 404), "refused", /NotFoundError$/],
    ["404 of a proxy", () => new Response("<p>", { status: 404 }), "not_opencode", /^something/],
    ["429", () => new Response("", { status: 429 }), "overloaded", /answered 429$/],
    ["401", () => new Response("", { status: 401 }), "unauthorized", /none was sent$/],
  ];
  for (const [name, answer, problem, message] of cases) {
    await t.step(name, async () => {
      const error = await failure(against(answer, health));
      assert.equal(error.problem, problem);
      assert.match(error.message, message);
      if (!["refused", "server_error", "overloaded"].includes(problem)) {
        assert.ok(error.hints.length > 0);
      }
    });
  }
});

Deno.test("health: a server that never answers is a timeout, with a hint", async () => {
  const never = new AbortController();
  const hang = () =>
    new Promise<Response>((resolve) => {
      never.signal.addEventListener("abort", () => resolve(new Response()));
    });
  await against(hang, async (client) => {
    const error = await failure(client.health());
    assert.equal(error.problem, "timeout");
    assert.match(error.message, /did not answer within 2 s$/);
    assert.ok(error.hints[0]?.command);
    never.abort();
  });
});

Deno.test("a body that stops in the middle is a timeout", async () => {
  const body = new ReadableStream({ start: (c) => c.enqueue(new TextEncoder().encode("{")) });
  const headers = { "content-type": "application/json" };
  const error = await failure(
    against(() => new Response(body, { headers }), busy, { requestTimeoutMs: 200 }),
  );
  assert.equal(error.problem, "timeout");
});

Deno.test("nothing that listens: the message has the address, the hint how to start it", async () => {
  const url = `http://127.0.0.1:${CLOSED_PORT}`;
  const error = await failure(
    createV1Client({ url, directory: "/p", clock: systemClock }).health(),
  );
  assert.equal(error.problem, "unreachable");
  assert.equal(error.kind, "unavailable");
  assert.equal(
    error.message,
    `cannot reach OpenCode at ${url}: connection refused`,
  );
  assert.deepEqual(error.hints, [{
    text: "Start with",
    command: "systemctl --user start opencode",
  }]);
});

/**
 * A server of raw TCP that keeps a connection open as long as `answer` has an answer. `closing` is
 * what it says before it hangs up.
 */
function rawServer(answer: (request: string) => string | undefined, closing = "") {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const received: string[] = [];
  async function serve(connection: Deno.Conn): Promise<void> {
    using _ = connection;
    const bytes = new Uint8Array(4096);
    for (;;) {
      const length = await connection.read(bytes);
      if (length === null) return;
      const request = new TextDecoder().decode(bytes.subarray(0, length));
      received.push(request);
      const reply = answer(request);
      await connection.write(new TextEncoder().encode(reply ?? closing));
      if (reply === undefined) return;
    }
  }
  const serving = (async () => {
    for await (const connection of listener) await serve(connection);
  })();
  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    received,
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving;
    },
  };
}

Deno.test("a connection that breaks, and a server that does not speak HTTP", async (t) => {
  for (const [says, problem] of [["", "unreachable"], ["SSH-2.0-x\r\n", "not_opencode"]] as const) {
    await t.step(problem, async () => {
      await using server = rawServer(() => undefined, says);
      const client = createV1Client({ url: server.url, directory: "/p", clock: systemClock });
      assert.equal((await failure(client.busy())).problem, problem);
    });
  }
});

Deno.test("a prompt is never sent twice, whatever becomes of its connection", async () => {
  const head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n";
  await using server = rawServer((request) => request.startsWith("GET") ? `${head}{}` : undefined);
  const client = createV1Client({ url: server.url, directory: "/p", clock: systemClock });
  await client.busy(); // so that the prompt goes over a connection that was good
  const error = await failure(client.prompt("ses_1", { text: "go" }));
  assert.equal(error.problem, "unreachable");
  const prompts = server.received.filter((request) => request.startsWith("POST"));
  assert.equal(prompts.length, 1);
  assert.match(prompts[0] ?? "", /^POST \/session\/ses_1\/prompt_async\?directory=%2Fp /);
});

Deno.test("replies that lack what is needed are malformed, and say where", async (t) => {
  const cases: [string, string, (client: OpenCode) => Promise<unknown>, RegExp][] = [
    ["no JSON", "{\u0007", busy, /: it is not JSON$/],
    ["another shape", "[]", busy, /at `its top`$/],
    [
      "a message without id",
      `[{"info":{"role":"user"},"parts":[]}]`,
      (c) => c.messages("ses_1"),
      /`0\.info\.id`/,
    ],
    ["a hostile key", `{"\\u001b]0;x\\u0007": 1}`, busy, /not understood/],
  ];
  for (const [name, body, ask, message] of cases) {
    await t.step(name, async () => {
      const error = await failure(against(() => json(body), ask));
      assert.equal(error.problem, "malformed");
      assert.match(error.message, message);
    });
  }
});

Deno.test("a reply without end is cut off", async () => {
  const chunk = new Uint8Array(1024 * 1024).fill(32);
  const body = () => new ReadableStream({ pull: (controller) => controller.enqueue(chunk) });
  const headers = { "content-type": "application/json" };
  const error = await failure(against(() => new Response(body(), { headers }), busy));
  assert.equal(error.problem, "malformed");
  assert.match(error.message, /more than 32 MiB/);
});

Deno.test("the server's words are short and harmless in a message", async () => {
  const said = `\u001b[31mred\u0007${"x".repeat(5_000)}`;
  const body = JSON.stringify({ data: { message: said } });
  const error = await failure(against(() => json(body, 400), busy));
  assert.equal(error.kind, "failed");
  assert.match(error.message, /answered 400: /);
});

Deno.test("an unknown session is not found, also when it is another directory's", async () => {
  const notFound = () =>
    json(`{"name":"NotFoundError","data":{"message":"Session not found"}}`, 404);
  assert.equal(await against(notFound, (client) => client.session("ses_1")), undefined);
  const error = await failure(against(notFound, (client) => client.prompt("ses_1", { text: "x" })));
  assert.equal(error.kind, "not_found");

  const other = () => json(`{"id":"ses_1","title":"t","directory":"/other","time":{"created":1}}`);
  assert.equal(await against(other, (client) => client.session("ses_1")), undefined);
});

Deno.test("the password goes into the header, and nowhere else", async () => {
  const seen = { url: "", authorization: "" };
  const error = await failure(against(
    (request) => {
      seen.url = request.url;
      seen.authorization = request.headers.get("authorization") ?? "";
      return new Response("", { status: 401 });
    },
    health,
    { password: "geheim", username: "me" },
  ));
  assert.equal(seen.authorization, `Basic ${btoa("me:geheim")}`);
  assert.ok(!seen.url.includes("geheim"));
  assert.ok(!Deno.inspect(error).includes("geheim"));
});

Deno.test("hostile ids stay one segment of the path", async () => {
  let seen = "";
  await against((request) => {
    seen = new URL(request.url).pathname;
    return json("[]");
  }, (client) => client.messages("../../global/x?y#z"));
  assert.equal(seen, "/session/..%2F..%2Fglobal%2Fx%3Fy%23z/message");
});

Deno.test("whose the server is, is asked before anything is sent, and again when that may change", async (t) => {
  const foreign = new OpenCodeError("foreign", "another user's");

  await t.step("nothing is sent to another user's", async () => {
    let received = 0;
    const answer = () => (received++, json("{}"));
    const error = await failure(
      against(answer, busy, { password: "s3cret", requireOwn: () => Promise.reject(foreign) }),
    );
    assert.equal(error.problem, "foreign");
    assert.equal(error.kind, "unavailable");
    assert.equal(error.mayHaveArrived, false);
    assert.equal(received, 0);
  });

  await t.step("once for requests that go well, again after one that failed", async () => {
    let asked = 0;
    let status = 200;
    const requireOwn = () => Promise.resolve(++asked > 0);
    await against(() => json("{}", status), async (client) => {
      await client.busy();
      await client.busy();
      assert.equal(asked, 1);
      status = 500;
      await failure(client.busy());
      assert.equal(asked, 1);
      await failure(client.busy());
      assert.equal(asked, 2);
    }, { requireOwn });
  });

  await t.step("each time while nobody listens", async () => {
    let asked = 0;
    const requireOwn = () => Promise.resolve(++asked > 2);
    await against(() => json("{}"), async (client) => {
      for (let i = 0; i < 5; i++) await client.busy();
    }, { requireOwn });
    assert.equal(asked, 3);
  });

  await t.step("again when an event stream has ended", async () => {
    let asked = 0;
    const requireOwn = () => Promise.resolve(++asked > 0);
    const stream = () =>
      new Response("data: {}\n\n", { headers: { "content-type": "text/event-stream" } });
    const answer = ({ url }: Request) => new URL(url).pathname === "/event" ? stream() : json("{}");
    await against(answer, async (client) => {
      const { signal } = new AbortController();
      const { body } = await client.eventStream({ signal });
      await client.busy();
      assert.equal(asked, 1);
      assert.equal(await new Response(body).text(), "data: {}\n\n");
      await client.busy();
      assert.equal(asked, 2);
    }, { requireOwn });
  });
});

Deno.test("a password that was withheld: why, and what to do", async () => {
  const hint = { text: "name it yourself" };
  const withheld = { why: "only the project names it", hint };
  const error = await failure(against(() => new Response("", { status: 401 }), busy, { withheld }));
  assert.match(error.message, /asks for a password, and none was sent: only the project names it$/);
  assert.deepEqual(error.hints, [hint]);
});
