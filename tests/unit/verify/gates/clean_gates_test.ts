import assert from "node:assert/strict";
import type { TreeState } from "../../../../src/host/git/tree_state.ts";
import type { Gate } from "../../../../src/task/gate.ts";
import { notAllCommitted, wantsAllCommitted } from "../../../../src/verify/gates/clean_gates.ts";

const line = (shell: string): Gate => ({ name: shell.slice(0, 20), run: { shell } });
const args = (...args: string[]): Gate => ({ name: args.join(" "), run: { args } });

Deno.test("a gate that asks git whether all is committed is known by its command", () => {
  const asking = [
    args("git", "diff", "--exit-code"),
    args("git", "-C", "sub", "diff", "--cached", "--quiet"),
    line("npm run gen && git diff --exit-code -- src/gen"),
    line('test -z "$(git status --porcelain)"'),
    line("[ -z `git status -s` ]"),
    line("git diff-index --quiet HEAD --"),
  ];
  const others = [
    args("git", "status"),
    args("git", "diff", "--check"),
    args("npm", "test"),
    line("git log -1 | grep -s x; ls --quiet"),
    line("git status; diff --quiet a b"),
    line("digit diff --exit-code"),
  ];
  for (const gate of asking) assert(wantsAllCommitted(gate), gate.name);
  for (const gate of others) assert(!wantsAllCommitted(gate), gate.name);
});

Deno.test("what such a gate may fail for is named, by whose it is", () => {
  const tree = (...files: string[]): TreeState => ({
    changed: new Map(files.map((file) => [file, { now: `100644:${file}`, mark: "" }])),
  });
  const gates = [line("git diff --exit-code"), args("npm", "test")];
  const start = tree("mine.txt");
  assert.equal(
    notAllCommitted(gates, { tree: tree("mine.txt", "a.txt"), start }),
    "`git diff --exit-code` can only pass when all is committed; in no commit when it ran: `a.txt`; " +
      "not committed since before the session, which is a person's to do: `mine.txt`",
  );
  assert.equal(notAllCommitted(gates, { tree: tree(), start }), undefined);
  assert.equal(notAllCommitted(gates, { tree: undefined, start }), undefined);
  assert.equal(notAllCommitted(gates.slice(1), { tree: tree("a.txt"), start }), undefined);
});
