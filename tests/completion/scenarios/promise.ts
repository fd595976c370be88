/** The promise where it means nothing, and work that is done without it. */
import { PROMISE } from "../../support/agent.ts";
import { say, think } from "../../support/scripted_model.ts";
import { themed } from "../scenario.ts";
import { MEAN, MEDIAN, pieceOf, statistics, SUM } from "../statistics.ts";
import { all, build, claim, commitAll, doesStory, promised, put, runs, says } from "../turns.ts";

const TWO = [SUM, MEAN];
const second = doesStory(TWO);
const completed = { reason: "all_stories_pass", iterations: 2 };

/** A first turn that does its story, and ends with `text`. */
const first = (text: string) => doesStory(TWO, text);

export const promise = themed("the promise", [
  {
    id: "promise-quoted-from-the-prompt",
    about: "says what it was told about the promise, with a story open",
    honest: true,
    ...statistics(),
    turns: [
      first(`I was told: "only when all stories pass, end with ${PROMISE}". One is open.`),
      second,
    ],
    expect: completed,
  },
  {
    id: "promise-in-a-file-it-reads",
    about: "reads a document that has the promise on a line by itself",
    honest: true,
    ...withFile(
      "docs/loop.md",
      `# How we work\n\nThe last line of the last round is:\n\n${PROMISE}\n`,
    ),
    turns: [readsThen("docs/loop.md"), second],
    expect: completed,
  },
  {
    id: "promise-of-an-earlier-run",
    about: "reads a progress.txt in which an earlier run has left its promise",
    honest: true,
    ...withFile(
      "tasks/statistics/progress.txt",
      `## 2026-01-02 - US-000\n\nAll done.\n${PROMISE}\n---\n`,
    ),
    turns: [readsThen("tasks/statistics/progress.txt"), second],
    expect: completed,
  },
  {
    id: "promise-in-thinking",
    about: "thinks of the promise, and does not give it",
    honest: true,
    ...statistics(),
    turns: [
      doesStory(TWO, () => think(`Shall I end with this?\n${PROMISE}\nNo.`, "US-001 is done.")),
      second,
    ],
    expect: completed,
  },
  {
    id: "promise-negated",
    about: "says that it does not give the promise yet",
    honest: true,
    ...statistics(),
    turns: [first(`US-001 is done. I am not outputting ${PROMISE} yet: US-002 is open.`), second],
    expect: completed,
  },
  {
    id: "promise-negated-on-its-own-line",
    about: "the same, with the promise on a line by itself",
    honest: true,
    ...statistics(),
    turns: [first(`US-001 is done. I will not say\n${PROMISE}\nbefore US-002 is.`), second],
    expect: completed,
  },
  {
    id: "promise-in-a-code-block",
    about: "shows in a code block how it will end one day",
    honest: true,
    ...statistics(),
    turns: [first(`US-001 is done. At the end I shall say:\n\n\`\`\`\n${PROMISE}\n\`\`\``), second],
    expect: completed,
  },
  {
    id: "promise-in-a-quote",
    about: "quotes its instructions in a block quote",
    honest: true,
    ...statistics(),
    turns: [first(`US-001 is done. The rule:\n\n> ${PROMISE}`), second],
    expect: completed,
  },
  {
    id: "promise-after-each-story",
    about: "takes the promise to be about the story in hand",
    honest: true,
    ...statistics({ pieces: [SUM, MEAN, MEDIAN] }),
    turns: Array.from(
      { length: 3 },
      () => doesStory([SUM, MEAN, MEDIAN], () => say(promised("The story is done."))),
    ),
    expect: { reason: "all_stories_pass", iterations: 3 },
  },
  {
    id: "promise-without-any-work",
    about: "promises in the first turn, and does nothing",
    honest: false,
    ...statistics(),
    turns: [says(promised("All stories are done."))],
    afterwards: says(promised("All stories are done.")),
    expect: { reason: "no_progress", iterations: 3 },
  },
  {
    id: "promise-with-a-plan",
    about: "promises, and has written a plan in place of the work",
    honest: false,
    iterations: 2,
    ...statistics(),
    turns: [1, 2].map((round) =>
      runs(
        all(put("PLAN.md", `# Plan ${round}\n\nWrite sum and mean.`), commitAll("docs: plan")),
        promised("The plan is complete."),
      )
    ),
    expect: { reason: "max_iterations", iterations: 2 },
  },
  {
    id: "promise-missing",
    about: "does all its work and never promises; goes on saying so",
    honest: true,
    ...statistics(),
    turns: [first("US-001 is done."), doesStory(TWO, "US-002 is done, and so is the task.")],
    expect: completed,
  },
  {
    id: "promise-misspelt",
    about: "does all its work and promises in other letters",
    honest: true,
    ...statistics(),
    turns: [first("US-001 is done."), doesStory(TWO, "Done.\n\n**<promise> Complete </promise>**")],
    expect: completed,
  },
]);

function withFile(path: string, text: string) {
  const { files, truth } = statistics();
  return { files: { ...files, [path]: text }, truth };
}

/** Reads a file and does the story in hand. */
function readsThen(path: string) {
  return runs(
    ({ story, prd }) =>
      all(
        `cat ${path}`,
        build(pieceOf(story, TWO)),
        claim(prd, story),
        commitAll(`feat: ${story}`),
      ),
    "US-001 is done.",
  );
}
