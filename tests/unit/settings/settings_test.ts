import assert from "node:assert/strict";
import {
  DEFAULT_SETTINGS,
  DURATION_MS_MAX,
  mergeSettings,
} from "../../../src/settings/settings.ts";

Deno.test("nothing said: the defaults", () => {
  assert.deepEqual(mergeSettings([]), DEFAULT_SETTINGS);
  assert.deepEqual(mergeSettings([{ model: undefined, limits: { tokens: undefined } }]), {
    ...DEFAULT_SETTINGS,
  });
});

Deno.test("later parts win, each limit by itself, lists as a whole", () => {
  const merged = mergeSettings([
    { agent: "a", protect: ["x", "y"], limits: { iterations: 1, costUsd: 2 } },
    { agent: undefined, protect: ["z"], limits: { iterations: 3 } },
    { baseBranch: "main" },
  ]);
  assert.deepEqual(merged, {
    ...DEFAULT_SETTINGS,
    agent: "a",
    protect: ["z"],
    baseBranch: "main",
    limits: { ...DEFAULT_SETTINGS.limits, iterations: 3, costUsd: 2 },
  });
});

Deno.test("merging changes no part, and no default", () => {
  const before = structuredClone(DEFAULT_SETTINGS);
  mergeSettings([{ limits: { iterations: 99 } }]);
  assert.deepEqual(DEFAULT_SETTINGS, before);
});

Deno.test("settings are plain data", () => {
  const settings = mergeSettings([{ verify: [{ name: "t", run: { args: ["t"] } }] }]);
  assert.deepEqual(JSON.parse(JSON.stringify(settings)), settings);
});

Deno.test("the longest duration is one that a timer can take", () => {
  assert(DURATION_MS_MAX < 2 ** 31);
});
