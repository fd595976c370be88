/** What is written of a person's words. Documented where the store is: `store.ts`. */
import { RalphError } from "../error.ts";
import { insertInto, type Writing } from "./leased_writes.ts";
import type { Lease, Outcome, Told, Word } from "./model.ts";
import { wordReaders } from "./readers.ts";
import { plural } from "../terminal/plural.ts";

/** Of all words of a task that wait, in UTF-16 units: they go into one prompt. */
const WAITING_MAX = 12_000;

/** Whoever had the words then did not come to an end with them: the next prompt has them again. */
const BROKE_OFF: readonly Outcome[] = ["error", "timeout", "interrupted", "stopped"];

const RELEASE = `UPDATE words SET session_id = NULL, iteration = NULL, how = NULL, told_at = NULL
  WHERE id = @id`;

export function wordWrites({ one, many, change, atomically, times, updateSession }: Writing) {
  const { waitingWords, wordsTold } = wordReaders({ many });
  const release = (id: number) => change(RELEASE, { id });
  return {
    addWord({ taskDir, text, forPrompt }: Pick<Word, "text" | "forPrompt"> & { taskDir: string }) {
      return atomically((): number => {
        const waiting = waitingWords(taskDir).reduce((sum, word) => sum + word.text.length, 0);
        if (waiting + text.length > WAITING_MAX) {
          throw new RalphError(
            "conflict",
            "cannot take more words: those that wait for the next prompt have " +
              `${plural(waiting, "character")}, and it has ` + `room for ${WAITING_MAX}`,
          );
        }
        const columns = {
          task_dir: taskDir,
          text,
          said_at: times.now(),
          for_prompt: forPrompt ? 1 : 0,
        };
        return Number(one(insertInto("words", columns, "RETURNING id"), columns)?.id);
      });
    },

    takeWords(lease: Lease, { taskDir, iteration, how }: Pick<Told, "iteration" | "how"> & {
      taskDir: string;
    }): readonly Word[] {
      const wanted = waitingWords(taskDir).filter(({ forPrompt }) =>
        how === "prompt" || !forPrompt
      );
      if (wanted.length === 0) return [];
      return atomically(() => {
        updateSession(lease, {});
        const told = { session_id: lease.sessionId, iteration, how, told_at: times.now() };
        return wanted.filter(({ id }) =>
          change(
            `UPDATE words SET session_id = @session_id, iteration = @iteration, how = @how,
              told_at = @told_at WHERE id = @id AND session_id IS NULL`,
            { ...told, id },
          ) > 0
        );
      });
    },

    giveBackWord(lease: Lease, id: number): void {
      atomically(() => {
        updateSession(lease, {});
        release(id);
      });
    },

    /** Call it in the transaction that ends the iteration. */
    releaseWords(
      { sessionId }: Lease,
      { number, outcome, unanswered = [] }: {
        number: number;
        outcome: Outcome;
        unanswered?: readonly number[];
      },
    ): void {
      for (const { id } of wordsTold(sessionId, number)) {
        if (BROKE_OFF.includes(outcome) || unanswered.includes(id)) release(id);
      }
    },
  };
}
