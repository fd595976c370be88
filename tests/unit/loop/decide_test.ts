import assert from "node:assert/strict";
import {
  type Action,
  nextAction,
  type OutOf,
  type Past,
  type Snapshot,
} from "../../../src/loop/decide.ts";
import type { Outcome } from "../../../src/store/model.ts";
import { DEFAULT_SETTINGS } from "../../../src/settings/settings.ts";
import { story } from "../../support/story.ts";

const open = [story("a", true), story("b", false), story("c", false)];
const done = [story("a", true), story("b", true)];
const { limits } = DEFAULT_SETTINGS;
const proved = { kind: "proved" } as const;

function decide(snapshot: Partial<Snapshot>): Action {
  const spent = { costUsd: 0, tokens: 0, durationMs: 0 };
  return nextAction({ stories: open, past: [], limits, spent, ...snapshot });
}

function past(...outcomes: Outcome[]): Past[] {
  return outcomes.map((outcome) => ({ outcome, detail: `${outcome} it was` }));
}

/** What the action is, in short. */
function shown(action: Action): string {
  return action.kind === "end" ? `${action.status} ${action.reason}` : action.kind;
}

const detailOf = (action: Action) => action.kind === "end" ? action.detail : "";

Deno.test("the first open story is worked on, and iterations are numbered on", () => {
  const action = decide({ past: past("worked", "error") });
  assert.equal(action.kind, "iterate");
  assert.deepEqual(action.kind === "iterate" && [action.number, action.story.id], [3, "b"]);
});

Deno.test("all stories pass: the gates are run, and what they prove decides", () => {
  assert.equal(shown(decide({ stories: done })), "prove");
  assert.equal(shown(decide({ stories: done, proof: proved })), "completed all_stories_pass");
  const unproven = decide({ stories: done, proof: { kind: "unproven", why: "nothing changed" } });
  assert.deepEqual([shown(unproven), detailOf(unproven)], ["stopped unproven", "nothing changed"]);
  const failing = decide({ stories: done, proof: { kind: "gates_fail", why: "`x` fails" } });
  assert.deepEqual([shown(failing), detailOf(failing)], ["stopped gates_fail", "`x` fails"]);
});

Deno.test("stories that a person has taken out are told of where all others pass", () => {
  const leftOut = [{ id: "US-9", why: "its status is Cancelled", line: 3 }];
  assert.equal(
    detailOf(decide({ stories: done, leftOut, proof: proved })),
    "all 2 stories pass; left out: US-9 (its status is Cancelled)",
  );
});

Deno.test("where one story is wanted, that one is worked on, and its end is not the task's", () => {
  const three = [story("a", false), story("b", false), story("c", false)];
  const next = decide({ stories: three, only: "c" });
  assert.deepEqual(next.kind === "iterate" && next.story.id, "c");
  const passes = { stories: [story("a", false), story("c", true)], only: "c" };
  assert.equal(shown(decide(passes)), "prove");
  const end = decide({ ...passes, proof: proved });
  assert.equal(shown(end), "stopped story_passes");
  assert.equal(
    detailOf(end),
    "c passes; 1 of 2 stories is open, so that the task is not completed",
  );
  const fails = { kind: "gates_fail", why: "c passes, but `x` fails" } as const;
  assert.equal(shown(decide({ ...passes, proof: fails })), "stopped gates_fail");
  assert.equal(shown(decide({ ...passes, request: "stop" })), "stopped user_stop");
  assert.equal(
    shown(decide({ stories: done, only: "b", proof: proved })),
    "completed all_stories_pass",
    "it was the last one",
  );
  const gone = decide({ stories: three, only: "x" });
  assert.deepEqual([shown(gone), detailOf(gone)], [
    "stopped user_stop",
    "a person took x, for which the session was, out of the PRD",
  ]);
});

Deno.test("an agent that needs a person goes on where words of one wait for it", () => {
  const last = [{ outcome: "nothing", detail: "", blocked: "a key" }] as const;
  assert.equal(shown(decide({ past: last })), "stopped blocked_on_human");
  assert.equal(shown(decide({ past: last, wordsWait: true })), "iterate");
});

Deno.test("work that is done counts before every limit and every wish, once it is proved", () => {
  const spent = { costUsd: 9, tokens: 9, durationMs: 9 };
  const used = { ...limits, iterations: 1, costUsd: 1, tokens: 1, durationMs: 1 };
  const last = [{ outcome: "advanced", detail: "", blocked: "a key" }] as const;
  const unproved = {
    stop: "stopped user_stop",
    shutdown: "failed worker_ended",
    checkpoint: "prove",
  };
  for (const request of [undefined, "stop", "shutdown", "checkpoint"] as const) {
    const at = { stories: done, past: last, limits: used, spent, request };
    assert.equal(shown(decide({ ...at, proof: proved })), "completed all_stories_pass");
    const unknown = request === undefined ? "prove" : unproved[request];
    assert.equal(shown(decide(at)), unknown, request);
  }
});

