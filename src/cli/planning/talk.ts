/** A draft, talked about in the terminal: its questions, changes in words, and whether to write it. */
import { RalphError } from "../../error.ts";
import type { Draft } from "../../plan/draft.ts";
import { plain } from "../../terminal/plain.ts";
import type { CommandContext } from "../command_context.ts";
import { answered } from "../output/answered.ts";

/** What is talked about. */
type Asks = Pick<Draft, "questions">;

interface Talk<T extends Asks> {
  draft: T;
  show: (draft: T) => void;
  /** Runs the gates that it proposes, and shows what they print; undefined where there are none. */
  gatesOf?: (draft: T) => (() => Promise<void>) | undefined;
  /** The same drafted again, with what was said; undefined when it was stopped. */
  again: (before: string, words: readonly string[]) => Promise<T | undefined>;
}

/** Each round is a prompt that is paid for, and a person can begin anew. */
const ROUNDS_MAX = 50;
const OTHER = "something else";
const GIVEN_UP = "nothing was written";

/** The draft as it is in the end, and whether it is to be written. Undefined when it was stopped. */
export async function talkAbout<T extends Asks>(
  { output: { err } }: CommandContext,
  { draft: first, show, gatesOf, again }: Talk<T>,
): Promise<{ draft: T; write: boolean } | undefined> {
  const person = await askPerson();
  let draft = first;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    err.line("");
    show(draft);
    const said = await person.answers(draft.questions);
    const words = said.length > 0 ? said : await person.whatNext(gatesOf?.(draft));
    if (typeof words === "boolean") return { draft, write: words };
    if (words.length === 0) continue;
    err.line("drafting it again");
    try {
      const changed = await again(JSON.stringify(draft, undefined, 2), words);
      if (!changed) return undefined;
      draft = changed;
    } catch (error) {
      if (!(error instanceof RalphError)) throw error;
      err.line(`${error.message}; the draft is as it was`);
    }
  }
  return { draft, write: false };
}

async function askPerson() {
  const { select, text } = await import("@clack/prompts");
  const asked = new Set<string>();

  async function say(message: string): Promise<string> {
    return (answered(await text({ message }), GIVEN_UP) ?? "").trim();
  }

  async function choose(question: string, choices: readonly string[]) {
    if (choices.length === 0) return await say(question);
    const options = [...choices, OTHER].map((choice) => ({ value: choice, label: plain(choice) }));
    const chosen = answered(await select({ message: question, options }), GIVEN_UP);
    return chosen === OTHER ? await say(question) : chosen;
  }

  /** Each question is asked once: what is left open is drafted as it is. */
  async function answers(questions: Draft["questions"]): Promise<readonly string[]> {
    const said: string[] = [];
    for (const { question, choices } of questions) {
      if (asked.has(question)) continue;
      asked.add(question);
      const answer = await choose(plain(question), choices);
      if (answer !== "") said.push(`${question} ${answer}`);
    }
    return said;
  }

  /** What is to be different, or whether the draft is to be written. */
  async function whatNext(
    runGates: (() => Promise<void>) | undefined,
  ): Promise<readonly string[] | boolean> {
    const gates = { value: "gates", label: "run its gates here, and see what they print now" };
    const next = answered(
      await select<string>({
        message: "Write it?",
        options: [
          { value: "write", label: "write it" },
          { value: "change", label: "change it: say what, such as: split US-003" },
          ...runGates ? [gates] : [],
          { value: "leave", label: "leave it" },
        ],
      }),
      GIVEN_UP,
    );
    if (next === "gates") {
      await runGates?.();
      return await whatNext(runGates);
    }
    if (next !== "change") return next === "write";
    const change = await say("What is to be different?");
    return change === "" ? [] : [change];
  }

  return { answers, whatNext };
}
