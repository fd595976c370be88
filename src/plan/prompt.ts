/** What a model is asked for a draft. */
import type { Draft } from "./draft.ts";

/** What a draft is made of, and for. */
export interface Wanted {
  /** What a person wants, in their words. */
  idea: string;
  /** The name that the task will have; undefined: the model finds one. */
  name?: string;
  /** Names that it cannot have. */
  taken: readonly string[];
  /** Lines of the gates that hold for every task. */
  gates: readonly string[];
  /** Lines of checks that the project seems to have, and that are no gates yet. */
  checks: readonly string[];
}

/** What is to be changed in a draft: a person's words, or what is wrong with it. */
export interface Again {
  /** The answer before. */
  before: string;
  /** Answers to its questions, or changes that are wanted. */
  words?: readonly string[];
  faults?: readonly string[];
}

const FORM: Draft = {
  name: "short-name",
  title: "What it is about, in one line",
  description: "A few sentences: what is missing now, and for whom.",
  stories: [
    {
      id: "US-001",
      title: "The first small thing",
      description: "What to do, and in which files.",
      criteria: ["`npm test -- sums` passes, with a test for an empty list"],
      dependsOn: [],
    },
    {
      id: "US-002",
      title: "The next one",
      description: "",
      criteria: ["`node cli.js --help` prints the option `--sum`"],
      dependsOn: ["US-001"],
    },
  ],
  gates: ["npm test"],
  nonGoals: ["What is not to be done here"],
  questions: [{ question: "What the person has to decide", choices: ["One way", "Another way"] }],
};

const RULES =
  `- A story is worked on by itself, by an agent with a fresh context: small enough for one sitting.
- Stories are in the order of the work. A story depends only on stories before it.
- A criterion says what can be seen, and how: a command, and what it prints or that it succeeds. No
  criterion such as "works well" or "is clean".
- \`gates\` are commands for a shell that have to succeed before any story passes. Name only commands that
  this project has.
- \`questions\`: at most five, only what changes the stories, each with two to four choices. Draft with what
  seems best meanwhile.`;

/** The first prompt, or, with \`again\`, the one after an answer. */
export function draftPrompt(wanted: Wanted, again?: Again): string {
  return [
    "You plan work on the project in this folder. You can read its files, and nothing else: you change " +
    "nothing and run nothing.",
    `This is what is wanted, in a person's words:\n\n${quoted(wanted.idea)}`,
    ...again ? againParts(again) : [
      "Look at the project as far as it matters for this. Then split the work into user stories.",
    ],
    RULES,
    known(wanted),
    "End with one block of JSON in this form, and nothing after it:\n\n" +
    `\`\`\`json\n${JSON.stringify(FORM, undefined, 2)}\n\`\`\``,
  ].join("\n\n") + "\n";
}

/** What is to be changed in a PRD that is there. */
interface Revising {
  /** Done stories, in a line each. */
  done: readonly string[];
  /** The open ones, as JSON. */
  open: string;
  /** What a person wants changed, in their words. */
  words: readonly string[];
  gates: readonly string[];
}

/** The prompt for a revision; with `again`, the one after an answer. */
export function revisionPrompt(
  { done, open, words, gates }: Revising,
  again?: Again,
): string {
  return [
    "You plan work on the project in this folder. You can read its files, and nothing else: you change " +
    "nothing and run nothing.",
    ...done.length === 0 ? [] : [
      `These user stories are done, and stay as they are:\n${bullets(done)}`,
    ],
    `These are open:\n\n\`\`\`json\n${open}\n\`\`\``,
    `The person wants this changed:\n${bullets(words)}`,
    ...again ? againParts(again) : [],
    RULES,
    ...gates.length === 0 ? [] : [`These gates hold for every story:\n${bullets(gates)}`],
    "Give all the open stories as they are to be, in the order of the work: those that need no change word " +
    "for word, and none that is done. A story keeps its id; a new one gets an id of the same kind that no " +
    "story has, and one that you leave out is removed.",
    "End with one block of JSON in this form, and nothing after it:\n\n" +
    `\`\`\`json\n${
      JSON.stringify({ stories: FORM.stories, questions: FORM.questions }, undefined, 2)
    }\n\`\`\``,
  ].join("\n\n") + "\n";
}

function againParts({ before, words = [], faults = [] }: Again): readonly string[] {
  return [
    `This was drafted already:\n\n${quoted(before)}`,
    ...faults.length === 0 ? [] : [
      `It cannot be used. What is wrong with it:\n${bullets(faults)}`,
      "Give the whole of it again, with that mended.",
    ],
    ...words.length === 0 ? [] : [
      `The person says to it:\n${bullets(words)}`,
      "Give the whole of it again, changed by that. Ask only what is open now.",
    ],
  ];
}

function known({ name, taken, gates, checks }: Wanted): string {
  return [
    name === undefined ? undefined : `The name is \`${name}\`.`,
    name === undefined && taken.length > 0
      ? `Names that are taken: ${taken.slice(0, 100).join(", ")}.`
      : undefined,
    gates.length === 0
      ? undefined
      : `These gates hold for every story already, and need not be named:\n${bullets(gates)}`,
    checks.length === 0 ? undefined : `These checks were found in the project:\n${bullets(checks)}`,
  ].filter((part) => part !== undefined).join("\n\n") || "The project names no checks yet.";
}

const bullets = (lines: readonly string[]) => lines.map((line) => `- ${line}`).join("\n");

/** As a quotation, so that nothing in it ends it. */
const quoted = (text: string) => text.trimEnd().split("\n").map((line) => `> ${line}`).join("\n");
