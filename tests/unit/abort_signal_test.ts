import assert from "node:assert/strict";
import { linkedController } from "../../src/abort_signal.ts";

Deno.test("it aborts together with the other signal, for its reason, before or after the link", () => {
  const before = new AbortController();
  const linked = linkedController(before.signal);
  assert.equal(linked.signal.aborted, false);
  before.abort("enough");
  assert.equal(linked.signal.reason, "enough");
  assert.equal(linkedController(before.signal).signal.reason, "enough");
});

Deno.test("it aborts by itself, and the other signal does not", () => {
  const other = new AbortController();
  const linked = linkedController(other.signal);
  linked.abort("late");
  other.abort("enough");
  assert.equal(linked.signal.reason, "late", "the first reason stays");
  assert.equal(linkedController().signal.aborted, false, "there may be no other one");
});

Deno.test("what is unlinked does not abort any more", () => {
  const other = new AbortController();
  const linked = linkedController(other.signal);
  linked.unlink();
  other.abort();
  assert.equal(linked.signal.aborted, false);
});
