import assert from "node:assert/strict";
import { failureSignature } from "../../../../src/verify/gates/failure_signature.ts";
import type { GateResult } from "../../../../src/verify/gates/gates.ts";
import { GENEROUS_MS } from "../../../support/wait.ts";

const failed = (output: string, { name = "test", why = "exit code 1" } = {}): GateResult => ({
  gate: { name, run: { args: [name] } },
  passed: false,
  why,
  output,
  durationMs: 7,
});
const signature = (output: string) => failureSignature([failed(output)]);

const SAME: readonly [string, string][] = [
  ["adds ... FAILED (3ms)", "adds ... FAILED (1.25s)"],
  ["FAILED | 3 passed | 1 failed (1m3s)", "FAILED | 3 passed | 1 failed (12 ms)"],
  ["1 failed in 0.12s", "1 failed in 3 seconds"],
  ["not ok 1 - fails\n  duration_ms: 1.194943", "not ok 1 - fails\n  duration_ms: 0.9"],
  ["# fail 1\n# duration_ms 408.069", "# fail 1\n# duration_ms 269"],
  ["ℹ fail 1\nℹ duration_ms 46.1", "ℹ fail 1\nℹ duration_ms 47"],
  ['failed\n<testcase name="a" time="0.04">', 'failed\n<testcase name="a" time="1.2">'],
  ["failed, duration: 12", "failed, duration: 13"],
  ["[12:30:01.123] error: x", "[23:59:59.001] error: x"],
  ["2026-11-20T12:30:01.5Z error", "2026-11-21T02:00:00Z error"],
  ["error at 0x7ffd1234", "error at 0x55aa00FF"],
  ["error: /tmp/ralph-a1b2/x.txt", "error: /tmp/ralph-ffff/x.txt"],
  ["error: /var/folders/a1/bcd/T/xy9/x.txt", "error: /var/folders/a1/bcd/T/k3/x.txt"],
  ["(node:123) error", "(node:45678) error"],
  ["thread 'main' (123) panicked at src/a.rs:1:2", "thread 'main' (99) panicked at src/a.rs:1:2"],
  ["error: pid 12 died", "error: pid 1345 died"],
  ["error: connect ECONNREFUSED 127.0.0.1:4000", "error: connect ECONNREFUSED 127.0.0.1:51234"],
  ["failed with seed=12", "failed with seed=99"],
  [
    "error: 123e4567-e89b-12d3-a456-426614174000",
    "error: 00000000-e89b-12d3-a456-426614174fff",
  ],
  ["error in commit 3f2a1bc9d8e7", "error in commit 0123456789ab"],
  ["FAILED a\nFAILED b\nfine", "FAILED b\nfine\nFAILED a"],
];

const DIFFERENT: readonly [string, string][] = [
  ["FAILED | 3 passed | 2 failed (3ms)", "FAILED | 4 passed | 1 failed (3ms)"],
  ["src/a.ts:3:5: error: x", "src/a.ts:4:5: error: x"],
  ["error: 3 is not 4", "error: 3 is not 5"],
  ["error: /tmp/a/x.txt", "error: /tmp/a/y.txt"],
  ["FAILED a", "FAILED b"],
  ["", "x"],
];

Deno.test("the same failure has the same signature", () => {
  for (const [a, b] of SAME) assert.equal(signature(a), signature(b), `${a} / ${b}`);
});

Deno.test("another failure has another, above all where it shows progress", () => {
  for (const [a, b] of DIFFERENT) assert.notEqual(signature(a), signature(b), `${a} / ${b}`);
});

Deno.test("what is far from failures and from the end does not count", () => {
  const end = Array.from({ length: 20 }, (_, index) => `end ${index}`).join("\n");
  assert.equal(signature(`Download a\nerror\n${end}`), signature(`Download b\nerror\n${end}`));
  assert.notEqual(signature(`error a\n${end}`), signature(`error b\n${end}`));
});

Deno.test("a flood is compared in no time", () => {
  const begun = performance.now();
  for (const part of ["1s", "1s ", "a", "0x1 ", "/tmp/a ", "12:30:01 ", "thread '"]) {
    signature(part.repeat(250_000 / part.length));
  }
  assert(performance.now() - begun < GENEROUS_MS);
});

Deno.test("which gates failed and how makes a difference, their order does not", () => {
  const [a, b] = [failed("x", { name: "a" }), failed("x", { name: "b" })];
  assert.equal(failureSignature([a, b]), failureSignature([b, a]));
  assert.notEqual(failureSignature([a]), failureSignature([b]));
  assert.notEqual(failureSignature([a]), failureSignature([a, b]));
  assert.notEqual(failureSignature([a]), failureSignature([failed("x", { name: "a", why: "y" })]));
  assert.equal(failureSignature([a]), failureSignature([a, { ...b, passed: true }]));
  assert.equal(failureSignature([{ ...a, passed: true }]), "");
});
