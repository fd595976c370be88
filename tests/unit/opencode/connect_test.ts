/** Which generation of OpenCode answers is told by the shape of what it says, and asked again. */
import assert from "node:assert/strict";
import { createClient } from "../../../src/opencode/connect.ts";
import type { OpenCodeError } from "../../../src/opencode/error.ts";
import { createVirtualClock } from "../../support/fake_clock.ts";
import { createFakeOpenCode } from "../../support/fake_opencode.ts";
import { withhold } from "../../support/recording_proxy.ts";

/** A server's answers by path; everything else is a page, as of both generations. */
function clientOf(replies: Readonly<Record<string, unknown>>) {
  const clock = createVirtualClock();
  const asked: string[] = [];
  const client = createClient({
    url: "http://some.test",
    directory: "/p",
    clock,
    transport({ pathname }) {
      asked.push(pathname);
      const reply = replies[pathname];
      return Promise.resolve(
        reply === undefined
          ? new Response("<!doctype html>", { headers: { "content-type": "text/html" } })
          : reply instanceof Response
          ? reply.clone()
          : Response.json(reply),
      );
    },
  });
  return { clock, asked, health: () => clock.run(client.health()) };
}

const V1 = { "/global/health": { healthy: true, version: "1.18.33" } };

Deno.test("each generation is known by what it says of itself", async (t) => {
  const cases = {
    // Its own preview of /api says nothing of a version.
    "1.18.33": [{ ...V1, "/api/health": { healthy: true } }, 1],
    "2.0.26": [{ "/api/info": { version: "2.0.26", pid: 1, urls: [], paths: {} } }, 2],
    "3.1.0": [{ "/api/info": { version: "3.1.0" } }, 2],
    local: [{ "/api/health": { healthy: true, version: "local", pid: 1 } }, 2],
    "2.9.0": [{
      "/global/health": { healthy: true, version: "2.9.0" },
      "/api/info": { version: "2.9.0" },
    }, 2],
  } as const;
  for (const [version, [replies, generation]] of Object.entries(cases)) {
    await t.step(version, async () => {
      const { asked, health } = clientOf(replies);
      assert.deepEqual(await health(), { version, generation });
      const before = asked.length;
      assert.deepEqual(await health(), { version, generation });
      assert.equal(asked.length - before, 1, "whoever is known is asked once");
    });
  }
});

Deno.test("a server of OpenCode 1 is asked nothing that it does not know", async () => {
  const { asked, health } = clientOf(V1);
  await health();
  assert.deepEqual(asked, ["/global/health"]);
});

Deno.test("what is no OpenCode that ralph can drive is refused in words", async (t) => {
  const cases: readonly [string, Record<string, unknown>, string, RegExp][] = [
    ["a page", {}, "not_opencode", /^something else than OpenCode answers/],
    ["2.0.3", { "/api/health": { healthy: true, version: "2.0.3" } }, "refused", /is 2\.0\.3: of/],
    ["2.0.5", { "/api/status": { version: "2.0.5" } }, "refused", /2\.0\.7 and later$/],
    [
      "who has no password",
      { "/global/health": new Response(null, { status: 401 }) },
      "unauthorized",
      /asks for a password/,
    ],
  ];
  for (const [name, replies, problem, message] of cases) {
    await t.step(name, async () => {
      const error: OpenCodeError = await clientOf(replies).health().then(
        () => assert.fail(),
        (e) => e,
      );
      assert.equal(error.problem, problem);
      assert.match(error.message, message);
      if (problem === "refused") assert.match(error.hints[0].command ?? "", /@opencode\/cli/);
    });
  }
});

Deno.test("a request that is never answered while the server starts is made again", async () => {
  const clock = createVirtualClock();
  const fake = createFakeOpenCode({ clock, version: "2.0.26" });
  fake.fault({ on: "GET /api/info", act: withhold });
  const client = createClient({ url: fake.url, directory: "/p", clock, transport: fake.fetch });
  assert.equal((await clock.run(client.busy())).size, 0);
  fake.assertAllUsed();
});

Deno.test("a server that was updated where it is, is asked again what it is", async () => {
  const clock = createVirtualClock();
  const fake = createFakeOpenCode({ clock, version: "1.18.33" });
  const client = createClient({ url: fake.url, directory: "/p", clock, transport: fake.fetch });
  await clock.run(client.busy());
  fake.kill();
  await assert.rejects(clock.run(client.busy()), { problem: "unreachable" });
  fake.start({ version: "2.0.26" });
  const { id } = await clock.run(client.createSession({ title: "t" }));
  assert.equal((await clock.run(client.session(id)))?.title, "t");
  assert.deepEqual(await clock.run(client.health()), { version: "2.0.26", generation: 2 });
});

/** A client of a server of OpenCode 2, and the paths that it asks for. */
function recorded() {
  const clock = createVirtualClock();
  const fake = createFakeOpenCode({ clock, version: "2.0.26" });
  const asked: string[] = [];
  const client = createClient({
    url: fake.url,
    directory: "/p",
    clock,
    transport(url, init) {
      asked.push(url.pathname);
      return fake.fetch(url, init);
    },
  });
  return { clock, asked, client };
}

Deno.test("a stream that ralph ends itself is no reason to ask again what the server is", async () => {
  const { clock, asked, client } = recorded();
  const following = new AbortController();
  const { body } = await clock.run(client.eventStream({ signal: following.signal }));
  following.abort();
  await body.cancel();
  asked.length = 0;
  await clock.run(client.health());
  assert.deepEqual(asked, ["/api/info"]);
});

Deno.test("the agent that a server names by itself is asked for once a connection", async () => {
  const { clock, asked, client } = recorded();
  await clock.run(client.createSession({ title: "first" }));
  asked.length = 0;
  await clock.run(client.createSession({ title: "second" }));
  assert.ok(!asked.includes("/api/agent") && !asked.includes("/api/config"), asked.join());
});

Deno.test("a server that was updated between two requests gets each once, in its own words", async () => {
  const clock = createVirtualClock();
  const fake = createFakeOpenCode({ clock, version: "1.18.33" });
  const client = createClient({ url: fake.url, directory: "/p", clock, transport: fake.fetch });
  await clock.run(client.busy());
  fake.kill();
  fake.start({ version: "2.0.26" });
  const { id } = await clock.run(client.createSession({ title: "t" }));
  const all = await clock.run(client.sessions());
  assert.deepEqual(all.map((one) => one.id), [id]);
});
