/**
 * What a person says, and a worker killed at each step (see `life.ts`): no conversation has it twice, and
 * it is in the one that it is recorded for.
 */
import assert from "node:assert/strict";
import { openStore, type Store } from "../../src/store/store.ts";
import type { FakeScript } from "../support/fake_script.ts";
import { migrations } from "../support/migrations.ts";
import { createWorld, honestAgent, type World } from "./world.ts";

const BEFORE = "said before the first prompt";
const MEANWHILE = "said while the first turn was at work";

function withStore<T>({ database, clock }: World, act: (store: Store) => T): T {
  const store = openStore({ path: database, migrations, now: clock.now });
  try {
    return act(store);
  } finally {
    store.close();
  }
}

const say = (world: World, text: string) =>
  withStore(world, (store) => store.addWord({ taskDir: world.task.dir, text, forPrompt: false }));

/** Returns the steps of the last worker, and whether the first was killed. */
async function survive(killAt: number): Promise<{ steps: number; wasKilled: boolean }> {
  let isSaid = false;
  let steps = 0;
  const script: FakeScript = (request) => {
    if (!isSaid) say(world, MEANWHILE);
    isSaid = true;
    // Words come between two steps of the agent, whose story they say nothing of.
    if (!request.prompt.includes("Story: ")) {
      const begun = world.fake.ledger.findLast((one) =>
        one.type === "prompt" && one.sessionId === request.sessionId && one.text.includes("Story: ")
      );
      const prompt = begun?.type === "prompt" ? begun.text : "";
      return honestAgent({ ...request, prompt, step: 1 });
    }
    return honestAgent(request);
  };
  await using world = await createWorld({
    stories: 2,
    processes: false,
    timings: { callMs: 3_000 },
    script,
  });
  say(world, BEFORE);
  let wasKilled = false;
  for (const kill of [killAt, Infinity]) {
    steps = 0;
    const worker = world.work({
      onStep() {
        if (++steps === kill) worker.kill();
      },
    });
    const end = await world.clock.run(worker.end);
    wasKilled ||= end === undefined;
    if (end) {
      assert.equal(end.detail, "all 2 stories pass", `killed at ${killAt}`);
      checkWords(world, killAt);
      return { steps, wasKilled };
    }
  }
  throw new Error("nobody kills the last worker");
}

function checkWords(world: World, killAt: number): void {
  const prompts = world.fake.ledger.filter((one) => one.type === "prompt");
  withStore(world, (store) => {
    assert.deepEqual(
      store.waitingWords(world.task.dir),
      [],
      `killed at ${killAt}: nobody was told`,
    );
    for (const text of [BEFORE, MEANWHILE]) {
      const told = store.wordsTold(1).find((word) => word.text === text)?.told;
      const iteration = store.iterations(1).find(({ number }) => number === told?.iteration);
      const isOnce = killAt === Infinity;
      if (isOnce) assert.equal(told?.how, text === BEFORE ? "prompt" : "turn");
      assert(iteration?.outcome === "advanced", `killed at ${killAt}: ${iteration?.outcome}`);
      const having = prompts.filter((one) => one.text.includes(text)).map((one) => one.sessionId);
      assert.equal(new Set(having).size, having.length, `killed at ${killAt}: told twice: ${text}`);
      assert(having.includes(iteration.openCodeSessionId ?? ""), `killed at ${killAt}: ${text}`);
    }
  });
}

Deno.test("a worker killed at any step: what a person said is told once, where it is on record", async () => {
  const { steps } = await survive(Infinity);
  let kills = 0;
  for (let n = 1; n <= steps; n += 2) {
    if ((await survive(n)).wasKilled) kills++;
  }
  assert(kills > 40, `${kills} kills of ${steps} steps`);
});
