import assert from "node:assert/strict";
import { sleep } from "../../../../src/clock.ts";
import {
  askPatiently,
  createSessionPatiently,
  type Patience,
  staysUp,
} from "../../../../src/loop/server/retry.ts";
import { OpenCodeError, type Problem } from "../../../../src/opencode/error.ts";
import type { Message, OpenCodeSession } from "../../../../src/opencode/model.ts";
import { createVirtualClock } from "../../../support/fake_clock.ts";

const away = (why = "away", problem: Problem = "unreachable") => new OpenCodeError(problem, why);

/** A clock, what was told and when, and patience for ten minutes. */
function waiting(more: Partial<Patience> = {}) {
  const clock = createVirtualClock();
  const told: [number, string][] = [];
  const stop = new AbortController();
  const patience: Patience = {
    clock,
    signal: stop.signal,
    limitMs: 600_000,
    tell: ({ text }) => told.push([clock.monotonic(), text.replace(/^waiting for server: /, "")]),
    ...more,
  };
  return { clock, told, stop, patience };
}

Deno.test("it asks again with a wait that doubles up to 15 s, and a last time at the limit", async () => {
  const { clock, told, patience } = waiting({ limitMs: 60_000 });
  const asked: number[] = [];
  const asking = askPatiently(() => {
    asked.push(clock.monotonic());
    return Promise.reject(away());
  }, patience);
  await assert.rejects(clock.run(asking), { message: "away" });
  const seconds = asked.map((ms) => ms / 1_000);
  assert.deepEqual(seconds, [0, 0.5, 1.5, 3.5, 7.5, 15.5, 30.5, 45.5, 60]);
  assert.deepEqual(told, [[0, "away"]]);
});

Deno.test("a server that takes requests and answers none is asked less, and by each session at times of its own", async () => {
  const waits = async (session?: number) => {
    const { clock, patience } = waiting({ session });
    const asked: number[] = [];
    const asking = askPatiently(() => {
      asked.push(clock.monotonic());
      return Promise.reject(away("no answer", "timeout"));
    }, patience);
    await assert.rejects(clock.run(asking));
    return asked.slice(1).map((ms, i) => ms - asked[i]).slice(0, 9);
  };
  const doubled = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000];
  assert.deepEqual(await waits(), doubled);
  const first = await waits(1);
  const second = await waits(2);
  for (const [i, wait] of doubled.entries()) {
    assert(first[i] >= wait * 0.75 && first[i] <= wait * 1.25, `${first[i]} of ${wait}`);
    assert(Math.abs(first[i] - second[i]) > wait / 10, `${first[i]} and ${second[i]}`);
  }
});

Deno.test("what comes at last is handed back, and each new reason was told once", async () => {
  const { clock, told, patience } = waiting();
  const reasons = ["a", "a", "b", "b", "a"];
  const ask = () => {
    const reason = reasons.shift();
    return reason === undefined ? Promise.resolve("here") : Promise.reject(away(reason));
  };
  assert.equal(await clock.run(askPatiently(ask, patience)), "here");
  assert.deepEqual(told.map(([, why]) => why), ["a", "b", "a"]);
});

Deno.test("what waiting cannot help is thrown at once, and so is a bug", async () => {
  for (const error of [away("no", "unauthorized"), away("no", "refused"), new TypeError("bug")]) {
    const { clock, told, patience } = waiting();
    const asking = askPatiently(() => Promise.reject(error), patience);
    await assert.rejects(clock.run(asking), error);
    assert.deepEqual([clock.monotonic(), told], [0, []]);
  }
});

Deno.test("a request that hangs is told after three seconds, once", async () => {
  const { clock, told, patience } = waiting();
  let asked = 0;
  const ask = async () => {
    await sleep(clock, 10_000);
    if (++asked < 3) throw away("late", "timeout");
    return asked;
  };
  assert.equal(await clock.run(askPatiently(ask, patience)), 3);
  assert.deepEqual(told, [[3_000, "it has taken more than 3 s"], [10_000, "late"]]);
});

Deno.test("what is told of a slow request throws: the request fails with it", async () => {
  const bug = new TypeError("a bug");
  const { clock, patience } = waiting({
    tell() {
      throw bug;
    },
  });
  const asking = askPatiently(() => new Promise(() => {}), patience);
  assert.equal(await clock.run(asking.catch((error) => error)), bug);
  assert.equal(clock.monotonic(), 3_000);
});

Deno.test("a stop ends the waiting at once, during a request and between two", async () => {
  const hangs = () => new Promise<never>(() => {});
  for (const ask of [hangs, () => Promise.reject(away())]) {
    const { clock, stop, patience } = waiting();
    clock.after(100_000, () => stop.abort());
    assert.equal(await clock.run(askPatiently(ask, patience)), undefined);
    assert.equal(clock.monotonic(), 100_000);
    assert.equal(await clock.run(askPatiently(ask, patience)), undefined, "and does not begin");
  }
});

Deno.test("when nobody waits for it any more, it is not asked again", async () => {
  let isOver = false;
  const { clock, patience } = waiting({ isOver: () => isOver });
  clock.after(20_000, () => isOver = true);
  assert.equal(await clock.run(askPatiently(() => Promise.reject(away()), patience)), undefined);
  assert.equal(clock.monotonic(), 30_500, "the next try would have been then");
});

Deno.test("a server stays up when no probe of ten seconds fails, and else is said not to", async () => {
  const { clock, stop } = waiting();
  const client = { url: "http://127.0.0.1:1" };
  let probes = 0;
  const options = { client, clock, signal: stop.signal };
  const steady = staysUp(() => Promise.resolve(++probes), options);
  assert.equal(await clock.run(steady), 6);
  assert.equal(clock.monotonic(), 10_000);
  const falling = () => ++probes < 9 ? Promise.resolve() : Promise.reject(away("refused"));
  await assert.rejects(clock.run(staysUp(falling, options)), {
    problem: "unreachable",
    message: "OpenCode at http://127.0.0.1:1 does not stay up: refused",
  });
});

Deno.test("only an empty OpenCode session of that very title is taken for one's own", async () => {
  const session = (id: string, title: string): OpenCodeSession => ({
    id,
    title,
    directory: "/p",
    createdAt: 0,
  });
  const there = [session("other", "another"), session("used", "mine")];
  const made: string[] = [];
  const client = {
    createSession({ title }: { title: string }) {
      const id = `new ${made.push(title)}`;
      there.push(session(id, title));
      return made.length === 1 ? Promise.reject(away()) : Promise.resolve(session(id, title));
    },
    sessions: () => Promise.resolve(there),
    messages: (id: string) => Promise.resolve(id === "used" ? [{} as Message] : []),
  };
  const { clock, patience } = waiting();
  const found = await clock.run(createSessionPatiently(client, { title: "mine" }, patience));
  assert.deepEqual([found?.id, made], ["new 1", ["mine"]]);
});
