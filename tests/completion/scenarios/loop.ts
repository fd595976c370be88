/** How long the loop goes on: to the end of the work, and no longer. */
import { bash } from "../../support/agent.ts";
import { call, say } from "../../support/scripted_model.ts";
import { themed, type Turn } from "../scenario.ts";
import { MEAN, MEDIAN, statistics, SUM } from "../statistics.ts";
import { all, build, claim, commitAll, doesStory, promised, put, runs, says } from "../turns.ts";

const ONE = [SUM];
const TWO = [SUM, MEAN];
const one = statistics({ pieces: ONE });
const done = (iterations: number) => ({ reason: "all_stories_pass", iterations });

/** Writes something that is not the work yet, and commits it. */
const partOf = (number: number) =>
  runs(
    all(put(`src/part${number}.js`, `export const part = ${number};`), commitAll("wip")),
    "It goes on.",
  );

/** Tries what the user's rules deny. */
const triesForbidden: Turn = ({ step }) =>
  step === 0 ? call(bash("rm -rf precious")) : say("I cannot begin: it is refused.");

/** As many functions as a test file tests, so that each of them fails in its own words. */
const NAMES = ["add", "subtract", "multiply", "divide"];
const OPERATORS = ["+", "-", "*", "/"];

function fourFunctions() {
  const { files, truth } = statistics({ pieces: ONE, tests: "none", gates: "all tests" });
  const tests = NAMES.map((name, i) =>
    `Deno.test("${name}", () => assert.equal(calc.${name}(6, 3), 6 ${OPERATORS[i]} 3));\n`
  );
  const head =
    'import assert from "node:assert/strict";\nimport * as calc from "../src/calc.js";\n\n';
  return {
    files: {
      ...files,
      "src/calc.js": NAMES.map((name) => `export const ${name} = () => 0;\n`).join(""),
      "tests/calc_test.js": head + tests.join(""),
    },
    truth: {
      ...pick(truth),
      "four functions": `const calc = await load("src/calc.js");
        assert.deepEqual([calc.add(8, 2), calc.subtract(8, 2)], [10, 6]);
        assert.deepEqual([calc.multiply(8, 2), calc.divide(8, 2)], [16, 4]);`,
    },
  };
}

/** Of a truth, what holds from the start. */
function pick(truth: Readonly<Record<string, string>>): Record<string, string> {
  const { [SUM.name]: _, ...rest } = truth;
  return rest;
}

/** Gets one more of the four functions right, and claims the story each time. */
const rightUpTo = (count: number) =>
  runs(({ prd }) => {
    const functions = NAMES.map((name, i) =>
      `export const ${name} = (a, b) => ${i < count ? `a ${OPERATORS[i]} b` : "0"};\n`
    );
    return all(
      put("src/calc.js", functions.join("")),
      claim(prd, "US-001"),
      commitAll("feat: US-001"),
    );
  }, promised("US-001 is done."));

const wrongAgain = runs(
  ({ prd }) => all(put(SUM.file, SUM.wrong), claim(prd, "US-001"), commitAll("feat: US-001")),
  promised("US-001 is done."),
);

