import assert from "node:assert/strict";
import { onlyLooks } from "../../../src/opencode/agent_rules.ts";
import { createClient } from "../../../src/opencode/connect.ts";
import { createVirtualClock } from "../../support/fake_clock.ts";
import { createFakeOpenCode } from "../../support/fake_opencode.ts";

function world(version: string) {
  const clock = createVirtualClock();
  const fake = createFakeOpenCode({ clock, version });
  const at = { url: fake.url, directory: "/p", clock, transport: fake.fetch };
  return { clock, fake, client: createClient({ ...at, password: "secret" }) };
}

for (const version of ["1.1.53", "1.18.33", "2.0.26"]) {
  Deno.test(`${version}: a session that only reads has rules that leave nothing else`, async () => {
    const { clock, client } = world(version);
    await clock.run((async () => {
      const order = { title: "plan", agent: "plan" };
      const { rules = [] } = await client.createSession({ ...order, onlyReads: { hidden: [] } });
      assert(onlyLooks(rules), JSON.stringify(rules));
      const { rules: others = [] } = await client.createSession(order);
      assert(!onlyLooks(others));
    })());
  });
}

Deno.test("a server that takes no rules, and has no agent that only looks, is refused", async () => {
  const { clock, fake, client } = world("local");
  await clock.run((async () => {
    await assert.rejects(client.createSession({ title: "plan", onlyReads: { hidden: [] } }), {
      problem: "refused",
      message: /takes no rules for one, and has no agent that only looks/,
    });
    assert.deepEqual(await client.sessions(), []);
  })());
  assert(fake.ledger.some(({ type }) => type === "session_deleted"));
});
