import assert from "node:assert/strict";
import { openPrd } from "../../../../src/task/prd.ts";
import { mergeEdit } from "../../../../src/verify/prd/merge_edit.ts";
import { storiesTicked, storyChanges } from "../../../../src/verify/prd/story_changes.ts";

const story = (id: string, text: string, done = false) =>
  `### ${id}: ${text}\n\n- [${done ? "x" : " "}] it is\n`;
const bytesOf = (...parts: string[]) => new TextEncoder().encode(`# PRD\n\n${parts.join("\n")}`);
const prdOf = (...parts: string[]) => openPrd({ path: "prd.md", bytes: bytesOf(...parts) });

const A = story("US-001", "First");
const B = story("US-002", "Second");
const BASE = prdOf(A, B);

function merged(edited: string[], now: string[]): string {
  const result = mergeEdit({ base: BASE, edited: prdOf(...edited), now: prdOf(...now) });
  if ("conflict" in result) return `conflict: ${result.conflict}`;
  return result.prd.stories.map(({ id, title, passes }) => `${id} ${title} ${passes}`).join(", ");
}

Deno.test("an edit and what others changed since are both kept, story by story", () => {
  const ticked = story("US-001", "First", true);
  const changed = story("US-002", "Changed");
  const third = story("US-003", "Third");
  assert.equal(merged([A, changed], [ticked, B]), "US-001 First true, US-002 Changed false");
  assert.equal(
    merged([A, B, third], [ticked, B]),
    "US-001 First true, US-002 Second false, US-003 Third false",
  );
  assert.equal(merged([B], [A, story("US-002", "Second", true)]), "US-002 Second true");
  assert.equal(
    merged(["new words\n", A, changed], [ticked, B]),
    "US-001 First true, US-002 Changed false",
  );
  assert.equal(
    merged([A, changed], ["agent's words\n", ticked, B]),
    "US-001 First true, US-002 Changed false",
  );
});

Deno.test("what both changed in one place is a conflict", () => {
  assert.equal(
    merged([story("US-001", "Mine"), B], [story("US-001", "Theirs"), B]),
    "conflict: US-001",
  );
  assert.equal(merged([B], [story("US-001", "First", true), B]), "conflict: US-001");
  const same = story("US-001", "The same");
  assert.equal(merged([same, B], [same, B]), "US-001 The same false, US-002 Second false");
  assert.equal(
    merged(["mine\n", A, B], ["theirs\n", A, B]),
    "conflict: what stands outside of the stories",
  );
});

Deno.test("what a person changed, in words", () => {
  const before = bytesOf(
    A,
    story("US-002", "Second", true),
    story("US-003", "Third"),
    story("US-004", "D"),
  );
  const now = prdOf(
    story("US-001", "Other"),
    B,
    story("US-003", "Third", true),
    story("US-005", "New"),
  );
  assert.deepEqual(storyChanges(before, now), [
    "US-001 changed",
    "US-002 open again",
    "US-003 said to be done",
    "US-005 new",
    "US-004 gone",
  ]);
  assert.deepEqual(storyChanges(new TextEncoder().encode("no PRD"), now), []);
  const edit = { before, after: now.source.bytes };
  assert.deepEqual([...storiesTicked(now.source.path, [edit])], ["US-003"]);
  assert.deepEqual([...storiesTicked(now.source.path, [])], []);
});
