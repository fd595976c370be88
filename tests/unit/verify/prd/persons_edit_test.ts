import assert from "node:assert/strict";
import { openPrd } from "../../../../src/task/prd.ts";
import {
  type PersonsEdit,
  personsShare,
  type Sighting,
} from "../../../../src/verify/prd/prd_authors.ts";

const story = (id: string, text: string, done = false) =>
  `### ${id}: ${text}\n\n- [${done ? "x" : " "}] it is\n`;
const bytesOf = (...parts: string[]) => new TextEncoder().encode(`# PRD\n\n${parts.join("\n")}`);
const A = story("US-001", "First");
const B = story("US-002", "Second");
const TICKED = story("US-001", "First", true);
const CHANGED = story("US-002", "Changed");
const GOOD = openPrd({ path: "prd.md", bytes: bytesOf(A, B) });

/** A tool of the agent's ran all the time. */
const TOOLS = { writing: [{ start: 0, end: 1_000_000 }], said: () => true };
const at = (ctimeMs: number, ...parts: string[]): Sighting => ({
  bytes: bytesOf(...parts),
  ctimeMs,
});
const edit = (before: Uint8Array, after: Uint8Array): PersonsEdit => ({
  before,
  beforeCtimeMs: 1_000,
  after,
  at: 500_000,
});

function share(now: Sighting, edits: PersonsEdit[], sightings: Sighting[] = []) {
  const { prd, refused, last } = personsShare(GOOD, { sightings, now, tools: TOOLS, edits });
  const words = prd.stories.map(({ title, passes }) => `${title}${passes ? "!" : ""}`).join(", ");
  return [words, last, refused.length];
}

Deno.test("an edit that a person made through ralph is a person's while a tool runs", () => {
  const now = at(500_000, A, CHANGED);
  assert.deepEqual(share(now, []), ["First, Second", "agent", 0]);
  assert.deepEqual(share(now, [edit(bytesOf(A, B), now.bytes)]), ["First, Changed", "person", 0]);
});

Deno.test("it stays where the agent has written over it before anybody looked", () => {
  const over = at(600_000, TICKED, B);
  const one = edit(bytesOf(A, B), bytesOf(A, CHANGED));
  assert.deepEqual(share(over, [one]), ["First, Changed", "agent", 0]);
});

Deno.test("two edits follow one another, and what the agent did in between is no person's", () => {
  const first = edit(bytesOf(A, B), bytesOf(A, CHANGED));
  const wrongly = story("US-002", "Wrongly");
  const second = edit(bytesOf(A, wrongly), bytesOf(A, wrongly, story("US-003", "Third")));
  const now = at(700_000, A, wrongly, story("US-003", "Third"));
  const seen = [at(500_000, A, CHANGED)];
  assert.deepEqual(share(now, [first, { ...second, at: 700_000 }], seen), [
    "First, Changed, Third",
    "person",
    0,
  ]);
});
