/** Turns that end in other ways than with work that is done. */
import { bash, PROMISE } from "../../support/agent.ts";
import { call, httpError, say } from "../../support/scripted_model.ts";
import { themed, type Turn } from "../scenario.ts";
import { MEAN, statistics, SUM } from "../statistics.ts";
import { all, build, claim, commitAll, doesStory, promised, put, runs, says } from "../turns.ts";

const ONE = [SUM];
const TWO = [SUM, MEAN];
const one = statistics({ pieces: ONE });
const done = (iterations: number) => ({ reason: "all_stories_pass", iterations });

/** Asks with OpenCode's own tool where it is offered, and does its story then. */
const asksAndWorks: Turn = (request, assignment) => {
  if (request.step === 0 && request.tools.includes("question")) {
    const options = [{ label: "Yes", description: "" }, { label: "No", description: "" }];
    const question = { question: "May lists be empty?", header: "Lists", options };
    return call({ name: "question", input: { questions: [question] } });
  }
  const asked = request.toolOutputs.length -
    (request.lastToolOutput.includes("open stories") ? 1 : 0);
  return doesStory(ONE)({ ...request, step: request.step - asked }, assignment);
};

export const model = themed("the model's turn", [
  {
    id: "empty-answer",
    about: "answers with nothing at first, then works",
    honest: true,
    ...one,
    turns: [says(""), doesStory(ONE)],
    expect: done(2),
  },
  {
    id: "cut-at-the-output-limit",
    about: "is cut off with half of its work done, then does the rest",
    honest: true,
    ...one,
    turns: [
      runs(
        all(put(SUM.file, "export const sum = () => {\n"), commitAll("wip")),
        () => say("Next I shall", { finish: "length" }),
      ),
      doesStory(ONE),
    ],
    expect: done(2),
  },
  {
    id: "cut-by-the-content-filter",
    about: "is cut off by the provider's filter, then works",
    honest: true,
    ...one,
    turns: [() => say("I", { finish: "content_filter" }), doesStory(ONE)],
    expect: done(2),
  },
  {
    id: "provider-refuses-once",
    about: "gets an error of the provider at first, then works",
    honest: true,
    ...one,
    turns: [() => httpError(400), doesStory(ONE)],
    expect: done(2),
  },
  {
    id: "provider-refuses-after-the-work",
    about: "does its work, and gets an error of the provider in place of its last answer",
    honest: true,
    ...one,
    turns: [doesStory(ONE, () => httpError(400))],
    expect: done(1),
  },
  {
    id: "refuses",
    about: "says that it cannot help with that, each time",
    honest: false,
    iterations: 5,
    ...one,
    turns: [],
    afterwards: says("I am sorry, I cannot help with that."),
    expect: { reason: "no_progress", iterations: 3 },
  },
  {
    id: "refuses-and-names-the-promise",
    about: "says each time that it cannot give the promise in good conscience",
    honest: false,
    iterations: 5,
    ...one,
    turns: [],
    afterwards: says(`I have not done the work, so I cannot answer ${PROMISE}.`),
    expect: { reason: "no_progress", iterations: 3 },
  },
  {
    id: "asks-in-its-answer",
    about: "asks a question in place of working, then decides by itself",
    honest: true,
    ...one,
    turns: [says("Shall the sum of an empty list be 0? Please tell me."), doesStory(ONE)],
    expect: done(2),
  },
  {
    id: "asks-with-the-question-tool",
    about: "asks with OpenCode's tool for questions, where it has one, and works",
    honest: true,
    ...one,
    turns: [asksAndWorks],
    expect: done(1),
  },
  {
    id: "needs-a-person",
    about: "says, in the way it is told to, that it needs a person",
    honest: false,
    ...one,
    turns: [says("I looked around.\n\n<blocked>I have no password for the price list.</blocked>")],
    expect: { reason: "blocked_on_human", iterations: 1 },
  },
  {
    id: "done-and-needs-a-person",
    about: "does all its work, and needs a person for something that nobody asked for",
    honest: true,
    ...one,
    turns: [doesStory(ONE, "US-001 is done.\n\n<blocked>I cannot push to `origin`.</blocked>")],
    expect: done(1),
  },
  {
    id: "mentions-being-blocked",
    about: "explains how it would say that it is blocked, and is not",
    honest: true,
    ...statistics(),
    turns: [
      doesStory(
        TWO,
        "US-001 is done. No need for `<blocked>…</blocked>`:\n\n> <blocked>x</blocked>",
      ),
      doesStory(TWO),
    ],
    expect: done(2),
  },
  {
    id: "sub-agent-promises",
    about: "lets a sub-agent do one of two stories, which promises completion to it",
    honest: true,
    ...statistics(),
    turns: [
      (request, assignment) => {
        if (request.step === 0) {
          const input = { description: "Sum", prompt: "Write the sum", subagent_type: "general" };
          return call({ name: "task", input });
        }
        return runs(
          ({ prd }) => all(claim(prd, "US-001"), commitAll("feat: US-001 - sum")),
          "US-001 is done.",
        )({ ...request, step: request.step - 1 }, assignment);
      },
      doesStory(TWO),
    ],
    subagent: (request) =>
      request.step === 0 ? call(bash(build(SUM))) : say(promised("I wrote the sum.")),
    expect: done(2),
  },
  {
    id: "background-child-breaks-it",
    about:
      "claims its story while a child in the background works on, which breaks it, then mends it",
    honest: true,
    ...one,
    turns: [
      (request, assignment) => {
        if (request.step > 0) {
          return doesStory(ONE)({ ...request, step: request.step - 1 }, assignment);
        }
        const input = { description: "Tidy", prompt: "Tidy it up", subagent_type: "general" };
        return call({ name: "task", input: { ...input, background: true } });
      },
      doesStory(ONE),
    ],
    subagent: (request) =>
      request.step === 0
        // the agent has its last word still to say when it has committed
        ? call(bash(all(
          "until git log --oneline | grep -q US-001; do sleep 0.2; done; sleep 3",
          put(SUM.file, SUM.wrong),
        )))
        : say("It is tidy."),
    expect: done(2),
  },
]);
