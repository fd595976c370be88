import assert from "node:assert/strict";
import { type Clock, sleep } from "../../../src/clock.ts";
import { type Check, fail, ok, skip, warn } from "../../../src/doctor/check.ts";
import {
  ALL_MS,
  CHECK_MS,
  type Result,
  runChecks,
  selectChecks,
} from "../../../src/doctor/run_checks.ts";
import { serverChecks } from "../../../src/doctor/server.ts";
import { serviceChecks } from "../../../src/doctor/service.ts";
import { systemClock } from "../../../src/host/system/clock.ts";
import { healthy } from "./healthy.ts";

/** A clock that stands still until it is moved; timers fire in their order on the way. */
function manualClock(): Clock & { move(ms: number): Promise<void> } {
  let now = 0;
  const timers = new Set<{ at: number; callback: () => void }>();
  return {
    now: () => now,
    monotonic: () => now,
    after(ms, callback) {
      const timer = { at: now + ms, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    async move(ms) {
      const end = now + ms;
      for (;;) {
        await settled();
        const next = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at).at(0);
        if (!next) break;
        now = next.at;
        timers.delete(next);
        next.callback();
      }
      now = end;
    },
  };
}

/** Resolves when all that can go on without time has gone on. */
const settled = () => new Promise((resolve) => setTimeout(resolve));

function check(id: string, run: Check["run"], more: Partial<Check> = {}): Check {
  return { id, group: "Host", title: `title of ${id}`, run, ...more };
}

const never = () => new Promise<never>(() => {});
const bad = () => fail("it is bad", "it matters", { text: "mend it", command: "true" });

/** Runs them to their end on a clock that jumps. */
async function results(
  checks: readonly Check[],
  { moves = [], limitMs }: { moves?: readonly number[]; limitMs?: number } = {},
): Promise<readonly Result[]> {
  const clock = manualClock();
  const all = runChecks(checks, { probes: healthy, clock, limitMs });
  for (const ms of moves) await clock.move(ms);
  return await all;
}

const levels = (all: readonly Result[]) => all.map(({ id, level }) => `${id} ${level}`);

function found(result: Result): string {
  return "found" in result ? result.found : result.because;
}

Deno.test("results come in the order of the checks, and say what each found", async () => {
  const slow = Promise.withResolvers<void>();
  const all = runChecks([
    check("a.slow", async () => {
      await slow.promise;
      return ok("at last");
    }),
    check("a.fast", () => {
      slow.resolve();
      return ok("at once");
    }),
  ], { probes: healthy, clock: systemClock });
  assert.deepEqual((await all).map(found), ["at last", "at once"]);
});

Deno.test("a check gets the probes, and the levels of those before it", async () => {
  const all = await results([
    check("a.one", (probes) => ok(probes.names.user)),
    check("a.two", () => bad()),
    check("a.three", (_, { levelOf }) => {
      const seen = ["a.one", "a.two", "a.other"].map((id) => levelOf(id) ?? "unknown");
      return ok(seen.join(" "));
    }, { needs: ["a.one"], after: ["a.two"] }),
  ]);
  assert.equal(found(all[0]), "ann");
  assert.equal(found(all[2]), "ok fail unknown");
});

Deno.test("what needs a failed check is skipped, and so on down the line", async () => {
  let ran = false;
  const all = await results([
    check("a.one", bad),
    check("a.two", () => {
      ran = true;
      return ok("");
    }, { needs: ["a.one"] }),
    check("a.three", () => ok(""), { needs: ["a.two"] }),
    check("a.four", () => ok("not concerned")),
  ]);
  assert.deepEqual(levels(all), ["a.one fail", "a.two skip", "a.three skip", "a.four ok"]);
  assert.equal(ran, false);
  assert.equal(found(all[1]), "needs “title of a.one”");
  assert.equal(found(all[2]), "needs “title of a.two”");
});

Deno.test("a warning is fine for those that need it; a check that was not run too", async () => {
  const all = await results([
    check("a.one", () => warn("so so", "it may matter")),
    check("a.two", () => ok(""), { needs: ["a.one"] }),
    check("a.three", () => skip("not here")),
    check("a.four", () => ok(""), { needs: ["a.three"] }),
    check("a.five", () => ok(""), { needs: ["a.elsewhere"] }),
  ]);
  assert.deepEqual(levels(all), [
    "a.one warn",
    "a.two ok",
    "a.three skip",
    "a.four skip",
    "a.five ok",
  ]);
});

Deno.test("a check that throws has failed, and the others go on", async () => {
  const all = await results([
    check("a.throws", () => {
      throw new Error("boom \x1b[31m");
    }),
    check("a.rejects", () => Promise.reject("words")),
    check("a.fine", () => ok("")),
  ]);
  assert.deepEqual(levels(all), ["a.throws fail", "a.rejects fail", "a.fine ok"]);
  assert.equal(found(all[0]), "the check itself failed: boom \\x1b[31m");
  assert.equal(found(all[1]), "the check itself failed: words");
  assert(all[0].level === "fail");
  assert.equal(all[0].remedy[0].command, "ralph doctor a.throws");
});

Deno.test("a check that hangs fails after its own time, and what needs it is skipped", async () => {
  const clock = manualClock();
  const checks = [
    check("a.hangs", never),
    check("a.next", () => ok(""), { needs: ["a.hangs"] }),
    check("a.patient", never, { timeoutMs: CHECK_MS + 1_000 }),
  ];
  let over = false;
  const all = runChecks(checks, { probes: healthy, clock }).finally(() => over = true);
  await clock.move(CHECK_MS + 999);
  assert.equal(over, false);
  await clock.move(1);
  assert.deepEqual(levels(await all), ["a.hangs fail", "a.next skip", "a.patient fail"]);
  assert.deepEqual((await all).map(found), [
    "no answer within 10.0 s",
    "needs “title of a.hangs”",
    "no answer within 11.0 s",
  ]);
  assert.deepEqual((await all).map(({ ms }) => ms), [CHECK_MS, 0, CHECK_MS + 1_000]);
});

Deno.test("a server that is slow with a cold project has not failed, and how long it took is told", async () => {
  const clock = manualClock();
  const server = {
    ...healthy.server,
    async roundTrip() {
      await sleep(clock, 9_000);
      return await healthy.server.roundTrip();
    },
  };
  const [session] = serverChecks.filter(({ id }) => id === "server.session")
    .map((check) => ({ ...check, needs: [] }));
  const all = runChecks([session], { probes: { ...healthy, server }, clock });
  await clock.move(9_000);
  assert.deepEqual(levels(await all), ["server.session ok"]);
  assert.match(found((await all)[0]), /deleted it; that took 9\.0s$/);
});

Deno.test("a program that is slow to say its version, as on a busy machine, has not failed", async () => {
  const clock = manualClock();
  const probes = {
    ...healthy,
    async versionOf(program: string) {
      await sleep(clock, 6_000);
      return await healthy.versionOf(program);
    },
  };
  const checks = serviceChecks.filter(({ id }) => id === "service.opencode");
  const all = runChecks(checks, { probes, clock });
  await clock.move(6_000);
  assert.deepEqual(levels(await all), ["service.opencode ok"]);
  assert.match(found((await all)[0]), /^1\.18\.33 .*; that took 6\.0s$/);
});

Deno.test("a check that had less than its time left is not known, not failed", async () => {
  const all = await results([
    check("a.long", never, { timeoutMs: ALL_MS - 1_000 }),
    check("a.late", never, { after: ["a.long"] }),
    check("a.quick", () => ok("in time"), { after: ["a.late"] }),
  ], { moves: [ALL_MS] });
  assert.deepEqual(levels(all), ["a.long fail", "a.late warn", "a.quick ok"]);
  assert.match(found(all[1]), /the time was over/);
  assert(all[1].level === "warn");
  assert.equal(all[1].remedy[0].command, "ralph doctor host");
});

Deno.test("all is over at the limit, whatever hangs", async () => {
  const all = await results(
    [
      check("a.first", never, { timeoutMs: 60_000 }),
      check("a.second", never, { timeoutMs: 60_000, after: ["a.first"] }),
      check("a.third", never, { after: ["a.second"] }),
    ],
    { moves: [300], limitMs: 300 },
  );
  assert.deepEqual(levels(all), ["a.first warn", "a.second warn", "a.third warn"]);
  for (const result of all) assert.match(found(result), /the time was over/);
});

Deno.test("the commands in remedies name this program as it can be called", async () => {
  const probes = { ...healthy, names: { ...healthy.names, ralph: "/opt/ralph" } };
  const clock = manualClock();
  const all = runChecks([
    check("a.throws", () => Promise.reject(new Error("boom"))),
    check("a.hangs", never),
    check("a.late", never, { timeoutMs: ALL_MS + 1 }),
  ], { probes, clock });
  await clock.move(ALL_MS);
  const commands = (await all).map((result) => "remedy" in result && result.remedy[0].command);
  assert.deepEqual(commands, [
    "/opt/ralph doctor a.throws",
    "/opt/ralph doctor a.hangs",
    "/opt/ralph doctor host",
  ]);
});

Deno.test("a selection has what it needs, in the old order, and nothing else", () => {
  const run = () => ok("");
  const checks = [
    check("host.a", run),
    check("host.b", run, { needs: ["host.a"] }),
    check("server.c", run, { group: "Server", needs: ["host.b"], after: ["host.d"] }),
    check("host.d", run),
    check("server.e", run, { group: "Server" }),
  ];
  const chosen = (...wanted: string[]) => selectChecks(checks, wanted).map(({ id }) => id);
  assert.deepEqual(chosen("server.c"), ["host.a", "host.b", "server.c"]);
  assert.deepEqual(chosen("server"), ["host.a", "host.b", "server.c", "server.e"]);
  assert.deepEqual(chosen("server.e", "host.a"), ["host.a", "server.e"]);
  assert.deepEqual(chosen("c"), ["host.a", "host.b", "server.c"], "by the end of its id");
  assert.deepEqual(chosen("host"), ["host.a", "host.b", "host.d"]);
});
