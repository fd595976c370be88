/** OpenCode 2 hands over the messages of a session in pages. */
import assert from "node:assert/strict";
import { createClient } from "../../../src/opencode/connect.ts";
import { createVirtualClock } from "../../support/fake_clock.ts";

/** Of a server that hands over at most `most` messages at once, and has a next page after every one. */
async function readAll(count: number, { most }: { most: number }) {
  const clock = createVirtualClock();
  let pages = 0;
  const client = createClient({
    url: "http://some.test",
    directory: "/p",
    clock,
    transport({ pathname, searchParams }) {
      if (pathname === "/api/info") return Promise.resolve(Response.json({ version: "2.0.26" }));
      if (pathname !== "/api/session/ses_1/message") {
        return Promise.resolve(
          new Response("<!doctype html>", { headers: { "content-type": "text/html" } }),
        );
      }
      pages++;
      const from = Number(searchParams.get("cursor") ?? 0);
      const to = Math.min(count, from + Math.min(most, Number(searchParams.get("limit"))));
      const data = Array.from({ length: to - from }, (_, i) => ({
        id: `msg_${from + i}`,
        type: "user",
        text: `${from + i}`,
        time: { created: 1 },
      }));
      return Promise.resolve(Response.json({ data, cursor: { next: `${to}` } }));
    },
  });
  const messages = await clock.run(client.messages("ses_1"));
  return { texts: messages.map(({ text }) => text), pages };
}

Deno.test("all messages are read, however many a server hands over at once", async (t) => {
  for (const [count, most, pages] of [[3, 200, 1], [200, 200, 2], [450, 200, 4], [130, 50, 3]]) {
    await t.step(`${count}, ${most} at once`, async () => {
      const read = await readAll(count, { most });
      assert.deepEqual(read.texts, Array.from({ length: count }, (_, i) => `${i}`));
      assert.equal(read.pages, pages, "requests");
    });
  }
});
