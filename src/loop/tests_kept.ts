/** Counts the tests of the project, against those that were there when a claim last held. */
import { RalphError } from "../error.ts";
import type { JudgeTools } from "../host/judge_tools.ts";
import { type Census, compareCensus, takeCensus } from "../verify/test_census.ts";

export interface TestsKept {
  /** Counts what is there, unless an earlier worker of the session did. */
  begin(): Promise<void>;
  /** Which tests are missing, emptied or newly skipped, in words; empty when none are. */
  lost(): Promise<string>;
  /** From now on what was counted last is what must stay. */
  accept(): Promise<void>;
}

/** `stored` is what an earlier worker of the session handed to `store`; undefined for a new session. */
export function keepTests(
  { root, tools, stored, store }: {
    root: string;
    tools: JudgeTools;
    stored: string | undefined;
    store: (text: string) => void | Promise<void>;
  },
): TestsKept {
  let base: Census | undefined = stored === undefined ? undefined : JSON.parse(stored);
  let last = base;

  async function keep(census: Census): Promise<void> {
    await store(JSON.stringify(census));
    base = census;
  }

  return {
    async begin() {
      if (base) return;
      last = await takeCensus(root, { tools });
      await keep(last);
    },
    async lost() {
      try {
        last = await takeCensus(root, { tools, earlier: last });
      } catch (error) {
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
