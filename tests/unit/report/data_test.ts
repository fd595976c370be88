import assert from "node:assert/strict";
import { reportOf } from "../../../src/report/data.ts";
import type { SessionRecord } from "../../../src/report/model.ts";
import type { Claim, GateRecord, Iteration, Outcome, Session } from "../../../src/store/model.ts";

const at = (minute: number) => new Date(Date.UTC(2026, 10, 20, 12, minute)).toISOString();
const ms = (minute: number) => Date.parse(at(minute));

interface Turn {
  outcome: Outcome | null;
  detail?: string;
  passed?: string[];
  claims?: [storyId: string, held: boolean | null][];
  gates?: [gate: string, passed: boolean][];
  final?: [gate: string, passed: boolean][];
  tokens?: number;
}

/** A session of turns of one minute each, from minute `begin` on. */
function record(
  id: number,
  begin: number,
  turns: readonly Turn[],
  { status = "stopped", before = [] }: {
    status?: Session["status"];
    before?: [gate: string, passed: boolean][];
  } = {},
): SessionRecord {
  const gateOf = ([gate, passed]: [string, boolean]): GateRecord => ({
    gate,
    passed,
    flaky: false,
    why: passed ? "exit code 0" : "exit code 1",
    output: "",
    durationMs: 10,
  });
  const session = {
    id,
    status,
    startedAt: at(begin),
    endedAt: status === "running" ? null : at(begin + turns.length + 1),
  } as Session;
  const iterations = turns.map(({ outcome, detail = "", passed = [], tokens }, i) => ({
    sessionId: id,
    number: i + 1,
    outcome,
    detail,
    storiesPassed: passed,
    startedAt: at(begin + i),
    endedAt: outcome === null ? null : at(begin + i + 1),
    durationMs: null,
    commits: 0,
    usage: tokens === undefined ? null : {
      inputTokens: tokens,
      outputTokens: 0,
      reasoningTokens: 0,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      costUsd: 0.5,
      derivedCostUsd: 0,
      modelCalls: 1,
      unpricedCalls: 0,
      uncountedCalls: 0,
    },
  } as unknown as Iteration));
  return {
    session,
    iterations,
    reviews: [],
    findings: {
      gates: [
        ...before.map((gate) => ({ ...gateOf(gate), iteration: 0, final: false })),
        ...turns.flatMap(({ gates = [], final = [] }, i) => [
          ...gates.map((gate) => ({ ...gateOf(gate), iteration: i + 1, final: false })),
          ...final.map((gate) => ({ ...gateOf(gate), iteration: i + 1, final: true })),
        ]),
      ],
      claims: turns.flatMap(({ claims = [] }, i) =>
        claims.map(([storyId, held]): Claim & { iteration: number } => ({
          storyId,
          held,
          why: held ? null : "because",
          iteration: i + 1,
        }))
      ),
      notes: [],
    },
    commits: new Map(),
  };
}

const stories = (passing: string, open = "") =>
  [...passing].map((id) => ({ id, title: id, passes: true }))
    .concat([...open].map((id) => ({ id, title: id, passes: false })));

const report = (sessions: readonly SessionRecord[], now = stories("")) =>
  reportOf({ taskName: "t", projectName: "p", sessions, stories: now, now: ms(59) });

const pass = (story: string): Turn => ({
  outcome: "advanced",
  passed: [story],
  claims: [[story, true]],
});

Deno.test("stories burn down at the end of the iteration that brought them through", () => {
  const { burnDown } = report(
    [record(1, 0, [pass("A"), { outcome: "worked" }]), record(2, 30, [pass("B")])],
    stories("ABX", "C"),
  );
  assert.deepEqual(burnDown?.points, [
    { at: ms(0), open: 3 },
    { at: ms(1), open: 2 },
    { at: ms(31), open: 1 },
    { at: ms(32), open: 1 },
  ]);
  assert.deepEqual(burnDown?.spans, [{ from: ms(0), to: ms(3) }, { from: ms(30), to: ms(32) }]);
  assert.deepEqual([burnDown?.total, burnDown?.unrecorded, burnDown?.openNow], [4, 1, 1]);
});

