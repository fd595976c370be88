import assert from "node:assert/strict";
import { sleep } from "../../../../src/clock.ts";
import { SharedLimit } from "../../../../src/loop/provider/shared_limit.ts";
import { createRecorder } from "../../../../src/loop/recorder.ts";
import type { AgentEvent } from "../../../../src/opencode/model.ts";
import { openStore } from "../../../../src/store/store.ts";
import { createVirtualClock } from "../../../support/fake_clock.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { message } from "../../../support/message.ts";
import { migrations } from "../../../support/migrations.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const FAKE = { providerId: "fake" };

/** Sessions of some tasks, each with its own connection to one database. */
function world() {
  const folder = temporaryFolder();
  const clock = createVirtualClock();
  const stores: ReturnType<typeof openStore>[] = [];
  return {
    clock,
    session(taskName: string) {
      const store = openStore({
        path: `${folder.path}/sessions.db`,
        migrations,
        now: clock.now,
      });
      stores.push(store);
      const lease = store.startSession(
        { taskName, taskDir: `/shop/tasks/${taskName}`, projectRoot: "/shop" },
        {
          maxIterations: 1,
          serverUrl: "http://127.0.0.1:1",
          serverPort: 1,
          workerPid: 1,
          workerVersion: "0",
          accepted: false,
        },
        { settings: "{}", tree: null, choices: null },
      );
      const stopping = new AbortController();
      const { signal } = stopping;
      const recorder = createRecorder({ store, clock, emit: () => {}, signal });
      const told: string[] = [];
      const limit = new SharedLimit({
        store,
        recorder,
        clock,
        lease,
        tell: ({ text }) => told.push(text),
        maxMs: 6 * HOUR,
      });
      return {
        limit,
        store,
        told,
        stop: () => stopping.abort(),
        end: () =>
          store.endSession(lease, { status: "stopped", reason: "user_stop", detail: "stopped" }),
        /** Asks as the loop does. How long that took, in milliseconds. */
        async asks(model: { providerId: string } | undefined = FAKE, chosen?: string) {
          const startedAt = clock.monotonic();
          const order = {
            model,
            chosen: () => Promise.resolve(chosen),
            isOver: () => false,
            signal,
          };
          while (!signal.aborted && !await limit.pass(order));
          return clock.monotonic() - startedAt;
        },
        /** OpenCode asks again by itself. */
        isTold(message: string, inMs: number, model = FAKE) {
          const busy = { type: "retry", attempt: 1, message, nextAt: clock.now() + inMs } as const;
          limit.see({ type: "busy", sessionId: "ses_1", busy }, model);
        },
        answers: (model = FAKE) => limit.see(tool, model),
      };
    },
    [Symbol.dispose]() {
      for (const store of stores) store.close();
      folder[Symbol.dispose]();
    },
  };
}

const tool: AgentEvent = {
  type: "tool",
  sessionId: "ses_1",
  callId: "1",
  tool: "bash",
  status: "running",
  title: "",
  input: {},
  refused: false,
};

Deno.test("who uses the same provider waits as long, and says for whom; who uses another one goes on", async () => {
  using here = world();
  const [b, c, d] = ["b", "c", "d"].map(here.session);
  b.isTold("Rate limit reached", 20 * MINUTE);
  assert.equal(await here.clock.run(d.asks({ providerId: "other" })), 0);
  const waiting = c.asks();
  const answering = sleep(here.clock, 20 * MINUTE + 3 * SECOND).then(() => b.answers());
  const tookMs = await here.clock.run(Promise.all([waiting, answering]).then(([ms]) => ms));
  assert.deepEqual(c.told, [
    "waiting for fake's rate limit until 00:20 UTC (met by b in shop): Rate limit reached",
    "waiting for fake's rate limit to end: b in shop asks first",
  ]);
  assert(tookMs >= 20 * MINUTE + 3 * SECOND && tookMs <= 20 * MINUTE + 4 * SECOND, `${tookMs}`);
  assert.equal(c.store.providerLimit("fake"), undefined);
});

