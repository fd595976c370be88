/** A task's first words, asked in the terminal. */
import type { PrdWords } from "../../task/new_prd.ts";
import { plain } from "../../terminal/plain.ts";

/** Asks one thing. Throws when the person gives up. */
type Ask = (message: string) => Promise<string>;

/** Nobody writes more at one sitting, and each is worked on by itself. */
const ANSWERS_MAX = 50;

/**
 * Asks what the task is about, then for its stories with their criteria, then for its gates. Hands back
 * `template` where there is no answer to the first. `gates`: names of those that hold for every task of
 * the project.
 */
export async function askPrd(
  ask: Ask,
  gates: readonly string[],
): Promise<PrdWords | "template"> {
  const title = await ask("What is it about, in one line? (just Enter: a file to fill in)");
  if (title === "") return "template";
  const stories: { title: string; criteria: readonly string[] }[] = [];
  while (stories.length < ANSWERS_MAX) {
    const nth = stories.length + 1;
    const story = await ask(
      nth === 1 ? "Story 1: what is to be done first?" : `Story ${nth}? (just Enter: that is all)`,
    );
    if (story === "" && nth === 1) continue;
    if (story === "") break;
    const criteria = await askList(ask, "How can one tell that it is done?");
    stories.push({ title: story, criteria });
  }
  const verify = await askList(
    ask,
    gates.length === 0
      ? "Which command has to succeed before a story passes, such as `npm test`?"
      : `A story passes when these succeed: ${plain(gates.join(", "), 100)}. Which other command?`,
  );
  return { title, stories, verify };
}

/** Answers up to an empty one. */
async function askList(ask: Ask, question: string): Promise<readonly string[]> {
  const answers: string[] = [];
  while (answers.length < ANSWERS_MAX) {
    const more = answers.length === 0 ? "just Enter: none" : "just Enter: that is all";
    const answer = await ask(`${answers.length === 0 ? question : "And?"} (${more})`);
    if (answer === "") break;
    answers.push(answer);
  }
  return answers;
}
