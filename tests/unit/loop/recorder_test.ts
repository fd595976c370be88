/** Writing while the disk is full or the database locked, on a virtual clock. */
import assert from "node:assert/strict";
import { sleep } from "../../../src/clock.ts";
import { createRecorder, watchLease } from "../../../src/loop/recorder.ts";
import { StoreError } from "../../../src/store/database.ts";
import { LostSession, type Store } from "../../../src/store/store.ts";
import { createVirtualClock } from "../../support/fake_clock.ts";

const full = new StoreError("the disk is full", { passing: true, hints: [] });
const corrupt = new StoreError("it is malformed", { passing: false, hints: [] });
const lease = { sessionId: 1, epoch: 1 };

function world({ requireSame = () => {} }: Partial<Store> = {}) {
  const clock = createVirtualClock();
  const told: string[] = [];
  const stop = new AbortController();
  const recorder = createRecorder({
    store: { requireSame } as Store,
    clock,
    emit: (event) => void (event.type === "activity" && told.push(event.text)),
    signal: stop.signal,
  });
  return { clock, told, stop, recorder };
}

Deno.test("a write waits while the disk is full, says so once, and is made when there is room", async () => {
  const { clock, told, recorder } = world();
  let tries = 0;
  const written = await clock.run(recorder.write(() => {
    if (++tries < 6) throw full;
    return "written";
  }));
  assert.deepEqual([written, tries], ["written", 6]);
  assert.deepEqual(told, ["waiting for the database: the disk is full"]);
  assert.equal(clock.monotonic(), 250 + 500 + 1_000 + 2_000 + 4_000);
});

Deno.test("a disk that stays full is given up after an hour", async () => {
  const { clock, recorder } = world();
  const writing = recorder.write(() => {
    throw full;
  });
  await assert.rejects(clock.run(writing), full);
  assert.equal(clock.monotonic(), 60 * 60_000);
});

Deno.test("a worker that is to end gives a full disk five seconds", async () => {
  const { clock, recorder, stop } = world();
  stop.abort();
  const writing = recorder.write(() => {
    throw full;
  });
  await assert.rejects(clock.run(writing), full);
  assert.equal(clock.monotonic(), 5_000);
});

Deno.test("what cannot pass is not waited for", async () => {
  for (const error of [corrupt, new LostSession(lease), new TypeError("a bug")]) {
    const { clock, recorder } = world();
    await assert.rejects(
      clock.run(recorder.write(() => {
        throw error;
      })),
      error,
    );
    assert.equal(clock.monotonic(), 0);
  }
});

Deno.test("nothing is written to a database that is another one by now", async () => {
  const replaced = new StoreError("it was replaced", { passing: false, hints: [] });
  const { clock, recorder } = world({
    requireSame() {
      throw replaced;
    },
  });
  let wrote = false;
  await assert.rejects(clock.run(recorder.write(() => void (wrote = true))), replaced);
  assert.equal(wrote, false);
});

Deno.test("what is only shown is written at once or not at all", () => {
  const { recorder } = world();
  for (const error of [full, new LostSession(lease)]) {
    recorder.note(() => {
      throw error;
    });
  }
  assert.throws(() =>
    recorder.note(() => {
      throw corrupt;
    }), corrupt);
});

Deno.test("what nobody expected of a look at the session is handed on, not thrown by a timer", async () => {
  const { clock } = world();
  const bug = new TypeError("a bug");
  const seen = Promise.withResolvers<unknown>();
  watchLease({
    store: {
      requireLease() {
        throw bug;
      },
      noteThere() {},
    },
    lease,
    clock,
    onLost: seen.resolve,
  });
  assert.equal(await clock.run(seen.promise), bug);
});

Deno.test("a worker notices within five seconds that its session was taken over, and once", async () => {
  const { clock } = world();
  const lost = new LostSession(lease);
  const seen = Promise.withResolvers<unknown>();
  let looks = 0;
  const look = () => {
    looks++;
    if (looks === 2) throw full;
    if (looks === 3) throw lost;
  };
  const end = watchLease({
    store: { requireLease: look, noteThere: look },
    lease,
    clock,
    onLost: seen.resolve,
  });
  assert.equal(await clock.run(seen.promise), lost);
  assert.deepEqual([looks, clock.monotonic()], [3, 15_000]);
  end();
});

Deno.test("that a worker is there is written every ten seconds, and a minute after that was refused", async () => {
  const { clock } = world();
  const notes: number[] = [];
  const end = watchLease({
    store: {
      requireLease() {},
      noteThere() {
        notes.push(clock.monotonic() / 1_000);
        if (notes.length === 2) throw full;
      },
    },
    lease,
    clock,
    onLost(error) {
      throw error;
    },
  });
  await clock.run(sleep(clock, 95_000));
  end();
  assert.deepEqual(notes, [10, 20, 80, 90]);
});
