/** The database is taken away while a worker has it open. */
import assert from "node:assert/strict";
import { StoreError } from "../../src/store/database.ts";
import { assignment, write } from "../support/agent.ts";
import { call, hang } from "../support/scripted_model.ts";
import { createWorld } from "./world.ts";

for (
  const [what, takeAway] of [
    ["removed", (file: string) => Deno.removeSync(file)],
    ["replaced by another one", (file: string) => {
      Deno.renameSync(file, `${file}.old`);
      Deno.writeFileSync(file, Deno.readFileSync(`${file}.old`));
    }],
  ] as const
) {
  Deno.test(`a database that is ${what} in mid-turn: the turn is aborted, and the worker ends and says why`, async () => {
    const asked = Promise.withResolvers<void>();
    await using world = await createWorld({
      stories: 1,
      script: ({ prompt, step }) => {
        if (step === 0) return call(write(`work/${assignment(prompt).story}.txt`, "x"));
        asked.resolve();
        return hang();
      },
    });
    const worker = world.work();
    await world.clock.run(asked.promise);
    const takenAt = world.clock.monotonic();
    takeAway(world.database);
    await assert.rejects(
      world.clock.run(worker.end),
      (error) =>
        error instanceof StoreError && !error.passing && /sessions\.db/.test(error.message),
    );
    assert(world.clock.monotonic() - takenAt < 10_000, "it is noticed within seconds");
    const ended = world.fake.ledger.filter(({ type }) => type === "turn_ended");
    assert.equal(ended.length, 1, "the turn does not go on with nobody there");
  });
}
