/** A turn that an abort did not end must not work beside the next one. */
import assert from "node:assert/strict";
import { endStrayTurns } from "../../../src/loop/stray_turns.ts";
import { LostSession } from "../../../src/registry/registry.ts";
import { createClient } from "../../../src/opencode/client.ts";
import type { Session } from "../../../src/registry/model.ts";
import { answer } from "../../support/fake_faults.ts";
import { createVirtualClock } from "../../support/fake_clock.ts";
import { createFakeOpenCode } from "../../support/fake_opencode.ts";
import { hang } from "../../support/scripted_model.ts";

const lease = { sessionId: 1, epoch: 1 };

async function world(requireLease = () => {}) {
  const clock = createVirtualClock();
  const fake = createFakeOpenCode({ clock, script: () => hang() });
  const client = createClient({ url: fake.url, directory: "/p", clock, transport: fake.fetch });
  const begin = async () => {
    const { id } = await client.createSession({ title: "t" });
    await client.prompt(id, { text: "work" });
    return id;
  };
  const [ours, theirs] = await clock.run(Promise.all([begin(), begin()]));
  await clock.run(new Promise<void>((resolve) => clock.after(2_000, resolve)));
  assert.equal((await clock.run(client.busy())).size, 2);
  const owner = (id: string) => (id === ours ? { taskDir: "/p/tasks/t" } : undefined) as Session;
  const found: string[] = [];
  return {
    clock,
    fake,
    ours,
    theirs,
    found,
    busy: async () => [...(await clock.run(client.busy())).keys()],
    end: () =>
      clock.run(
        endStrayTurns({ client, clock, registry: { sessionOfOpenCode: owner, requireLease } }, {
          lease,
          busy: [ours, theirs],
          taskDir: "/p/tasks/t",
          onFound: (id) => found.push(id),
        }),
      ),
  };
}

Deno.test("a turn of the task that is still at work is ended before the next, others are left", async () => {
  const here = await world();
  await here.end();
  assert.deepEqual(here.found, [here.ours]);
  assert.deepEqual(await here.busy(), [here.theirs]);
});

Deno.test("a turn that the server does not end stops the session, so that no two work at once", async () => {
  const here = await world();
  here.fake.fault({ on: "POST /session/:id/abort", times: 99, act: answer(200, "true") });
  await assert.rejects(here.end(), /still at work in OpenCode session .* does not end it/);
  assert.equal((await here.busy()).length, 2);
});

Deno.test("a worker that was replaced leaves its successor's turn alone", async () => {
  const here = await world(() => {
    throw new LostSession(lease);
  });
  await assert.rejects(here.end(), LostSession);
  assert.equal((await here.busy()).length, 2);
});
