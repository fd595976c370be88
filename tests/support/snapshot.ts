import assert from "node:assert/strict";

/**
 * Compares a text with the one that is stored; with UPDATE_SNAPSHOTS=1 stores it. A snapshot that
 * is missing is a failure, so that none is forgotten.
 */
export function assertSnapshot(text: string, file: URL): void {
  if (Deno.env.get("UPDATE_SNAPSHOTS") === "1") return Deno.writeTextFileSync(file, text);
  assert.equal(text, Deno.readTextFileSync(file), `${file.pathname}; UPDATE_SNAPSHOTS=1 stores it`);
}
