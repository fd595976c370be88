import assert from "node:assert/strict";
import { refusedWords } from "../../../../src/loop/turn/refused_calls.ts";

const refused = (tool: string, input: Record<string, unknown>) => ({
  ...{ tool, input, start: 1, end: 2 },
  refused: true,
});
const ran = { tool: "bash", input: { command: "git status" }, start: 1, end: 2 };

Deno.test("refused calls are named once, the most frequent first, safe to show", () => {
  const push = refused("bash", { command: "git push \x1b[2J" });
  assert.equal(
    refusedWords(
      [ran, refused("write", { filePath: "/p/s/k" }), push, push],
      "/p",
    ),
    "refused by the user's own rules: bash `git push \\x1b[2J` (2 times), write `s/k`",
  );
  assert.equal(refusedWords([ran], "/p"), "");
  const many = Array.from({ length: 12 }, (_, i) => refused("bash", { command: `c${i}` }));
  assert.match(refusedWords(many, "/p"), /`c9`, 2 more$/);
});