Deno.test("where the first has ended, one of the others asks, and they follow when it got through", async () => {
  using here = world();
  const [b, c, d] = ["b", "c", "d"].map(here.session);
  b.isTold("Overloaded", MINUTE);
  b.end();
  const order: string[] = [];
  const first = c.asks().then(async () => {
    order.push(`c after ${here.clock.monotonic() / SECOND} s`);
    await sleep(here.clock, 10 * SECOND);
    c.answers();
  });
  const second = d.asks().then(() => order.push(`d after ${here.clock.monotonic() / SECOND} s`));
  await here.clock.run(Promise.all([first, second]));
  assert.deepEqual(order, ["c after 0 s", "d after 10 s"]);
  assert.match(d.told.at(-1) ?? "", /to end: c in shop asks first$/);
});

Deno.test("one that asks first and gets no answer holds the others for a minute", async () => {
  using here = world();
  const [b, c] = ["b", "c"].map(here.session);
  b.isTold("Rate limit reached", MINUTE);
  assert.equal(await here.clock.run(c.asks()), 2 * MINUTE);
});

Deno.test("when the first is told to wait again, so are the others", async () => {
  using here = world();
  const [b, c] = ["b", "c"].map(here.session);
  b.isTold("Rate limit reached", MINUTE);
  const again = sleep(here.clock, MINUTE + SECOND).then(() => {
    b.isTold("Rate limit reached", 2 * MINUTE);
    return sleep(here.clock, 2 * MINUTE);
  }).then(() => b.answers());
  const [tookMs] = await here.clock.run(Promise.all([c.asks(), again]));
  assert(tookMs >= 3 * MINUTE + SECOND && tookMs < 3 * MINUTE + 3 * SECOND, `${tookMs}`);
});

Deno.test("a word of 30 days, or a clock that is set back by a year, holds nobody for longer than the limit", async () => {
  using here = world();
  const [b, c] = ["b", "c"].map(here.session);
  b.isTold("monthly limit: too many requests", 30 * 24 * HOUR);
  assert.equal(await here.clock.run(c.asks()), 0);
  b.isTold("Rate limit reached", HOUR);
  const setting = sleep(here.clock, MINUTE).then(() =>
    here.clock.setWall(here.clock.now() - 365 * 24 * HOUR)
  );
  const [tookMs] = await here.clock.run(Promise.all([c.asks(), setting]));
  assert(tookMs <= 6 * HOUR, `${tookMs}`);
});

Deno.test("a stop ends the wait at once", async () => {
  using here = world();
  const [b, c] = ["b", "c"].map(here.session);
  b.isTold("Rate limit reached", HOUR);
  const stopping = sleep(here.clock, 90 * SECOND).then(c.stop);
  const [tookMs] = await here.clock.run(Promise.all([c.asks(), stopping]));
  assert.equal(tookMs, 90 * SECOND);
});

Deno.test("which provider it is the messages tell, or the server, where no model is set", async () => {
  using here = world();
  const [b, c, d] = ["b", "c", "d"].map(here.session);
  b.limit.see({ type: "message", message: message({ model: "fake/ok" }) }, undefined);
  const error = { name: "APIError", message: "Too many requests", statusCode: 429 };
  const end = { kind: "finished", error, text: "" } as const;
  b.limit.refused(end, { until: here.clock.now() + MINUTE, model: undefined });
  assert.equal(d.store.providerLimit("fake")?.said, "Too many requests");
  b.end();
  c.isTold("Rate limit reached", MINUTE);
  assert.equal(await here.clock.run(d.asks(undefined, "fake")), 2 * MINUTE);
  assert.equal(await here.clock.run(d.asks(undefined, undefined)), 0);
});

Deno.test("what fails for one session alone holds no other", async () => {
  using here = world();
  const [b, c] = ["b", "c"].map(here.session);
  b.isTold("Internal server error", HOUR);
  b.isTold("insufficient_quota", HOUR);
  const error = { name: "APIError", message: "boom", statusCode: 500, retryable: true };
  const end = { kind: "finished", error, text: "" } as const;
  b.limit.refused(end, { until: here.clock.now() + HOUR, model: FAKE });
  assert.equal(await here.clock.run(c.asks()), 0);
});
