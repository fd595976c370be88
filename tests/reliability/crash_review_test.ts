/** A worker killed at every single step of a session with a review in it, as in `crash_points_test.ts`. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { sleep } from "../../src/clock.ts";
import { answer, askedIn, isReview } from "../support/reviewer.ts";
import { say } from "../support/scripted_model.ts";
import { assertNothingLost } from "./nothing_lost.ts";
import { createWorld, honestAgent, type World } from "./world.ts";

/** Long enough for whatever is at work to come to its end. */
const LATE_MS = 120_000;

/** Whether the worker was killed before its end, when it had taken `killAt` steps. */
async function survive(killAt: number, { late }: { late: boolean }): Promise<boolean> {
  let seen: string[] = [];
  let onStep = (_name: string) => {};
  await using world = await createWorld({
    processes: false,
    stories: 1,
    review: { rounds: 2, when: "story" },
    timings: { callMs: 3_000 },
    script(request) {
      onStep(`model call ${request.step}`);
      if (!isReview(request.prompt)) return honestAgent(request);
      const asked = askedIn(request.prompt);
      return say(answer(asked, { met: true, file: "work/US-001.txt" }));
    },
  });
  async function live(kill: number) {
    seen = [];
    onStep = (name) => {
      seen.push(name);
      if (seen.length === kill) worker.kill();
    };
    const worker = world.work({ onStep: (name) => onStep(name) });
    return await world.clock.run(worker.end);
  }
  const first = await live(killAt);
  if (!first && late) await world.clock.run(sleep(world.clock, LATE_MS));
  const end = first ?? await live(Infinity);
  assert.equal(end?.status, "completed", `killed at ${killAt}: ${end?.detail}`);
  await checkWhatIsLeft(world, killAt);
  return first === undefined;
}

/** One verdict, asked for once, by a turn that nobody ended; and what it used counts. */
async function checkWhatIsLeft(world: World, killAt: number): Promise<void> {
  await assertNothingLost(world);
  const db = new DatabaseSync(world.database, { readOnly: true });
  const rows = db.prepare("SELECT * FROM reviews ORDER BY id").all();
  db.close();
  const at = `killed at step ${killAt}: ${JSON.stringify(rows)}`;
  assert.deepEqual(rows.map(({ outcome }) => outcome).filter((one) => one !== "interrupted"), [
    "passed",
  ], at);
  assert(rows.length <= 2, at);
  const passed = rows.find(({ outcome }) => outcome === "passed");
  assert.equal(passed?.model_calls, 1, at);
  const prompts = world.fake.ledger.flatMap((entry) =>
    entry.type === "prompt" && isReview(entry.text) ? [entry.sessionId] : []
  );
  assert.deepEqual(prompts, [passed?.opencode_session_id], at);
  const aborts = world.fake.ledger.filter((entry) => entry.type === "abort" && entry.effective);
  assert.equal(aborts.length, 0, at);
}

for (const late of [false, true]) {
  Deno.test(`a worker killed at any step, gone on with ${late ? "late" : "at once"}: a review is asked for once, and counts once`, async () => {
    let points = 0;
    while (await survive(points + 1, { late })) points++;
    assert(points > 60, `${points} steps`);
    console.log(`${points} crash points with a review`);
  });
}