Deno.test("a story that all gates took back is open again from then on", () => {
  const back: Turn = { outcome: "advanced", passed: ["A"], claims: [["A", false]] };
  const judged = { outcome: "worked" as const, final: [["g", false] as [string, boolean]] };
  const { burnDown } = report([record(1, 0, [back, judged, pass("A")])], stories("A", "B"));
  assert.deepEqual(burnDown?.points.map(({ at, open }) => [(at - ms(0)) / 60_000, open]), [
    [0, 2],
    [1, 1],
    [2, 2],
    [3, 1],
    [4, 1],
  ]);
});

Deno.test("a clock that was set back does not turn the line around", () => {
  const one = record(1, 10, [pass("A")]);
  const { burnDown } = report([one, record(2, 0, [pass("B")])], stories("AB"));
  const times = burnDown?.points.map(({ at }) => at) ?? [];
  assert.deepEqual(times, times.toSorted((a, b) => a - b));
});

Deno.test("without stories, nothing is said of how many were open", () => {
  assert.equal(report([record(1, 0, [pass("A")])]).burnDown, undefined);
  const { stories, burnDown, rounds } = reportOf({
    taskName: "t",
    projectName: "p",
    sessions: [record(1, 0, [])],
    now: ms(59),
  });
  assert.deepEqual([stories, burnDown, rounds], [undefined, undefined, []]);
});

const told = ({ troubles }: ReturnType<typeof report>) =>
  troubles.map(({ what, round, sessionId, times, mended }) => [
    what,
    round?.key ?? `before s${sessionId}`,
    times,
    mended && (mended.round?.key ?? `before s${mended.sessionId}`),
  ]);

Deno.test("a gate that fails is told once, up to the run in which it passes", () => {
  const turns: Turn[] = [
    { outcome: "worked", gates: [["test", false], ["lint", true]] },
    { outcome: "worked", gates: [["test", false]] },
    { outcome: "advanced", gates: [["test", true]], final: [["lint", false]] },
  ];
  const first = record(1, 0, turns, { before: [["test", false]] });
  assert.deepEqual(told(report([first])), [
    ["gate test", "before s1", 3, "s1-i3"],
    ["gate lint", "s1-i3", 1, undefined],
  ]);
  const later = record(2, 30, [], { before: [["lint", true]] });
  assert.deepEqual(told(report([first, later]))[1], ["gate lint", "s1-i3", 1, "before s2"]);
});

Deno.test("turns that went wrong are told up to one that ended by itself", () => {
  const error = (detail: string): Turn => ({ outcome: "error", detail });
  const turns: Turn[] = [
    error("overloaded"),
    error("overloaded"),
    { outcome: "timeout" },
    { outcome: "stopped" },
    { outcome: "nothing" },
    error("no credit"),
    { outcome: null },
  ];
  assert.deepEqual(told(report([record(1, 0, turns)])), [
    ["turn: error", "s1-i1", 2, "s1-i5"],
    ["turn: timeout", "s1-i3", 1, "s1-i5"],
    ["turn: error", "s1-i6", 1, undefined],
    ["an iteration without an outcome", "s1-i7", 1, undefined],
  ]);
  const running = record(1, 0, turns.slice(-1), { status: "running" });
  assert.deepEqual(told(report([running])), [], "it is under way");
});

Deno.test("a claim that was taken back is told with where the story held later", () => {
  const back: Turn = { outcome: "worked", claims: [["A", false], ["B", false]] };
  const { takenBack } = report([record(1, 0, [back]), record(2, 30, [pass("A")])]);
  assert.deepEqual(takenBack.map(({ storyId, heldIn }) => [storyId, heldIn?.key]), [
    ["A", "s2-i1"],
    ["B", undefined],
  ]);
});

Deno.test("what is not known is counted beside what is", () => {
  const { used, worked, rounds, gates } = report([
    record(1, 0, [
      { outcome: "worked", tokens: 10, gates: [["g", true]] },
      { outcome: "worked", gates: [["g", false]] },
      { outcome: null },
    ], { status: "running" }),
  ]);
  assert.deepEqual([used.usage.inputTokens, used.usage.costUsd, used.unknown], [10, 0.5, 1]);
  assert.deepEqual(worked, { ms: 120_000, unknown: 0 });
  assert.deepEqual(rounds.map(({ tokens }) => tokens), [10, undefined, undefined]);
  assert.deepEqual(gates, [{ gate: "g", runs: 2, failed: 1, passesNow: false, flaky: 0, ms: 20 }]);
});
