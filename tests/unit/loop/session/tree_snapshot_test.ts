import assert from "node:assert/strict";
import { RalphError } from "../../../../src/error.ts";
import { keptTree, parseTree, serializeTree } from "../../../../src/loop/session/tree_snapshot.ts";

const TREE = {
  head: "a".repeat(40),
  branch: "main",
  changed: new Map([["a.ts", { now: "100644 b", mark: "1" }], ["b", {
    committed: "100644 c",
    now: "gone",
    mark: "2",
  }]]),
  repositories: ["own/"],
};
const TEXT = serializeTree(TREE);
const DAMAGED = [
  TEXT.slice(0, TEXT.length / 2),
  "{}",
  "null",
  '{"changed": {}}',
  '{"changed": [["a"]]}',
  '{"changed": [["a", {"now": 1, "mark": "2"}]]}',
];

Deno.test("a tree is what it was when it is read again", () => {
  assert.deepEqual(parseTree(TEXT, "the tree"), TREE);
});

Deno.test("a tree that is cut off or of another shape is refused in words", () => {
  for (const text of ["", ...DAMAGED]) {
    assert.throws(
      () => parseTree(text, "the tree of session 3"),
      (error) =>
        error instanceof RalphError && error.kind === "state" &&
        error.message.startsWith("cannot read the tree of session 3: "),
      text,
    );
  }
});

Deno.test("a kept tree that cannot be read is one that git could not tell", () => {
  let bytes: Uint8Array | undefined;
  const tree = keptTree(
    { read: () => bytes, write: (_, written) => void (bytes = written) },
    "tree.json",
  );
  assert.equal(tree.kept(), undefined);
  tree.keep(TREE);
  assert.deepEqual(tree.kept(), TREE);
  for (const text of DAMAGED) {
    bytes = new TextEncoder().encode(text);
    assert.equal(tree.kept(), undefined, text);
  }
  tree.keep(undefined);
  assert.equal(tree.kept(), undefined);
});
