import assert from "node:assert/strict";
import { RalphError } from "../../../../src/error.ts";
import type { LoopEvent } from "../../../../src/loop/event.ts";
import {
  createTurnPlace,
  type ServerPlaces,
  type TakePlace,
  type TurnPlace,
} from "../../../../src/loop/server/turn_place.ts";
import { sleep } from "../../../../src/clock.ts";
import { createVirtualClock } from "../../../support/fake_clock.ts";

const NEVER = () => false;

/** Places that are taken after a wait, in milliseconds; `held` says which are. */
function world({ turnMs = 0, loadMs = 0 } = {}) {
  const clock = createVirtualClock();
  const held: string[] = [];
  const told: string[] = [];
  const events: LoopEvent[] = [];
  const taking =
    (kind: string, waitMs: number): TakePlace => async ({ signal, isOver, onWait }) => {
      const end = clock.monotonic() + waitMs;
      while (clock.monotonic() < end) {
        if (signal.aborted || isOver?.()) return undefined;
        onWait?.({
          holders: () => ["a in shop", "b in shop", "c in shop", "d in shop"],
          before: 7,
        });
        await sleep(clock, 100, signal);
      }
      if (signal.aborted) return undefined;
      held.push(kind);
      return { release: () => void held.splice(held.indexOf(kind), 1) };
    };
  const make = (places: Partial<ServerPlaces> = {}) =>
    createTurnPlace({ turn: taking("turn", turnMs), load: taking("load", loadMs), ...places }, {
      limit: 4,
      clock,
      tell: ({ text }) => told.push(text),
      emit: (event) => events.push(event),
    });
  /** As before an iteration. */
  const takeBoth = async (place: TurnPlace, signal = controller().signal) => {
    const options = { isOver: NEVER, signal };
    return await clock.run(place.take(options)) && await clock.run(place.load(options));
  };
  return { clock, held, told, events, make, takeBoth };
}

Deno.test("both places at once; the loading ends with the agent's first sign, the other with the turn", async () => {
  const { held, told, make, takeBoth } = world();
  const place = make();
  assert.equal(await takeBoth(place), true);
  assert.deepEqual(held, ["turn", "load"]);
  place.loaded();
  assert.deepEqual(held, ["turn"]);
  place.release();
  assert.deepEqual(held, []);
  assert.equal(await takeBoth(place), true);
  assert.deepEqual(held, ["turn"], "the server knows the project");
  place.unloaded();
  assert.equal(await takeBoth(place), true);
  assert.deepEqual(held, ["turn", "load"]);
  assert.deepEqual([told, place.waitedMs()], [[], 0]);
});

Deno.test("who waited has its place, is to look again, and has not worked meanwhile", async () => {
  const { held, told, make, takeBoth } = world({ turnMs: 90_000, loadMs: 1_000 });
  const place = make();
  assert.equal(await takeBoth(place), false);
  assert.deepEqual(held, ["turn"]);
  assert.equal(await takeBoth(place), false);
  assert.deepEqual(held, ["turn", "load"]);
  assert.equal(place.waitedMs(), 91_000);
  assert.equal(await takeBoth(place), true);
  const line = "waiting for its turn: at work on the server: a in shop, b in shop, c in shop, " +
    "1 more (turns at once: 4), 7 more come first";
  const load = "waiting for its turn: the server loads the project of a in shop";
  assert.deepEqual(told, [line, line, load], "once a minute");
});

Deno.test("a stop ends the wait at once, and a checkpoint soon", async () => {
  const { signal, abort } = controller();
  const stopped = world({ turnMs: 90_000 });
  const place = stopped.make();
  stopped.clock.after(1_234, abort);
  assert.equal(await stopped.clock.run(place.take({ isOver: NEVER, signal })), false);
  assert.deepEqual([stopped.clock.monotonic(), stopped.held], [1_234, []]);

  const over = world({ turnMs: 90_000 });
  const taking = over.make().take({
    isOver: () => over.clock.monotonic() > 1_234,
    signal: controller().signal,
  });
  assert.equal(await over.clock.run(taking), false);
  assert(over.clock.monotonic() < 4_500, `${over.clock.monotonic()}`);
});

Deno.test("a turn at work waits for no place, and has one once there is one; its end ends that", async () => {
  const { clock, held, make } = world({ turnMs: 5_000 });
  const place = make();
  await clock.run(place.join(controller().signal));
  assert.deepEqual(held, ["load"]);
  place.loaded();
  await clock.run(sleep(clock, 10_000));
  assert.deepEqual(held, ["turn"]);
  place.release();
  await clock.run(place.join(controller().signal));
  place.release();
  await clock.run(sleep(clock, 10_000));
  assert.deepEqual(held, []);
});

Deno.test("where no lock can be made the work goes on, with a warning", async () => {
  const { held, events, make, takeBoth } = world();
  const turn = () => Promise.reject(new RalphError("state", "cannot open the lock file"));
  const place = make({ turn });
  assert.equal(await takeBoth(place), true);
  assert.deepEqual(held, ["load"]);
  const text = "the turns at once are not limited: cannot open the lock file";
  assert.deepEqual(events, [{ type: "warning", text }]);
});

function controller() {
  const stop = new AbortController();
  return { signal: stop.signal, abort: () => stop.abort() };
}
