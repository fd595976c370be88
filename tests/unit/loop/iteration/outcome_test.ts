import assert from "node:assert/strict";
import { type IterationFacts, judge } from "../../../../src/loop/iteration/outcome.ts";
import { serverCommands } from "../../../../src/opencode/commands.ts";
import type { TurnEnd } from "../../../../src/loop/turn/turn_end.ts";
import type { Outcome } from "../../../../src/store/model.ts";

const good: TurnEnd = { kind: "finished", finish: "stop", text: "done" };
const failed: TurnEnd = {
  kind: "finished",
  text: "",
  error: { name: "APIError", message: "no credits" },
};
const held = [{ storyId: "b", held: true, why: null }];
const fallen = [{ storyId: "b", held: false, why: "the gate `test` fails: exit code 1" }];
const unjudged = [{ storyId: "b", held: null, why: "its gates were not run" }];
const changed = { workCommits: 0, elsewhere: 0, files: ["x", "y"] };
const none = { workCommits: 0, elsewhere: 0, files: [] };

const COMMANDS = serverCommands({ generation: 1, url: "http://127.0.0.1:1" });
const NOW = 1_000_000;
const usual: IterationFacts = {
  end: good,
  story: { id: "b" },
  claims: [],
  broke: [],
  tokens: 1_000,
  now: NOW,
  refusedBefore: 0,
};

const cases: [string, Partial<IterationFacts>, Outcome, RegExp][] = [
  ["a claim holds", { claims: held }, "advanced", /^b passes$/],
  [
    "a claim holds in a turn that failed",
    { claims: held, end: failed },
    "advanced",
    /b passes; APIError: no credits/,
  ],
  [
    "one claim holds, another does not",
    { claims: [...held, { ...fallen[0], storyId: "c" }], broke: ["test"] },
    "advanced",
    /^b passes; c was claimed and taken back: the gate/,
  ],
  ["a claim falls, files changed", { claims: fallen, change: changed }, "worked", /^b was claimed/],
  ["a claim falls, nothing changed", { claims: fallen, change: none }, "nothing", /no file was/],
  [
    "a claim falls by a gate that passed before",
    { claims: fallen, change: changed, broke: ["test"] },
    "broke",
    /^passed before, fails now: test; b was claimed and taken back/,
  ],
  [
    "a claim that was not judged",
    { claims: unjudged, end: { kind: "stopped", confirmed: true } },
    "stopped",
    /b was claimed, and not judged/,
  ],
  ["files changed", { change: changed }, "worked", /b does not pass yet/],
  [
    "commits in a work tree of its own",
    { change: { workCommits: 0, elsewhere: 2, files: [] } },
    "worked",
    /b does not pass yet/,
  ],
  [
    "only commits",
    { change: { workCommits: 1, elsewhere: 0, files: [] } },
    "worked",
    /b does not pass yet/,
  ],
  ["nothing changed", { change: none }, "nothing", /no file was changed/],
  [
    "the PRD was put back, and files changed",
    { change: changed, prdChange: "`b` was changed: `criteria`" },
    "worked",
    /^b does not pass yet; the agent changed the PRD: `b` was changed: `criteria`$/,
  ],
  [
    "the PRD was put back, and nothing changed",
    { change: none, prdChange: "`b` got `status`" },
    "nothing",
    /no file was changed; the agent changed the PRD: `b` got `status`$/,
  ],
  [
    "the PRD was put back, and a claim holds",
    { claims: held, prdChange: "`b` got `status`" },
    "advanced",
    /^b passes$/,
  ],
  ["git could not say", {}, "nothing", /git cannot say whether a file was changed/],
  ["the provider refused", { end: failed, change: changed }, "error", /APIError/],
  ["the answer was cut", { end: { ...good, finish: "length" } }, "error", /output limit/],
  [
    "a limit",
    { end: { kind: "timeout", limit: "turn", why: "too long", confirmed: true } },
    "timeout",
    /^too long$/,
  ],
  [
    "a limit, and the abort was not confirmed",
    { end: { kind: "timeout", limit: "turn", why: "too long", confirmed: false } },
    "timeout",
    /too long; the server did not confirm/,
  ],
  [
    "the model said nothing",
    { end: { ...good, text: " \n" }, toolRuns: 0, change: changed },
    "error",
    /^the model's answer was empty: no text, and no tool call$/,
  ],
  [
    "the provider's error came inside an answer",
    { end: { ...failed, error: { name: "UnknownError", message: '{"message":"a","code":502}' } } },
    "error",
    /^the provider takes no requests for now: UnknownError: a$/,
  ],
  ["the server died", { end: { kind: "interrupted", why: "gone" } }, "interrupted", /^gone$/],
  ["it never began", { end: { kind: "lost", why: "no such agent" } }, "error", /no such agent/],
  ["a person", { end: { kind: "stopped", confirmed: true } }, "stopped", /by a person$/],
  [
    "a person, though a claim holds",
    { end: { kind: "stopped", confirmed: false }, claims: held },
    "stopped",
    /did not confirm/,
  ],
];

