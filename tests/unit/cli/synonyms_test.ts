import assert from "node:assert/strict";
import { COMMANDS } from "../../../src/cli/program.ts";
import { meant } from "../../../src/cli/synonyms.ts";
import { unknownCommand } from "../../../src/cli/unknown_command.ts";

Deno.test("what people type for a command of another name", () => {
  const cases: [string, string][] = [
    ["", ""],
    ["help", "--help"],
    ["help run", "run --help"],
    ["help ls", "tasks --help"],
    ["help nope", "nope --help"],
    ["version", "--version"],
    ["-v --json", "--version --json"],
    ["ls --json", "tasks --json"],
    ["start my-feature -f", "run my-feature -f"],
    ["pause my-feature", "checkpoint my-feature"],
    ["resume my-feature -n 20", "run --resume my-feature -n 20"],
    ["resume --interrupted", "resume --interrupted"],
    ["resume", "resume"],
    ["run start", "run start"],
    ["__complete", "__complete"],
    ["__complete --", "__complete --"],
    ["__complete --json -- x", "__complete --json -- x"],
    ["__complete -- st", "__complete -- st"],
    ["__complete -- start my-f", "__complete -- run my-f"],
    ["__complete -- resume my-f --only", "__complete -- run --resume my-f --only"],
    ["__complete -- help r", "__complete -- r"],
    ["__complete -- help run x", "__complete -- help run x"],
    ["constructor", "constructor"],
  ];
  for (const [typed, command] of cases) {
    assert.equal(meant(typed.split(" ").filter(Boolean)).join(" "), command, typed);
  }
});

Deno.test("a word that is no command gets the one that was likely meant", () => {
  const cases: [string, string | undefined][] = [
    ["update", "upgrade"],
    ["list", "tasks"],
    ["kill", "stop"],
    ["cancel", "stop"],
    ["halt", "stop"],
    ["continue", "run"],
    ["log", "logs"],
    ["check", "doctor"],
    ["ps", "status"],
    ["create", "new"],
    ["rm", "clean"],
    ["stauts", "status"],
    ["frobnicate", undefined],
    ["constructor", undefined],
  ];
  for (const [word, command] of cases) {
    const { hints } = unknownCommand(word, Object.keys(COMMANDS));
    const [first] = hints.map(({ text }) => text);
    const wanted = command === undefined ? "see what there is" : `did you mean \`${command}\`?`;
    assert.equal(first, wanted, word);
  }
});
