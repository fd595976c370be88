import assert from "node:assert/strict";
import {
  EXIT,
  exitCodeOf,
  exitCodeOfSession,
  MEANINGS,
  worstOf,
} from "../../../src/cli/exit_codes.ts";

Deno.test("the documents have the table as it is", () => {
  const text = Deno.readTextFileSync(new URL("../../../docs/usage.md", import.meta.url));
  const rows = [...text.matchAll(/^\| *(\d+) *\| *(.*?) *\|$/gm)].map(([, code, meaning]) =>
    [Number(code), meaning] as const
  );
  assert.deepEqual(rows, MEANINGS);
  assert.deepEqual(MEANINGS.map(([code]) => code), Object.values(EXIT));
});

Deno.test("of several tasks the worst counts, and one that was not run is worse than one to go on with", () => {
  assert.equal(worstOf([0, 9, 1, 8]), 1);
  assert.equal(worstOf([0, 8, 9]), 9);
  assert.equal(worstOf([0, 0]), 0);
});

Deno.test("errors and ends of sessions have their codes", () => {
  assert.equal(exitCodeOf("usage"), 2);
  assert.equal(exitCodeOf("not_found"), 4);
  assert.equal(exitCodeOf("conflict"), 5);
  assert.equal(exitCodeOf("unavailable"), 6);
  assert.equal(exitCodeOf("state"), 7);
  assert.equal(exitCodeOf("failed"), 1);
  assert.equal(exitCodeOf("interrupted"), 130);
  assert.equal(exitCodeOf("terminated"), 143);
  const end = (status: "completed" | "stopped" | "failed" | "checkpointed", reason: string) =>
    exitCodeOfSession({ status, reason });
  assert.equal(end("completed", "all_stories_pass"), 0);
  assert.equal(end("stopped", "max_iterations"), 1);
  assert.equal(end("failed", "provider_error"), 1);
  assert.equal(end("failed", "server_unreachable"), 6);
  assert.equal(end("checkpointed", "checkpoint"), 8);
});
