/** What becomes of an iteration whose worker died: the whole table. */
import assert from "node:assert/strict";
import {
  aloneMs,
  type Found,
  recoveryOf,
  workedBeforeMs,
} from "../../../../src/loop/session/recovery_policy.ts";
import type { Message } from "../../../../src/opencode/model.ts";
import { message } from "../../../support/message.ts";

const NOW = Date.parse("2026-01-02T03:10:00Z");
const LONG_AGO = "2026-01-02T03:00:00Z";
const JUST_NOW = "2026-01-02T03:09:59Z";

const finished = message({ completedAt: 1, finish: "stop" });
const calls = message({ completedAt: 1, finish: "tool-calls" });
const aborted = message({ completedAt: 1, error: { name: "MessageAbortedError", message: "" } });
const failed = message({ error: { name: "APIError", message: "no" } });
const halfWritten = message({});
const asked = message({ role: "user" });
const there = (more: { busy?: boolean; last?: Message } = {}): Found => ({
  kind: "there",
  sessionId: "ses_1",
  busy: false,
  ...more,
});

interface Row {
  session?: null;
  started?: string;
  prompted?: string | null;
}

const TABLE: readonly [string, Row, Found, string, RegExp][] = [
  ["the turn still goes on", {}, there({ busy: true, last: halfWritten }), "follow", /still goes/],
  ["it goes on, and nothing is written yet", {}, there({ busy: true }), "follow", /still goes on/],
  ["the turn finished", {}, there({ last: finished }), "follow", /finished on the server while no/],
  ["the server died after a call of tools", {}, there({ last: calls }), "follow", /broke off/],
  ["the turn was aborted", {}, there({ last: aborted }), "follow", /broke off/],
  ["the turn failed", {}, there({ last: failed }), "follow", /finished on the server/],
  ["the turn broke off", {}, there({ last: halfWritten }), "follow", /broke off/],
  ["the prompt may be about to begin", { prompted: JUST_NOW }, there(), "follow", /was to begin/],
  [
    "so may one whose acceptance was not recorded",
    { started: JUST_NOW, prompted: null },
    there(),
    "follow",
    /was to begin/,
  ],
  [
    "the clock went back",
    { started: "2026-01-02T04:00:00Z", prompted: null },
    there(),
    "follow",
    /was to begin/,
  ],
  ["the prompt was never sent", { prompted: null }, there(), "record", /before anything was sent/],
  [
    "the prompt is there, unanswered",
    { prompted: null },
    there({ last: asked }),
    "record",
    /never began/,
  ],
  ["it was taken, and is not there", {}, there(), "record", /never began/],
  [
    "no OpenCode session was made",
    { session: null, prompted: null },
    { kind: "missing" },
    "record",
    /before anything was sent/,
  ],
  ["the OpenCode session is gone", {}, { kind: "missing" }, "record", /is gone/],
  [
    "the server is away",
    {},
    { kind: "unknown", why: "connection refused" },
    "wait",
    /not known yet: connection refused/,
  ],
];

for (const [name, row, found, kind, words] of TABLE) {
  Deno.test(`a worker died: ${name}`, () => {
    const { started = LONG_AGO, prompted = LONG_AGO } = row;
    const iteration = {
      openCodeSessionId: row.session === null ? null : "ses_1",
      startedAt: started,
      promptedAt: prompted,
    };
    const recovery = recoveryOf(iteration, found, NOW);
    assert.equal(recovery.kind, kind);
    assert.match(recovery.words, words);
    assert.deepEqual(recoveryOf(iteration, found, NOW), recovery);
  });
}

Deno.test("a turn without its worker has worked since its prompt, and never a negative time", () => {
  const at = (startedAt: string, promptedAt: string | null) =>
    workedBeforeMs({ startedAt, promptedAt }, NOW);
  assert.equal(at(LONG_AGO, JUST_NOW), 1_000);
  assert.equal(at(LONG_AGO, null), 600_000);
  assert.equal(at("2026-01-02T04:00:00Z", null), 0);
});

const SEEN = "2026-01-02T03:05:00Z";
const at = (time: string) => message({ completedAt: Date.parse(time), finish: "stop" });
const ALONE: readonly [string, Found, string | undefined, number][] = [
  ["the turn is at work", there({ busy: true }), SEEN, 300_000],
  ["it finished meanwhile", there({ last: at("2026-01-02T03:06:00Z") }), SEEN, 60_000],
  ["it had finished before", there({ last: at("2026-01-02T03:04:00Z") }), SEEN, 0],
  ["it broke off", there({ last: halfWritten }), SEEN, 0],
  ["it failed, nobody knows when", there({ last: failed }), SEEN, 0],
  ["it is gone", { kind: "missing" }, SEEN, 0],
  ["the server is away", { kind: "unknown", why: "away" }, SEEN, 0],
  ["of an earlier version", there({ busy: true }), undefined, 0],
  ["the clock went back", there({ busy: true }), "2026-01-02T04:00:00Z", 0],
  ["the clock went forward", there({ busy: true }), "2016-01-02T04:00:00Z", 400_000],
  ["what is stored is no time", there({ busy: true }), "soon", 0],
];

for (const [name, found, seenAt, ms] of ALONE) {
  Deno.test(`how long a turn worked alone: ${name}`, () => {
    assert.equal(aloneMs(found, { seenAt, now: NOW, maxMs: 400_000 }), ms);
  });
}