for (const [name, facts, outcome, detail] of cases) {
  Deno.test(`outcome: ${name}`, () => {
    const judgement = judge({ ...usual, ...facts });
    assert.equal(judgement.outcome, outcome);
    assert.match(judgement.detail, detail);
    assert.deepEqual(judgement.storiesPassed, facts.claims?.[0]?.held ? ["b"] : []);
  });
}

Deno.test("outcome: several claims that hold are all told", () => {
  const claims = ["b", "c"].map((storyId) => ({ storyId, held: true, why: null }));
  const judgement = judge({ ...usual, claims });
  assert.deepEqual(judgement.storiesPassed, ["b", "c"]);
  assert.match(judgement.detail, /^b, c pass$/);
});

Deno.test("outcome: a refusal for now says when to ask again, and costs nothing if nothing came", () => {
  const error = { name: "APIError", message: "slow down", statusCode: 429, retryAt: NOW + 60_000 };
  const end: TurnEnd = { kind: "finished", text: "", error };
  const { outcome, detail, refusal, hopeless } = judge({ ...usual, end, tokens: 0 });
  assert.deepEqual([outcome, hopeless], ["error", undefined]);
  assert.equal(detail, "the provider takes no requests for now: APIError: slow down");
  assert.deepEqual(refusal, { at: NOW, until: NOW + 60_000, named: NOW + 60_000, free: true });
  for (const tokens of [1, undefined]) {
    assert.equal(judge({ ...usual, end, tokens }).refusal?.free, false, `${tokens} tokens`);
  }
  const held = judge({ ...usual, end, claims: [{ storyId: "b", held: true, why: null }] });
  assert.deepEqual([held.outcome, held.refusal?.until], ["advanced", NOW + 60_000]);
});

Deno.test("outcome: where trying again cannot help, it says why and what to do", () => {
  const ends: [TurnEnd, RegExp][] = [
    [
      {
        kind: "finished",
        text: "",
        error: { name: "APIError", message: "Incorrect API key", statusCode: 401 },
      },
      /^APIError: Incorrect API key; log in again with `opencode auth login`/,
    ],
    [
      { kind: "lost", why: "it did not start", said: "Model not found: x/y." },
      /^it did not start; see which models there are with `opencode models`/,
    ],
    [
      { kind: "lost", why: "it did not start", missing: "model" },
      /^it did not start; see which models there are with `opencode models`/,
    ],
    [
      { kind: "lost", why: "it did not start", missing: "agent" },
      /^it did not start; see which agents there are with `opencode agent list`/,
    ],
    [
      { kind: "timeout", limit: "provider", why: "too long", confirmed: true },
      /^too long$/,
    ],
  ];
  for (const [end, words] of ends) {
    const { hopeless, refusal } = judge({ ...usual, end });
    assert.match(hopeless?.(COMMANDS) ?? "", words);
    assert.equal(refusal, undefined);
  }
});

Deno.test("outcome: where OpenCode's next try comes too late, ralph asks by itself", () => {
  const end: TurnEnd = { kind: "timeout", limit: "retries", why: "too late", confirmed: true };
  const { outcome, refusal, hopeless } = judge({ ...usual, end, tokens: 0, refusedMs: 900 });
  assert.deepEqual([outcome, hopeless], ["timeout", undefined]);
  assert.deepEqual(refusal, { at: NOW - 900, until: NOW + 5_000, free: true });
});

Deno.test("outcome: a server that is away is no matter of the provider", () => {
  const why = "nothing was sent to the agent: cannot reach OpenCode: unable to connect";
  const { refusal, hopeless } = judge({ ...usual, end: { kind: "lost", why, said: why } });
  assert.deepEqual([refusal, hopeless], [undefined, undefined]);
});

Deno.test("outcome: ralph's own words are not read for what the server said", () => {
  const end: TurnEnd = { kind: "lost", why: "cannot work in `/p/model not found`" };
  assert.equal(judge({ ...usual, end }).hopeless, undefined);
});

Deno.test("what the provider gave nothing for is waited out, and costs no iteration", () => {
  const empty = judge({ ...usual, end: { ...good, text: "" }, toolRuns: 0, refusedBefore: 2 });
  assert.deepEqual(empty.refusal, { at: NOW, until: NOW + 20_000, free: true });
  const brokeOff = {
    kind: "timeout",
    limit: "unknown_finishes",
    why: "",
    confirmed: true,
  } as const;
  assert.equal(judge({ ...usual, end: brokeOff, toolRuns: 0 }).refusal?.free, true);
  assert.equal(judge({ ...usual, end: brokeOff, toolRuns: 1 }).refusal?.free, false);
});

Deno.test("a model that calls no tools is not asked again", () => {
  const { hopeless } = judge({ ...usual, end: { ...good, lacksTools: true }, toolRuns: 0 });
  assert.match(
    hopeless?.(COMMANDS) ?? "",
    /on record as one that cannot; take a model that can call tools/,
  );
});
