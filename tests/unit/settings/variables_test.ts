import assert from "node:assert/strict";
import { RalphError } from "../../../src/error.ts";
import { mergeSettings } from "../../../src/settings/settings.ts";
import { readVariables, unknownVariables, VARIABLES } from "../../../src/settings/variables.ts";

const read = (variables: Readonly<Record<string, string>>) =>
  mergeSettings(readVariables((name) => variables[name]));

Deno.test("every variable sets what it is for", () => {
  const { server, model, agent, limits } = read({
    RALPH_SERVER: "http://localhost:1/",
    RALPH_MODEL: "p/m/n",
    RALPH_AGENT: "plan",
    RALPH_MAX_ITERATIONS: "7",
    RALPH_MAX_COST: "$2.50",
    RALPH_MAX_TOKENS: "1000",
    RALPH_MAX_DURATION: "1h30m",
    RALPH_TURN_TIME: "45s",
    RALPH_SILENCE_TIME: "1s",
    RALPH_GATE_TIME: "2s",
    RALPH_RATE_LIMIT_TIME: "3s",
    RALPH_SERVER_AWAY_TIME: "4s",
    RALPH_MAX_MODEL_CALLS: "9",
    RALPH_MAX_BROKEN_ANSWERS: "10",
    RALPH_MAX_COMPACTIONS: "11",
    RALPH_MAX_ERRORS: "12",
    RALPH_MAX_NO_PROGRESS: "13",
  });
  assert.deepEqual({ server, model, agent }, {
    server: "http://localhost:1",
    model: { providerId: "p", modelId: "m/n" },
    agent: "plan",
  });
  assert.deepEqual(limits, {
    iterations: 7,
    costUsd: 2.5,
    tokens: 1000,
    durationMs: 5_400_000,
    turnMs: 45_000,
    silenceMs: 1_000,
    gateMs: 2_000,
    rateLimitMs: 3_000,
    serverAwayMs: 4_000,
    modelCalls: 9,
    brokenAnswers: 10,
    compactions: 11,
    errors: 12,
    noProgress: 13,
  });
});

Deno.test("no variable, nothing said", () => assert.deepEqual(readVariables(() => undefined), []));

const WRONG: readonly [name: string, text: string, message: string][] = [
  ["RALPH_MAX_ITERATIONS", "ten", "it must be a whole number from 1 up, and is `ten`"],
  [
    "RALPH_MAX_DURATION",
    "480",
    "it must be a duration with its unit: `480m`, `480s` or `480h`, and is `480`",
  ],
  [
    "RALPH_MAX_COST",
    "5\x1b",
    "it must be an amount in US dollars, such as `5` or `5.50`, and is `5\\x1b`",
  ],
  ["RALPH_MODEL", "m", "it must be provider/model, as in `opencode models`, and is `m`"],
  [
    "RALPH_SERVER",
    "http://example.com",
    "cannot use the server http://example.com: it is not on this machine, " +
    "and the agent works on files here",
  ],
];

for (const [name, text, message] of WRONG) {
  Deno.test(`${name}: the error names it, and shows how to set it`, () => {
    assert.throws(() => read({ [name]: text }), (error: RalphError) => {
      assert.equal(error.kind, "usage");
      assert.equal(error.message, `cannot use the variable ${name}: ${message}`);
      const { example } = VARIABLES[name];
      assert.equal(error.hints.at(-1)?.command, `export ${name}=${example}`);
      return true;
    });
  });
}

Deno.test("the examples in the hints are right", () => {
  for (const [name, { example }] of Object.entries(VARIABLES)) read({ [name]: example });
});

Deno.test("mistyped variables are told, others are not ours", () => {
  assert.deepEqual(
    unknownVariables([
      "HOME",
      "RALPH_MODEL",
      "RALPH_MAX_ITERATION",
      "RALPH_\x1b[2J",
      "RALPHS",
      "MY_RALPH_X",
    ]),
    [
      "the variable RALPH_MAX_ITERATION is no setting: did you mean RALPH_MAX_ITERATIONS?",
      "the variable RALPH_\\x1b[2J is no setting",
    ],
  );
});