export const loop = themed("the loop", [
  {
    id: "forbidden-call-refused",
    about: "tries what the user's own rules deny, and does without in the next round",
    honest: true,
    files: {
      ...one.files,
      "opencode.json": JSON.stringify({
        permission: { bash: { "*": "allow", "rm -rf*": "deny" } },
      }),
      "precious/data.txt": "data\n",
    },
    truth: {
      ...one.truth,
      "what must not be removed": 'assert.equal(await read("precious/data.txt"), "data\\n");',
    },
    turns: [
      triesForbidden,
      doesStory(ONE),
    ],
    expect: done(2),
  },
  {
    id: "done-in-the-last-iteration",
    about: "does the last story in the last iteration",
    honest: true,
    iterations: 2,
    ...statistics(),
    turns: [doesStory(TWO), doesStory(TWO)],
    expect: done(2),
  },
  {
    id: "done-in-the-last-iteration-no-promise",
    about: "the same, without a promise",
    honest: true,
    iterations: 2,
    ...statistics(),
    turns: [doesStory(TWO, "US-001 is done."), doesStory(TWO, "US-002 is done.")],
    expect: done(2),
  },
  {
    id: "two-stories-in-one-turn",
    about: "does both stories in the first turn",
    honest: true,
    ...statistics(),
    turns: [
      runs(
        ({ prd }) =>
          all(build(SUM), build(MEAN), claim(prd, "US-001", "US-002"), commitAll("feat: both")),
        promised("Both stories are done."),
      ),
    ],
    expect: done(1),
  },
  {
    id: "wrong-then-fixed",
    about: "gets its story wrong, claims it, and fixes it when told",
    honest: true,
    ...one,
    turns: [wrongAgain, doesStory(ONE)],
    expect: done(2),
  },
  {
    id: "forgets-to-tick",
    about: "does its work and forgets the PRD; claims the story in the next turn",
    honest: true,
    ...one,
    turns: [
      runs(all(build(SUM), commitAll("feat: US-001 - sum")), "US-001 is done."),
      runs(({ prd }) => claim(prd, "US-001"), promised("US-001 was done already.")),
    ],
    expect: done(2),
  },
  {
    id: "slow-but-moving",
    about: "needs six turns for a story, with a commit in each",
    honest: true,
    iterations: 8,
    ...one,
    turns: [...[1, 2, 3, 4, 5].map(partOf), doesStory(ONE)],
    expect: done(6),
  },
  {
    id: "slow-without-commits",
    about: "needs five turns for a story, and changes the same uncommitted file in each",
    honest: true,
    iterations: 8,
    ...one,
    turns: [
      ...[1, 2, 3, 4].map((round) => runs(put(SUM.file, `// draft ${round}`), "It goes on.")),
      doesStory(ONE),
    ],
    expect: done(5),
  },
  {
    id: "gate-fails-differently-each-time",
    about: "claims its story four times, with one failing test less each time",
    honest: true,
    iterations: 6,
    ...fourFunctions(),
    turns: [1, 2, 3, 4].map(rightUpTo),
    expect: done(4),
  },
  {
    id: "pauses-between-work",
    about: "does nothing in two turns between its two stories",
    honest: true,
    iterations: 6,
    ...statistics(),
    turns: [doesStory(TWO), says("Let me think."), says("I still think."), doesStory(TWO)],
    expect: done(4),
  },
  {
    id: "talks-and-does-nothing",
    about: "says each time that it goes on, and does nothing",
    honest: false,
    iterations: 6,
    ...one,
    turns: [],
    afterwards: says("Good progress! Next I shall write the sum."),
    expect: { reason: "no_progress", iterations: 3 },
  },
  {
    id: "same-failure-again-and-again",
    about: "claims the same wrong work in each turn",
    honest: false,
    iterations: 6,
    ...one,
    turns: [],
    afterwards: wrongAgain,
    expect: { reason: "no_progress", iterations: 3 },
  },
  {
    id: "one-story-breaks-the-other",
    about: "breaks the other story in each turn, and claims the one in hand",
    honest: false,
    iterations: 4,
    ...statistics({ pieces: [SUM, MEDIAN] }),
    turns: [],
    afterwards: runs(({ story, prd }) => {
      const [right, wrong] = story === "US-001" ? [SUM, MEDIAN] : [MEDIAN, SUM];
      return all(
        build(right),
        put(wrong.file, wrong.wrong),
        claim(prd, story),
        commitAll(`feat: ${story}`),
      );
    }, promised("The story is done.")),
    expect: { reason: "max_iterations", iterations: 4 },
  },
  {
    id: "does-the-first-story-over-and-over",
    about: "does the first of two stories again in each turn",
    honest: false,
    iterations: 6,
    ...statistics(),
    turns: [],
    afterwards: runs(
      ({ prd }) => all(build(SUM), claim(prd, "US-001"), commitAll("feat: US-001 - sum")),
      "US-001 is done.",
    ),
    expect: { reason: "no_progress", iterations: 4 },
  },
]);
