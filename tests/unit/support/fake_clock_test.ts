import assert from "node:assert/strict";
import { deadline, sleep } from "../../../src/clock.ts";
import { createVirtualClock } from "../../support/fake_clock.ts";
import { GENEROUS_MS } from "../../support/wait.ts";

Deno.test("timers fire in the order of their time, and of their making", async () => {
  const clock = createVirtualClock();
  const fired: string[] = [];
  const note = (name: string) => () => fired.push(`${name} at ${clock.monotonic()}`);
  clock.after(3_600_000, note("hour"));
  clock.after(10, note("first"));
  clock.after(10, note("second"));
  clock.after(5, note("cancelled"))();
  clock.after(-1, note("past"));
  const began = performance.now();
  await clock.run(sleep(clock, 3_600_001));
  assert.deepEqual(fired, ["past at 0", "first at 10", "second at 10", "hour at 3600000"]);
  assert.ok(performance.now() - began < GENEROUS_MS);
});

Deno.test("what goes on without time is done before time goes on", async () => {
  const clock = createVirtualClock();
  await clock.run((async () => {
    for (let chunk = 0; chunk < 5; chunk++) {
      const limit = deadline(clock, 1);
      await new Response(new Blob(["a request's body"]).stream()).text();
      assert.equal(limit.signal.aborted, false);
      limit.cancel();
    }
  })());
  assert.equal(clock.monotonic(), 0);
});

Deno.test("time stands still while real work goes on", async () => {
  const clock = createVirtualClock();
  const { promise: inTime, resolve } = Promise.withResolvers<boolean>();
  clock.after(10, () => resolve(false));
  const command = new Deno.Command(Deno.execPath(), { args: ["--version"], stdout: "null" });
  const working = clock.during(command.output()).then(() => resolve(true));
  assert.equal(await clock.run(inTime), true);
  await working;
});

Deno.test("the wall clock can be set, and nothing else follows", async () => {
  const clock = createVirtualClock(1_000);
  assert.equal(clock.now(), 1_000);
  const sleeping = sleep(clock, 50);
  clock.setWall(-500);
  await clock.run(sleeping);
  assert.equal(clock.now(), -450);
  assert.equal(clock.monotonic(), 50);
});

Deno.test("work that waits for nothing is an error, not a hang", async () => {
  await assert.rejects(createVirtualClock().run(new Promise(() => {})), /nothing is left/);
});
