import assert from "node:assert/strict";
import { searchPathOf, serveOptions, whyNotActive } from "../../../src/doctor/unit_facts.ts";
import type { Unit } from "../../../src/host/system/systemd.ts";

const installed = { load: "loaded", fileState: "enabled" };

Deno.test("why a unit is not running", () => {
  const cases: [Partial<Unit>, readonly string[], string][] = [
    [{ active: "inactive" }, [], "is not running"],
    [{}, ["what it said is of no use here"], "is not running"],
    [{ active: "deactivating", sub: "stop-sigterm" }, [], "is stopping"],
    [{ active: "activating", sub: "start" }, [], "is starting"],
    [
      { active: "activating", sub: "auto-restart", result: "exit-code", exitStatus: 3 },
      ["first", "last"],
      "ends at once, again and again (exit code 3); it said last: last",
    ],
    [{ active: "failed", result: "exit-code", exitStatus: 1 }, [], "failed (exit code 1)"],
    [
      { active: "failed", result: "exit-code", exitStatus: 203 },
      [],
      "failed (its program cannot be executed)",
    ],
    [
      { active: "failed", result: "exit-code", exitStatus: 127 },
      ["/usr/bin/env: 'opencode': No such file or directory"],
      "failed (its program was not found); it said last: " +
      "/usr/bin/env: 'opencode': No such file or directory",
    ],
    [{ active: "failed", result: "oom-kill", exitStatus: 9 }, [], "failed (oom-kill)"],
    [{ active: "failed", result: "signal\x1b", exitStatus: 6 }, [], "failed (signal\\x1b)"],
    [{ active: "failed", exitStatus: 6 }, [], "failed (unknown)"],
  ];
  for (const [unit, log, words] of cases) {
    assert.equal(whyNotActive({ ...installed, ...unit }, log), words);
  }
});

Deno.test("the last words of a unit are made plain and kept short", () => {
  const unit = { ...installed, active: "failed", result: "exit-code", exitStatus: 1 };
  const said = whyNotActive(unit, ["\x1b[31m" + "x".repeat(1_000)]);
  assert.match(said, /it said last: \\x1b\[31mx+…$/);
  assert(said.length < 250, String(said.length));
});

Deno.test("what `opencode serve` was told", () => {
  const cases: [string, ReturnType<typeof serveOptions>][] = [
    ["opencode serve", { port: undefined, hostname: undefined }],
    ["opencode serve --port 14096", { port: 14096, hostname: undefined }],
    ["opencode serve --port=14096 --hostname=::1", { port: 14096, hostname: "::1" }],
    ["opencode serve --hostname 0.0.0.0 --port 1", { port: 1, hostname: "0.0.0.0" }],
    ["opencode serve --portal 9 --hostnames x", { port: undefined, hostname: undefined }],
    ["opencode serve --port $PORT", { port: undefined, hostname: undefined }],
    ["opencode serve --port", { port: undefined, hostname: undefined }],
  ];
  for (const [command, options] of cases) {
    assert.deepEqual(serveOptions(command.split(" ")), options, command);
  }
});

Deno.test("the unit's PATH is the last that it sets", () => {
  assert.equal(searchPathOf([]), undefined);
  assert.equal(searchPathOf(["MY_PATH=/a", "HOME=/h"]), undefined);
  assert.equal(searchPathOf(["PATH=/a:/b", "HOME=/h", "PATH=/c"]), "/c");
});