Deno.test("a person's stop comes before every limit", () => {
  const action = decide({ request: "stop", past: past("error", "error", "error") });
  assert.equal(shown(action), "stopped user_stop");
});

Deno.test("a worker that has to go leaves a session that can go on, whatever its limits", () => {
  const action = decide({ request: "shutdown", past: past("error", "error", "error") });
  assert.equal(shown(action), "failed worker_ended");
});

Deno.test("an agent that needs a person ends the session with its words, before a pause", () => {
  const blocked = [{ outcome: "worked", detail: "", blocked: "an API key" }] as const;
  for (const request of [undefined, "checkpoint"] as const) {
    const action = decide({ past: blocked, request });
    assert.equal(shown(action), "stopped blocked_on_human");
    assert.match(detailOf(action), /an API key/);
  }
  assert.equal(shown(decide({ past: [...blocked, ...past("worked")] })), "iterate");
});

Deno.test("a checkpoint pauses between iterations", () => {
  assert.equal(shown(decide({ request: "checkpoint" })), "checkpointed checkpoint");
});

Deno.test("the iteration limit is `stopped`, not `failed`, and counts the open stories", () => {
  const action = decide({
    past: past("worked", "worked"),
    limits: { ...limits, iterations: 2 },
  });
  assert.equal(shown(action), "stopped max_iterations");
  assert.match(detailOf(action), /2 iterations .* 2 of 3 stories open/);
});

Deno.test("cost, tokens and time each end the session when they are used up", () => {
  const spent = { costUsd: 5, tokens: 1_000, durationMs: 7_200_000 };
  const cases: [Partial<typeof limits>, RegExp | undefined][] = [
    [{}, undefined],
    [{ costUsd: 5 }, /\$5/],
    [{ costUsd: 5.01 }, undefined],
    [{ tokens: 1_000 }, /1,000 tokens/],
    [{ tokens: 1_001 }, undefined],
    [{ durationMs: 7_200_000 }, /120 min/],
    [{ durationMs: 7_200_001 }, undefined],
  ];
  for (const [more, words] of cases) {
    const action = decide({ spent, limits: { ...limits, ...more }, past: past("worked") });
    assert.equal(shown(action), words ? "stopped budget" : "iterate", JSON.stringify(more));
    if (words) assert.match(detailOf(action), words);
  }
});

Deno.test("a turn that such a limit ended ends the session, whatever was read of its use", () => {
  const outOf = { on: "costUsd", why: "the limit on cost" } as const;
  const action = decide({ past: [{ outcome: "timeout", detail: "", outOf }] });
  assert.deepEqual([shown(action), detailOf(action)], ["stopped budget", "the limit on cost"]);
});

Deno.test("what ended a session, and what it had used of it, is said in numbers", () => {
  const used = { costUsd: 0, tokens: 0, durationMs: 0 };
  const last = (outOf: OutOf): Past => ({ outcome: "timeout", detail: "", outOf });
  const cases: [Partial<typeof limits>, Partial<typeof used>, OutOf | undefined, string][] = [
    [{ costUsd: 5 }, { costUsd: 5.31234 }, undefined, "$5 was reached ($5.3123 used)"],
    [
      { tokens: 1_000 },
      { tokens: 2_100 },
      undefined,
      "1,000 tokens was reached (2,100 tokens used)",
    ],
    [{ durationMs: 60_000 }, { durationMs: 61_400 }, undefined, "60 s was reached (61 s used)"],
    [
      { tokens: 1_000 },
      {},
      { on: "tokens", why: "the session's limit on tokens was reached" },
      "1,000 tokens was reached",
    ],
    [
      { tokens: 1_000, durationMs: 9e6 },
      { tokens: 900 },
      { on: "durationMs", why: "the session's limit on time was reached" },
      "150 min was reached",
    ],
  ];
  for (const [more, spent, outOf, words] of cases) {
    const action = decide({
      spent: { ...used, ...spent },
      limits: { ...limits, ...more },
      past: outOf === undefined ? past("worked") : [last(outOf)],
    });
    assert.equal(detailOf(action), `the session's limit of ${words}`);
  }
});

