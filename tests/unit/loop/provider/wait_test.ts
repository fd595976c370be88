import assert from "node:assert/strict";
import { sleep } from "../../../../src/clock.ts";
import { waitForProvider } from "../../../../src/loop/provider/wait.ts";
import { createVirtualClock, type VirtualClock } from "../../../support/fake_clock.ts";

const HOUR = 3_600_000;

/** How long the wait takes, in milliseconds, with something happening after a minute. */
async function waited(
  options: { hours: number; limitHours?: number },
  after: (now: { clock: VirtualClock; stop: () => void; end: () => void }) => void = () => {},
): Promise<number> {
  const clock = createVirtualClock();
  const stopping = new AbortController();
  let over = false;
  const waiting = waitForProvider({
    clock,
    signal: stopping.signal,
    until: clock.now() + options.hours * HOUR,
    limitMs: (options.limitHours ?? 6) * HOUR,
    isOver: () => over,
  });
  const acting = sleep(clock, 60_000).then(() =>
    after({ clock, stop: () => stopping.abort(), end: () => over = true })
  );
  let tookMs = -1;
  await clock.run(Promise.all([acting, waiting.then(() => tookMs = clock.monotonic())]));
  return tookMs;
}

Deno.test("the provider is waited for until the time that it named", async () => {
  assert.equal(await waited({ hours: 5 }), 5 * HOUR);
  assert.equal(await waited({ hours: -1 }), 0);
});

Deno.test("a stop ends the wait at once, a pause within a second", async () => {
  assert.equal(await waited({ hours: 5 }, ({ stop }) => stop()), 60_000);
  assert((await waited({ hours: 5 }, ({ end }) => end())) <= 61_000);
});

Deno.test("a clock that jumps ends the wait sooner, or leaves it its limit", async () => {
  const jump = (hours: number) =>
    waited({ hours: 5 }, ({ clock }) => clock.setWall(clock.now() + hours * HOUR));
  assert((await jump(5)) <= 61_000, "the machine slept");
  assert.equal(await jump(-1_000), 6 * HOUR);
});
