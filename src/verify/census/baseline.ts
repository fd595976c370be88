/** Counts the tests of the project, against those that were there when a claim last held. */
import * as z from "zod";
import { RalphError } from "../../error.ts";
import type { ProjectFiles } from "../../host/files/project_files.ts";
import type { TreeState } from "../../host/git/tree_state.ts";
import { parseStored } from "../../stored_json.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { type Census, compareCensus, takeCensus } from "./census.ts";

export interface TestBaseline {
  /**
   * Counts what is there, unless an earlier worker of the session did. Throws `RalphError` (`state`)
   * when its count cannot be read: the agent may have taken away tests since.
   */
  begin(): Promise<void>;
  /**
   * Which tests are missing, emptied or newly skipped, in words; empty when none are, and undefined
   * when aborted. `tree`: as it was just now; then only what differs since the last one is looked at,
   * since to list a tree of 100,000 files takes git and us 0.3 s (measured).
   */
  lost(options?: { tree?: TreeState; signal?: AbortSignal }): Promise<string | undefined>;
  /** From now on what was counted last is what must stay. */
  accept(): Promise<void>;
}

const censusSchema: z.ZodType<Census> = z.record(
  z.string(),
  z.object({
    key: z.string().optional(),
    tests: z.array(z.object({
      name: z.string(),
      skipped: z.boolean(),
      assertions: z.number(),
      calls: z.array(z.string()),
      words: z.array(z.string()),
    })),
  }),
);

/**
 * `stored` is what an earlier worker of the session handed to `store`, which has it in `place`;
 * undefined for a new session.
 */
export function createTestBaseline(
  { root, tools, stored, place, store }: {
    root: string;
    tools: ProjectFiles;
    stored: string | undefined;
    place: string;
    store: (text: string) => void | Promise<void>;
  },
): TestBaseline {
  let base: Census | undefined;
  let last: Census | undefined;
  /** A state of the tree that `last` is no older than. */
  let seen: TreeState | undefined;

  async function keep(census: Census): Promise<void> {
    await store(JSON.stringify(census));
    base = census;
  }

  return {
    async begin() {
      if (base) return;
      if (stored !== undefined) {
        base = last = readCensus(stored, { root, place });
        return;
      }
      last = await takeCensus(root, { tools });
      await keep(last);
    },
    async lost({ tree, signal } = {}) {
      try {
        const changed = last && seen && tree &&
          await tools.filesBetween(root, { before: seen, after: tree, signal });
        last = await takeCensus(root, { tools, earlier: last, changed, signal });
        seen = tree ?? seen;
      } catch (error) {
        if (signal?.aborted) return undefined;
        if (!(error instanceof RalphError)) throw error;
        return `the tests cannot be counted: ${error.message}`;
      }
      return base ? compareCensus(base, last).words : "";
    },
    async accept() {
      if (last) await keep(last);
    },
  };
}

function readCensus(text: string, { root, place }: { root: string; place: string }): Census {
  return parseStored(text, {
    schema: censusSchema,
    what: `which tests were there before, in ${plain(place)}`,
    hints: [{
      text:
        "a new session counts the tests that are there then; see first what was changed in them",
      command: `git -C ${shellWord(root)} diff`,
    }],
  });
}