Deno.test("errors and fruitless iterations end the session only when they are in a row", () => {
  const cases: [Outcome[], string][] = [
    [["error", "error"], "iterate"],
    [["error", "timeout", "error"], "failed provider_error"],
    [["error", "worked", "error", "error"], "iterate"],
    [["error", "error", "interrupted", "error"], "iterate"],
    [["nothing", "nothing"], "iterate"],
    [["nothing", "nothing", "nothing"], "stopped no_progress"],
    [["nothing", "nothing", "worked", "nothing"], "iterate"],
    [["nothing", "broke", "nothing", "nothing"], "iterate"],
    [["advanced", "nothing", "nothing", "nothing"], "stopped no_progress"],
  ];
  for (const [outcomes, expected] of cases) {
    assert.equal(shown(decide({ past: past(...outcomes) })), expected, outcomes.join(" "));
  }
  const patient = { ...limits, noProgress: 4, errors: 4 };
  assert.equal(
    shown(decide({ past: past("nothing", "nothing", "nothing"), limits: patient })),
    "iterate",
  );
  assert.equal(
    shown(decide({ past: past("error", "error", "error"), limits: patient })),
    "iterate",
  );
});

Deno.test("the same failure in a row ends the session; another failure is progress", () => {
  const failing = (...keys: (string | undefined)[]): Past[] =>
    keys.map((failureKey) => ({ outcome: "worked", detail: "`test` fails", failureKey }));
  const cases: [(string | undefined)[], string][] = [
    [["x", "x"], "iterate"],
    [["x", "x", "x"], "stopped no_progress"],
    [["x", "x", "y", "x"], "iterate"],
    [["x", "x", undefined, "x"], "iterate"],
    [[undefined, undefined, undefined, undefined], "iterate"],
  ];
  for (const [keys, expected] of cases) {
    const action = decide({ past: failing(...keys) });
    assert.equal(shown(action), expected, keys.join(" "));
    if (action.kind === "end") assert.match(action.detail, /3 .* same failure: `test` fails/);
  }
});

Deno.test("rounds without any change end with what they failed at, where that is known", () => {
  const past = Array.from({ length: 3 }, (): Past => ({
    outcome: "nothing",
    detail: "the agent changed the PRD",
    failureKey: "prd: x",
  }));
  const action = decide({ past });
  assert.equal(shown(action), "stopped no_progress");
  assert(action.kind === "end" && /same failure: the agent changed the PRD$/.test(action.detail));
});

Deno.test("what the provider said is in the words of the end", () => {
  const action = decide({ past: past("error", "error", "error") });
  assert.match(detailOf(action), /error it was/);
});

const MINUTE = 60_000;
const refused = (at: number, until: number, free = true): Past => ({
  outcome: "error",
  detail: "slow down",
  refusal: { at, until, free },
});

Deno.test("a provider that takes no requests for now is waited for, once", () => {
  const past = [refused(0, MINUTE)];
  assert.deepEqual(decide({ past }), {
    kind: "wait",
    until: MINUTE,
    why: "slow down",
    attempt: 1,
  });
  assert.equal(shown(decide({ past, waited: true })), "iterate");
});

Deno.test("a refusal is no failure, and breaks no row of them", () => {
  const wait = refused(0, MINUTE);
  const rows: [Past[], string][] = [
    [Array(20).fill(wait), "wait"],
    [[...past("error", "error"), wait], "wait"],
    [[...past("error", "error"), wait, ...past("error")], "failed provider_error"],
    [[...past("nothing", "nothing"), wait, ...past("nothing")], "stopped no_progress"],
    [[...past("error", "error"), { ...wait, outcome: "advanced" }, ...past("error")], "iterate"],
  ];
  const patient = { ...limits, iterations: 100 };
  for (const [past, expected] of rows) {
    assert.equal(shown(decide({ past, limits: patient })), expected, JSON.stringify(past));
  }
});

Deno.test("what a provider refused at once costs no iteration, and moves the last number on", () => {
  const two = { ...limits, iterations: 2 };
  const free = [refused(0, 1), refused(1, 2), ...past("worked")];
  assert.deepEqual(decide({ past: free, limits: two }), {
    kind: "iterate",
    number: 4,
    of: 4,
    story: open[1],
  });
  const used = [refused(0, 1, false), refused(1, 2, false)];
  assert.equal(shown(decide({ past: used, limits: two })), "stopped max_iterations");
});

Deno.test("waiting for a provider in a row has its limit, and ends with its words", () => {
  const hour = 60 * MINUTE;
  const past = [refused(0, 5 * hour), refused(5 * hour, 6 * hour)];
  assert.equal(decide({ past }).kind, "wait");
  const action = decide({ past: [...past, refused(6 * hour, 6 * hour + 1)] });
  assert.equal(shown(action), "failed provider_error");
  assert.equal(detailOf(action), "waiting for the provider takes longer than 360 min: slow down");
});

Deno.test("where trying again cannot help, one iteration ends the session", () => {
  const action = decide({ past: [{ outcome: "error", detail: "no", hopeless: "no; log in" }] });
  assert.deepEqual([shown(action), detailOf(action)], ["failed provider_error", "no; log in"]);
});

