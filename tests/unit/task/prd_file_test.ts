import assert from "node:assert/strict";
import { RalphError } from "../../../src/error.ts";
import { readPrd } from "../../../src/task/prd_file.ts";

Deno.test("a PRD that is gone is named so that its command can be pasted", () => {
  assert.throws(
    () => readPrd(() => undefined, "/p/it's here/prd.md"),
    (error) => {
      assert(error instanceof RalphError);
      assert.equal(error.kind, "not_found");
      assert.equal(
        error.hints[0].command,
        "git log --oneline -3 -- '/p/it'\\''s here/prd.md'",
      );
      return true;
    },
  );
});

Deno.test("a PRD that is there is read", () => {
  const bytes = new TextEncoder().encode("### US-1: A\n- [ ] a\n");
  assert.equal(readPrd(() => bytes, "prd.md").stories.length, 1);
});
