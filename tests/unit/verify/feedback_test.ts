import assert from "node:assert/strict";
import { failureText } from "../../../src/verify/feedback.ts";

Deno.test("the next prompt says that changing a check helps nothing, and which run failed", () => {
  const gate = { name: "check", run: { args: ["sh", "check.sh"] } };
  const why = "exit code 1 with the protected files as they were (as delivered it passes)";
  const text = failureText({
    notes: [{ about: "protected", text: "they ran twice: `check.sh` was changed" }],
    takenBack: [{ storyId: "US-001", why: `the gate \`check\` fails: ${why}` }],
    results: [{ gate, passed: false, why, output: "", durationMs: 1 }],
    testsCount: false,
  });
  assert.match(text ?? "", /^A gate has to pass both ways, .*: they ran twice: `check\.sh` was ch/);
  assert.match(text ?? "", /\nUS-001 .* 1 with the protected files as they were \(as delivered/);
});

Deno.test("the next prompt names the calls that the user's own rules refused", () => {
  const text = failureText({
    notes: [{
      about: "refused",
      text: "refused by the user's own rules: bash `git push` (2 times)",
    }],
    takenBack: [],
    results: [],
    testsCount: false,
  });
  assert.match(
    text ?? "",
    /^These calls were refused by the user's own rules: bash `git push` \(2 times\)\. /,
  );
});

Deno.test("the next prompt has the agent undo that hooks do not run", () => {
  const text = "hooks that ran before that turn are not run any more: `pre-commit`";
  const told = { takenBack: [], results: [], testsCount: false };
  assert.equal(
    failureText({ notes: [{ about: "git", kind: "hooks_off", text }], ...told }),
    `About git: ${text}. Undo that: commits are to be checked by them.`,
  );
});