Deno.test("a wish of a person and the session's limits come before a wait", () => {
  const waiting = { past: [refused(0, MINUTE)] };
  assert.equal(shown(decide({ ...waiting, request: "stop" })), "stopped user_stop");
  assert.equal(shown(decide({ ...waiting, request: "shutdown" })), "failed worker_ended");
  assert.equal(shown(decide({ ...waiting, request: "checkpoint" })), "checkpointed checkpoint");
  const spent = { costUsd: 0, tokens: 0, durationMs: 8 };
  const short = { ...limits, durationMs: 8 };
  assert.equal(shown(decide({ ...waiting, spent, limits: short })), "stopped budget");
});

Deno.test("turns that the server lost count like errors, and the last of them is the reason", () => {
  const lost: Past = { outcome: "interrupted", detail: "it went away", server: "lost_turn" };
  const [error] = past("error");
  assert.equal(shown(decide({ past: [lost, lost] })), "iterate");
  const three = decide({ past: [lost, error, lost] });
  assert.equal(shown(three), "failed server_unreachable");
  assert.match(detailOf(three), /^3 iterations in a row .* it went away$/);
  assert.equal(shown(decide({ past: [lost, lost, error] })), "failed provider_error");
  assert.equal(shown(decide({ past: [lost, lost, ...past("worked"), lost] })), "iterate");
  assert.equal(
    shown(decide({ past: past("interrupted", "interrupted", "interrupted") })),
    "iterate",
  );
  const held: Past = { ...lost, outcome: "advanced" };
  assert.equal(shown(decide({ past: [held, held, held] })), "iterate", "what held counts");
});

Deno.test("a server that stayed away ends the session, unless its limits came first", () => {
  const away: Past = { outcome: "error", detail: "nothing was sent", server: "away" };
  assert.equal(shown(decide({ past: [away] })), "failed server_unreachable");
  assert.equal(detailOf(decide({ past: [away] })), "nothing was sent");
  const spent = { costUsd: 0, tokens: 0, durationMs: 10 };
  const over = decide({ past: [away], spent, limits: { ...limits, durationMs: 10 } });
  assert.equal(shown(over), "stopped budget");
});

Deno.test("a session whose work is not on its branch ends for that, whatever ran out", () => {
  const undelivered = "a rebase is under way";
  const last = {
    outcome: "worked",
    detail: "b was taken back",
    failureKey: "k",
    undelivered,
  } as const;
  const same = decide({ past: [last, last, last] });
  assert.equal(shown(same), "stopped not_delivered");
  assert.match(detailOf(same), /same failure: b was taken back; .*: a rebase is under way/);
  const used = { ...limits, iterations: 1 };
  assert.equal(shown(decide({ past: [last], limits: used })), "stopped not_delivered");
  assert.equal(
    shown(decide({ past: [last, ...past("worked")], limits: used })),
    "stopped max_iterations",
  );
  const proof = { kind: "not_delivered", why: "nothing is committed" } as const;
  assert.equal(shown(decide({ stories: done, proof })), "stopped not_delivered");
});

Deno.test("work that no turn can deliver ends the session at once, and a resumed one goes on", () => {
  const stuck = { ...past("worked")[0], undelivered: "no key signs it", isStuck: true };
  const over = decide({ past: [...past("worked"), stuck] });
  assert.equal(shown(over), "stopped not_delivered");
  assert.equal(detailOf(over), "the work is not delivered: no key signs it");
  assert.equal(shown(decide({ past: [stuck], resumedAfter: 1 })), "iterate");
  assert.equal(shown(decide({ past: [{ ...stuck, isStuck: false }] })), "iterate");
});

Deno.test("what ended a session that a person resumes is not counted again, but its iterations are", () => {
  const refusal = { at: 0, until: 9 * 3_600_000, free: false };
  const ends: [Past[], string][] = [
    [past("nothing", "nothing", "nothing"), "stopped no_progress"],
    [past("error", "error", "error"), "failed provider_error"],
    [[...past("worked"), { ...past("worked")[0], blocked: "a key" }], "stopped blocked_on_human"],
    [[{ ...past("worked")[0], outOf: { why: "the limit of $5" } }], "stopped budget"],
    [[{ ...past("error")[0], hopeless: "no such model" }], "failed provider_error"],
    [[{ ...past("error")[0], refusal }], "failed provider_error"],
  ];
  for (const [all, end] of ends) {
    assert.equal(shown(decide({ past: all })), end);
    const action = decide({ past: all, resumedAfter: all.length });
    assert.deepEqual(action.kind === "iterate" && action.number, all.length + 1, end);
    const again = past("nothing", "nothing");
    assert.equal(shown(decide({ past: [...all, ...again], resumedAfter: all.length })), "iterate");
  }
  const ten = past(...Array(10).fill("worked"));
  assert.equal(shown(decide({ past: ten, resumedAfter: 10 })), "stopped max_iterations");
});
