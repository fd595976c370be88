/** What the agent is told: one story, what done means, and what the last iterations left behind. */
import * as path from "node:path";
import { progressView } from "../task/progress.ts";
import type { Story } from "../task/prd.ts";
import type { Task } from "../task/find.ts";

/** How much of progress.txt goes into the prompt, in characters: some 3,000 tokens. */
const PROGRESS_MAX = 12_000;

export interface PromptFacts {
  task: Task;
  prdPath: string;
  format: "json" | "markdown";
  story: Story;
  /** Stories that are open, this one among them. */
  open: number;
  total: number;
  /** The text of progress.txt; undefined when there is none yet. */
  progress?: string;
  /** Why the last iteration did not bring the story through, in words. */
  lastFailure?: string;
}

/** The prompt of one iteration. */
export function buildPrompt(facts: PromptFacts): string {
  const { task, story } = facts;
  const relative = (file: string) => path.relative(task.projectRoot, file);
  const progressPath = relative(path.join(task.dir, "progress.txt"));
  const sections = [
    `You are one round of a loop that works through a list of user stories, each round with a ` +
    `fresh context. Nobody is here to answer questions: decide by yourself and go on.

Project: ${task.projectRoot}
PRD: ${relative(facts.prdPath)}
Progress: ${progressPath}
Story: ${story.id}

# ${story.id}: ${story.title}`,
    story.description,
    story.criteria.length > 0 &&
    `Acceptance criteria:\n${story.criteria.map((criterion) => `- ${criterion.text}`).join("\n")}`,
    story.notes && `Notes: ${story.notes}`,
    facts.lastFailure && `# The round before this one\n\n${facts.lastFailure}`,
    facts.progress?.trim() &&
    `# What earlier rounds wrote down\n\n${progressView(facts.progress, PROGRESS_MAX)}`,
    `# What to do

1. Work on ${story.id} and on nothing else. Look at the code before you write: it may be half done.
2. Run the checks that this project has: its tests, its type check, its linter.
3. ${
      facts.format === "json"
        ? `When every acceptance criterion holds and the checks pass, set \`"passes": true\` for ${story.id} in the PRD.`
        : `When every acceptance criterion holds and the checks pass, tick the boxes of ${story.id} in the PRD: \`- [ ]\` becomes \`- [x]\`.`
    } Change nothing else in that file. When they do not, leave it as it is.
4. Add an entry to ${progressPath}: a heading \`## <date> - ${story.id}\`, what you did, what you learned that the next round needs, and a line \`---\`. What holds for the whole project goes into the section \`## Codebase Patterns\` at its top.
5. Commit your work with the message \`feat: ${story.id} - ${story.title}\`. Do not push.

${facts.open} of ${facts.total} stories are open. Only when all stories of the PRD pass, end your answer with this line by itself:
<promise>COMPLETE</promise>`,
  ];
  return sections.filter((section) => section).join("\n\n") + "\n";
}
