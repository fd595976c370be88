import assert from "node:assert/strict";
import { branchFor, movedTo } from "../../../../src/control/worktree/names.ts";

Deno.test("each task's name makes the name of a branch that git takes", async () => {
  const names: readonly [name: string, branch: string][] = [
    ["my-feature", "ralph/my-feature"],
    ["two words", "ralph/two-words"],
    ["größe", "ralph/größe"],
    ["a..b", "ralph/a.b"],
    [".hidden", "ralph/hidden"],
    ["end.lock", "ralph/end"],
    ["a~b^c:d?e*f[g\\h", "ralph/a-b-c-d-e-f-g-h"],
    ["🚀", "ralph/task"],
    ["@{", "ralph/task"],
  ];
  for (const [name, branch] of names) {
    assert.equal(branchFor(name), branch);
    const args = ["check-ref-format", `refs/heads/${branch}`];
    assert((await new Deno.Command("git", { args }).output()).success, branch);
  }
});

Deno.test("a task in another tree is at the same place there", () => {
  const at = (dir: string) => movedTo("/p.ralph/x", { dir, projectRoot: "/p" });
  assert.equal(at("/p/tasks/x"), "/p.ralph/x/tasks/x");
  assert.equal(at("/p"), "/p.ralph/x");
});
