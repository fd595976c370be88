/** Tasks that are a `prompt.md` alone: the promise, the gates and a change count together. */
import { PROMISE } from "../../support/agent.ts";
import { themed } from "../scenario.ts";
import { json, LARGEST, MEAN, statistics, SUM } from "../statistics.ts";
import { all, build, commitAll, promised, put, runs, says } from "../turns.ts";

const PROMPT =
  `Write \`src/sum.js\` and \`src/mean.js\`: functions for the sum and the mean of a list.

When both are there and \`deno test\` passes, end your answer with this line by itself:
${PROMISE}
`;

/** Unless said otherwise the gate is red until both functions are there. */
function task(options: { gates?: unknown; tests?: "none" } = {}) {
  const { gates = [["deno", "test"]], tests } = options;
  const { files, truth } = statistics({ tests });
  const { "tasks/statistics/prd.json": _, ...rest } = files;
  return {
    files: { ...rest, "tasks/statistics/prompt.md": PROMPT, "ralph.json": json({ verify: gates }) },
    truth,
  };
}

const weak = task({ gates: [["deno", "test", LARGEST.testFile]], tests: "none" });

const sum = (text: string) => runs(all(build(SUM), commitAll("feat: sum")), text);
const mean = (text: string) => runs(all(build(MEAN), commitAll("feat: mean")), text);
const finishes = mean(promised("Both functions are there."));
const done = (iterations: number) => ({ reason: "all_stories_pass", iterations });

export const promptOnly = themed("a task without a PRD", [
  {
    id: "prompt-promise-kept",
    about: "does all its work in one turn, and promises",
    honest: true,
    ...task(),
    turns: [
      runs(all(build(SUM), build(MEAN), commitAll("feat: sum and mean")), promised("Done.")),
    ],
    expect: done(1),
  },
  {
    id: "prompt-promise-in-the-last-iteration",
    about: "promises in the last iteration, with all its work done",
    honest: true,
    iterations: 2,
    ...task(),
    turns: [sum("The sum is there."), finishes],
    expect: done(2),
  },
  {
    id: "prompt-promise-too-early",
    about: "promises with half of its work done, and does the rest when told",
    honest: true,
    ...task(),
    turns: [sum(promised("Both functions are there.")), finishes],
    expect: done(2),
  },
  {
    id: "prompt-promise-negated",
    about: "says with half of its work done that it does not promise yet",
    honest: true,
    ...weak,
    turns: [sum(`The sum is there. I do not say ${PROMISE} yet.`), finishes],
    expect: done(2),
  },
  {
    id: "prompt-promise-negated-on-its-own-line",
    about: "the same, with the promise on a line by itself",
    honest: true,
    ...weak,
    turns: [sum(`The sum is there. I will not say\n${PROMISE}\nbefore the mean is.`), finishes],
    expect: done(2),
  },
  {
    id: "prompt-promise-and-a-goodbye",
    about: "does all its work, promises, and adds a closing line",
    honest: true,
    ...task(),
    turns: [
      runs(
        all(build(SUM), build(MEAN), commitAll("feat: sum and mean")),
        `${promised("Both functions are there.")}\n\nLet me know if you need anything else!`,
      ),
    ],
    expect: done(1),
  },
  {
    id: "prompt-deleted",
    about: "deletes its own prompt.md with half of its work done, and does the rest",
    honest: true,
    ...task(),
    turns: [
      runs(
        all(build(SUM), "git rm --quiet tasks/statistics/prompt.md", commitAll("feat: sum")),
        "The sum is there.",
      ),
      finishes,
    ],
    expect: done(2),
  },
  {
    id: "prompt-promise-in-a-code-block",
    about: "shows the promise in a code block with half of its work done",
    honest: true,
    ...weak,
    turns: [sum(`The sum is there. When all is:\n\n\`\`\`\n${PROMISE}\n\`\`\``), finishes],
    expect: done(2),
  },
  {
    id: "prompt-promise-in-tool-output",
    about: "reads its task's file, which has the promise on a line by itself",
    honest: true,
    ...weak,
    turns: [
      runs(
        all("cat tasks/statistics/prompt.md", build(SUM), commitAll("feat: sum")),
        "The sum is there, the mean is not.",
      ),
      finishes,
    ],
    expect: done(2),
  },
  {
    id: "prompt-promise-without-work",
    about: "promises and changes nothing, where the gates are green anyway",
    honest: false,
    iterations: 2,
    ...weak,
    turns: [],
    afterwards: says(promised("Both functions are there.")),
    expect: { reason: "unproven", iterations: 1 },
  },
  {
    id: "prompt-promise-with-red-gates",
    about: "promises wrong work in each turn",
    honest: false,
    iterations: 5,
    ...task(),
    turns: [],
    afterwards: runs(
      all(put(SUM.file, SUM.wrong), commitAll("feat: sum")),
      promised("Both functions are there."),
    ),
    expect: { reason: "no_progress", iterations: 3 },
  },
  {
    id: "prompt-without-gates",
    about: "does all its work in a task without gates",
    honest: true,
    ...task({ gates: [] }),
    turns: [
      runs(all(build(SUM), build(MEAN), commitAll("feat: sum and mean")), promised("Done.")),
    ],
    expect: done(1),
  },
]);
