/** A turn that an abort did not end must not work beside the next one. */
import assert from "node:assert/strict";
import { endOrphanedTurns } from "../../../../src/loop/turn/orphaned_turns.ts";
import { LostSession } from "../../../../src/store/store.ts";
import { createClient } from "../../../../src/opencode/connect.ts";
import type { Session } from "../../../../src/store/model.ts";
import { answer } from "../../../support/fake_faults.ts";
import { createVirtualClock } from "../../../support/fake_clock.ts";
import { createFakeOpenCode } from "../../../support/fake_opencode.ts";
import type { FakeScript } from "../../../support/fake_script.ts";
import { call, hang, say } from "../../../support/scripted_model.ts";

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
        endOrphanedTurns({ client, clock, store: { sessionOfOpenCode: owner, requireLease } }, {
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

Deno.test("a sub-agent that works on in the background is ended like its agent, others' are left", async () => {
  const clock = createVirtualClock();
  const fake = createFakeOpenCode({ clock, script: family });
  const client = createClient({ url: fake.url, directory: "/p", clock, transport: fake.fetch });
  const begin = async () => {
    const { id } = await client.createSession({ title: "t" });
    await client.prompt(id, { text: "work" });
    return id;
  };
  await clock.run((async () => {
    const [ours, theirs] = await Promise.all([begin(), begin()]);
    await new Promise<void>((resolve) => clock.after(2_000, resolve));
    const busy = [...(await client.busy()).keys()];
    assert.equal(busy.length, 2);
    assert.equal(busy.includes(ours) || busy.includes(theirs), false);
    const found: string[] = [];
    const sessionOfOpenCode = (id: string) =>
      (id === ours ? { taskDir: "/p/tasks/t" } : undefined) as Session;
    await endOrphanedTurns({ client, clock, store: { sessionOfOpenCode, requireLease() {} } }, {
      lease,
      busy,
      taskDir: "/p/tasks/t",
      onFound: (id) => found.push(id),
    });
    assert.deepEqual(found, [ours]);
    const [left] = await client.children(theirs);
    assert.deepEqual([...(await client.busy()).keys()], [left.id]);
  })());
});

/** An agent that starts a sub-agent in the background, and ends. */
const family: FakeScript = ({ isSubagent, step }) => {
  if (isSubagent) return hang();
  const input = { description: "d", prompt: "p", subagent_type: "general", background: true };
  return step === 0 ? call({ name: "task", input }) : say("done");
};

Deno.test("a worker that was replaced leaves its successor's turn alone", async () => {
  const here = await world(() => {
    throw new LostSession(lease);
  });
  await assert.rejects(here.end(), LostSession);
  assert.equal((await here.busy()).length, 2);
});
