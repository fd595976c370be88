/** What the agent is told: one story, what done means, and what the last iterations left behind. */
import * as path from "node:path";
import { progressPath, type Task } from "../../task/task_files.ts";
import type { Gate } from "../../task/gate.ts";
import type { Story } from "../../task/prd.ts";
import { progressView } from "../../task/progress.ts";
import { fillTemplate, type Placeholder, places } from "./prompt_template.ts";
import { wantsAllCommitted } from "../../verify/gates/clean_gates.ts";
import { storiesAreOpen } from "../../task/stories_open.ts";

/** How much of progress.txt goes into the prompt, in UTF-16 units: some 3,000 tokens. */
const PROGRESS_MAX = 12_000;
/** What a placeholder of a prompt of the user's own need not be there for: it is added anyway. */
const ALWAYS_TOLD = ["said", "failure"] as const;

export interface PromptFacts {
  task: Task;
  story: Story;
  /** How a story is claimed; undefined for a task without stories. */
  format?: "json" | "markdown";
  /** What the PRD says beside its stories, bounded. */
  about?: string;
  /** Stories that are open, this one among them. */
  open: number;
  total: number;
  /** What the loop checks by itself. */
  gates: readonly Gate[];
  /** The text of progress.txt; undefined when there is none yet. */
  progress?: string;
  /** Why the last iteration did not bring the story through, in words. */
  failure?: string;
  /** What a person says. */
  said?: string;
  /** A prompt of the user's own: for a task without stories it is the task. */
  template?: string;
}

/** The prompt of one iteration. */
export function buildPrompt(facts: PromptFacts): string {
  const { template } = facts;
  const values = valuesOf(facts);
  if (facts.format === undefined) return promptOfTask(template ?? "", values);
  if (template !== undefined) {
    const added = ALWAYS_TOLD.filter((name) => !places(template, name))
      .map((name) => section(name, values));
    return joined([fillTemplate(template, values), ...added]);
  }
  return joined([
    `You are one round of a loop that works through a list of user stories, each round with a ` +
    `fresh context. Nobody is here to answer questions: decide by yourself and go on.

Project: ${values.project}
PRD: ${values.prd}
Progress: ${values.progress_file}
Story: ${values.id}

# ${values.id}: ${values.title}`,
    values.description,
    values.criteria && `Acceptance criteria:\n${values.criteria}`,
    values.notes && `Notes: ${values.notes}`,
    facts.about &&
    `# What else the PRD says\n\nThe whole of it is in ${values.prd}: read it there.\n\n${facts.about}`,
    section("said", values),
    section("failure", values),
    section("progress", values),
    section("rules", values),
  ]);
}

/** A task without stories: the user's own text, and what the loop has to add to it. */
function promptOfTask(template: string, values: Readonly<Record<Placeholder, string>>): string {
  const names = ["said", "failure", "progress", "rules"] as const;
  const added = names.filter((name) => !places(template, name)).map((name) =>
    section(name, values)
  );
  return joined([
    fillTemplate(template, values).trim(),
    `Task: ${values.task}\nProject: ${values.project}\nProgress: ${values.progress_file}`,
    ...added,
  ]);
}

const HEADINGS = {
  said: "What a person says",
  failure: "The round before this one",
  progress: "What earlier rounds wrote down",
  rules: "What to do",
} as const;

function section(
  name: keyof typeof HEADINGS,
  values: Readonly<Record<Placeholder, string>>,
): string {
  return values[name] && `# ${HEADINGS[name]}\n\n${values[name]}`;
}

function joined(sections: readonly (string | undefined)[]): string {
  return sections.filter(Boolean).join("\n\n") + "\n";
}

function valuesOf(facts: PromptFacts): Readonly<Record<Placeholder, string>> {
  const { task, story, gates } = facts;
  const relative = (file: string) => path.relative(task.projectRoot, file);
  return {
    task: task.name,
    project: task.projectRoot,
    prd: task.prdPath ? relative(task.prdPath) : "",
    progress_file: relative(progressPath(task)),
    story: `${story.id}: ${story.title}`,
    id: story.id,
    title: story.title,
    description: story.description,
    criteria: story.criteria.map((criterion) => `- ${criterion.text}`).join("\n"),
    notes: story.notes,
    progress: facts.progress?.trim() ? progressView(facts.progress, PROGRESS_MAX) : "",
    failure: facts.failure ?? "",
    said: facts.said ?? "",
    gates: gates.map(({ name }) => `- \`${name}\``).join("\n"),
    rules: rules(facts, relative(progressPath(task))),
    open: String(facts.open),
    total: String(facts.total),
  };
}

function rules(facts: PromptFacts, progressFile: string): string {
  const { format, story, open, total } = facts;
  const steps = [
    `${
      format
        ? `Work on ${story.id} and on nothing else. Read the PRD first: what it says beside the stories holds for all of them.`
        : "Do what is said above."
    } Look at the code before you write: it may be half done.`,
    checks(facts),
    ...format ? [claim(format, story)] : [],
    `Add an entry to ${progressFile}: a heading \`## <date> - ${
      format ? story.id : facts.task.name
    }\`, what you did, what you learned that the next round needs, and a line \`---\`. What holds ` +
    "for the whole project goes into the section `## Codebase Patterns` at its top.",
    format
      ? `Commit your work with the message \`feat: ${story.id} - ${story.title}\`. Do not push.`
      : "Commit your work. Do not push.",
  ];
  return `${steps.map((step, i) => `${i + 1}. ${step}`).join("\n")}

When you cannot go on without a person (credentials that are missing, a decision that is not yours), write down how far you are, and end your answer with what you need, on a line by itself:
<blocked>what you need</blocked>

${
    format
      ? `${
        total === 1 ? "Its story is open" : storiesAreOpen(open, total)
      }. Only when all stories of the PRD pass, end your answer with this line by itself:`
      : "Only when all of it is done and the checks pass, end your answer with this line by itself:"
  }
<promise>COMPLETE</promise>`;
}

function checks({ gates }: PromptFacts): string {
  const own = "Run the checks that this project has: its tests, its type check, its linter.";
  if (gates.length === 0) return own;
  const names = gates.map(({ name }) => `\`${name}\``).join(", ");
  return `${own} When you say that something is done, the loop runs these by itself, and takes ` +
    `your word back when one fails: ${names}. Files that they name count as they were when the ` +
    "session began. Do not delete or skip tests." + committedLast(gates);
}

function committedLast(gates: readonly Gate[]): string {
  const names = gates.filter(wantsAllCommitted).map(({ name }) => `\`${name}\``);
  if (names.length === 0) return "";
  return ` ${
    names.join(", ")
  } can only pass when all is committed: commit last, your marks in the PRD ` +
    "and your entry included.";
}

function claim(format: "json" | "markdown", { id, marks }: Story): string {
  const mark = format === "json"
    ? `set ${(marks ?? ['"passes": true']).map((one) => `\`${one}\``).join(" and ")} for ${id}`
    : (marks ?? ["boxes"]).map((one) => TICKS[one](id)).join(", and ");
  return `When every acceptance criterion holds and the checks pass, ${mark} in the PRD. Change ` +
    "nothing else in that file. When they do not, leave it as it is.";
}

/** How each mark of a story in markdown is set. */
const TICKS: Readonly<Record<string, (id: string) => string>> = {
  boxes: (id) => `tick the boxes of ${id} (\`- [ ]\` becomes \`- [x]\`)`,
  heading: (id) => `tick the box in its heading (\`[ ] ${id}\` becomes \`[x] ${id}\`)`,
  status: () => "set its status line to `Done`",
};
