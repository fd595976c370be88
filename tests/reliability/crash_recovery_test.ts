/**
 * A worker killed at every step n of a session, and its successor at the steps m of its recovery.
 * There are some 12 000 pairs: `deno task crash` takes them all, the suite every 23rd m, from another
 * one for each n, so that neighbouring n together have them all.
 */
import assert from "node:assert/strict";
import { sleep } from "../../src/clock.ts";
import { type Course, recoverySteps, type SurviveOptions, surviveOrTell } from "./crash_session.ts";
import { assertNothingLost } from "./nothing_lost.ts";
import { createWorld, honestAgent } from "./world.ts";

const ALL = Deno.env.get("RALPH_CRASH") === "all";
const STRIDE = ALL ? 1 : 23;

/** Goes through the steps of the recovery that `kills` makes necessary. How many steps that were. */
async function killInRecovery(
  kills: readonly number[],
  { course, ...options }: SurviveOptions & { course: Course },
): Promise<number> {
  let points = 0;
  for (let m = 1 + (kills[0] % STRIDE); m <= recoverySteps(course); m += STRIDE) {
    await surviveOrTell([...kills, m], options);
    points++;
  }
  return points;
}

Deno.test("a worker killed at any step, and the next one in its recovery: it comes to the same", async () => {
  let points = 0;
  for (let n = 1;; n++) {
    for (const late of ALL ? [false, true] : [n % 2 === 0]) {
      const course = await surviveOrTell([n], { late });
      if (!course.wereKilled) {
        assert(points > 200, `${points} pairs`);
        console.log(`${points} pairs of crash points, ${n - 1} of them the first`);
        return;
      }
      points += await killInRecovery([n], { course, late });
    }
  }
});

Deno.test("three workers killed one after the other, each in the recovery from the one before: it comes to the same", async () => {
  let points = 0;
  for (let n = 1;; n += ALL ? 3 : 17) {
    const first = await surviveOrTell([n]);
    if (!first.wereKilled) break;
    const m = 1 + (n * 7) % recoverySteps(first);
    const second = await surviveOrTell([n, m]);
    await surviveOrTell([n, m, 1 + (n * 5) % recoverySteps(second)]);
    points++;
  }
  assert(points > 10, `${points} triples`);
});

Deno.test("a turn that ended while nobody was there is recorded at once, and nothing is waited for", async () => {
  const asked = Promise.withResolvers<void>();
  await using world = await createWorld({
    stories: 1,
    processes: false,
    script(request) {
      asked.resolve();
      return honestAgent(request);
    },
  });
  const worker = world.work();
  await world.clock.run(asked.promise);
  worker.kill();
  await world.clock.run(sleep(world.clock, 60_000));
  const startedAt = world.clock.monotonic();
  const end = await world.clock.run(world.work().end);
  const tookMs = world.clock.monotonic() - startedAt;
  assert.equal(end?.status, "completed");
  assert(tookMs < 500, `${tookMs} ms`);
  const { iterations } = await assertNothingLost(world);
  assert.deepEqual(iterations.map(({ outcome }) => outcome), ["advanced"]);
});
