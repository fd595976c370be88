import assert from "node:assert/strict";
import { meant } from "../../../src/cli/synonyms.ts";

Deno.test("what people type for a command of another name", () => {
  const cases: [string, string][] = [
    ["", ""],
    ["help", "--help"],
    ["help run", "run --help"],
    ["version", "--version"],
    ["-v --json", "--version --json"],
    ["ls --json", "tasks --json"],
    ["start my-feature -f", "run my-feature -f"],
    ["pause my-feature", "checkpoint my-feature"],
    ["resume my-feature", "run my-feature"],
    ["resume --interrupted", "resume --interrupted"],
    ["resume", "resume"],
    ["run start", "run start"],
    ["constructor", "constructor"],
  ];
  for (const [typed, command] of cases) {
    assert.equal(meant(typed.split(" ").filter(Boolean)).join(" "), command, typed);
  }
});
