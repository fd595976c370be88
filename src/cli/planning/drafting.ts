/** A draft from a model: asked for, and asked for again where it cannot be used. */
import * as path from "node:path";
import type { Asking } from "../../app/ask_model.ts";
import { RalphError } from "../../error.ts";
import { jsonIn } from "../../plan/answer.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { plain } from "../../terminal/plain.ts";

/** The first answer, and two more with what was wrong. */
const TRIES_MAX = 3;
/** Of an answer that is shown to the model again, in UTF-16 units. */
const BEFORE_MAX = 60_000;

type Read<T> = (value: unknown) => { draft: T } | { faults: readonly string[] };

/** What was answered, and what is wrong with it. */
interface Wrong {
  before: string;
  faults: readonly string[];
}

/**
 * What `read` makes of the model's answer. Undefined when it was stopped. Throws as `Asking.ask`, and
 * `RalphError` (`failed`) when no answer can be used: it says where the last one is kept.
 */
export async function answerFrom<T>(
  { ask }: Pick<Asking, "ask">,
  { prompt, read, onWrong }: {
    /** Undefined: for the first time. */
    prompt: (wrong: Wrong | undefined) => string;
    read: Read<T>;
    /** Told before it is asked again. */
    onWrong: (faults: readonly string[]) => void;
  },
): Promise<T | undefined> {
  let wrong: Wrong | undefined;
  for (let left = TRIES_MAX; left > 0; left--) {
    if (wrong) onWrong(wrong.faults);
    const answer = await ask(prompt(wrong));
    if (answer === undefined) return undefined;
    const found = jsonIn(answer);
    const reading = "fault" in found ? { faults: [found.fault] } : read(found.value);
    if ("draft" in reading) return reading.draft;
    wrong = { before: answer.slice(0, BEFORE_MAX), faults: reading.faults };
  }
  throw unusable(wrong);
}

function unusable({ before, faults }: Wrong = { before: "", faults: [] }): RalphError {
  const kept = path.join(Deno.makeTempDirSync({ prefix: "ralph-plan-" }), "answer.txt");
  Deno.writeTextFileSync(kept, before, { mode: 0o600 });
  const [first = "", ...others] = faults.map((fault) => plain(fault, 300));
  return new RalphError(
    "failed",
    `cannot use what the model answered, ${TRIES_MAX} times: ${first}. The last answer is kept as ${kept}`,
    [
      ...others.map((text) => ({ text })),
      { text: "see it", command: `less ${shellWord(kept)}` },
      { text: "another model may do better", command: "ralph plan --help" },
    ],
  );
}
