import assert from "node:assert/strict";
import { standingOf } from "../../../../src/loop/provider/standing.ts";
import type { ProviderLimit } from "../../../../src/store/model.ts";

const NOW = Date.UTC(2026, 0, 1, 14);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const limit: ProviderLimit = {
  until: NOW + 20 * MINUTE,
  said: "Rate limit reached",
  sessionId: 1,
  taskName: "b",
  projectRoot: "/shop",
  isRunning: true,
  firstUntil: NOW + 21 * MINUTE,
};
const past = { until: NOW - MINUTE, firstUntil: NOW };
const asked = { until: NOW - 1, firstUntil: NOW + MINUTE };

const CASES: [string, Partial<ProviderLimit> | undefined, ReturnType<typeof standingOf>][] = [
  ["nobody was told to wait", undefined, { kind: "free" }],
  ["another one was", {}, { kind: "held", until: NOW + 20 * MINUTE, isAsked: false }],
  ["another one asks now", asked, { kind: "held", until: NOW + MINUTE, isAsked: true }],
  ["it was the session itself", { sessionId: 2 }, { kind: "first" }],
  ["the session itself asks now", { sessionId: 2, ...asked }, { kind: "first" }],
  ["the time is over, and nobody has asked", past, { kind: "first" }],
  ["who was to ask has ended", { isRunning: false, ...asked }, { kind: "first" }],
  ["who was told has ended before the time is over", { isRunning: false }, { kind: "first" }],
  ["for longer than a session waits", {
    until: NOW + 30 * 24 * HOUR,
    firstUntil: NOW + 30 * 24 * HOUR + MINUTE,
  }, { kind: "free" }],
];

for (const [name, row, standing] of CASES) {
  Deno.test(`whether a session may ask: ${name}`, () => {
    const found = standingOf(row && { ...limit, ...row }, {
      session: 2,
      now: NOW,
      leftMs: 6 * HOUR,
    });
    assert.deepEqual(found, standing);
  });
}
