import assert from "node:assert/strict";
import type { Spent } from "../../../src/store/model.ts";
import { NO_USAGE } from "../../../src/loop/turn/usage.ts";
import type { SettingChange } from "../../../src/loop/session/setting_changes.ts";
import { PLAIN } from "../../../src/terminal/colors.ts";
import { eventLines } from "../../../src/worker/narration.ts";

function words(change: Omit<SettingChange, "from">): string {
  const lines = eventLines({
    type: "session_started",
    session: 2,
    task: "t",
    server: "http://127.0.0.1:1",
    maxIterations: 3,
    changes: [{ ...change, from: "ralph.json" }],
    warnings: [],
    log: "/log",
  }, PLAIN);
  assert.equal(lines.length, 2);
  return lines[1];
}

Deno.test("what a review found is told once, and what fell for it names the review", () => {
  const finding = { storyId: "US-1", criterion: "a", met: false, what: "no test", evidence: [] };
  const why = "an independent review refuses it: “a” is not met: no test";
  const lines = [
    ...eventLines({
      ...{ type: "review", stories: ["US-1"], outcome: "refused", detail: why },
      ...{ findings: [finding], usage: null, durationMs: 0 },
    }, PLAIN),
    ...eventLines({ type: "claim", story: "US-1", held: false, why }, PLAIN),
    ...eventLines({ type: "claim", story: "US-2", held: true, why: null }, PLAIN),
    ...eventLines({ type: "claim", story: "US-3", held: true, why: "not reviewed" }, PLAIN),
  ];
  assert.deepEqual(lines.slice(1), [
    "    US-1: “a” is not met: no test",
    "  US-1 was claimed and taken back: an independent review refuses it",
    "  US-3 holds: not reviewed",
  ]);
});

Deno.test("the end of a session that went on tells all the time that it took", () => {
  const took = (workedMs: number, spent?: Spent) =>
    eventLines({
      type: "session_ended",
      session: 2,
      task: "t",
      status: "completed",
      reason: "all_stories_pass",
      detail: "all pass",
      iterations: 3,
      usage: null,
      spent,
      durationMs: 60_000,
      workedMs,
      gates: [],
      claimsTakenBack: 0,
      left: [],
    }, PLAIN)[2];
  assert.match(took(3_660_000), /^3 iterations · 1h 1m in all, 1m 0s of it now · /);
  assert.match(took(60_000), /^3 iterations · 1m 0s · /);
  const spent = {
    ...NO_USAGE,
    modelCalls: 6,
    inputTokens: 6_300,
    costUsd: 0.0225,
    unknownParts: 1,
  };
  assert.match(
    took(60_000, spent),
    / · 6 model calls · ≥6,300 tokens · \$0\.0225 \+ 1 iteration of unknown cost$/,
  );
});

Deno.test("what changed since the last session is one bounded line each, safe to print", () => {
  const told = (setting: string, before: unknown, now: unknown) =>
    words({ setting, before, now }).replace("changed since the last session: ", "");
  assert.equal(told("limits.iterations", 10, 3), "limits.iterations 10 -> 3 (ralph.json)");
  assert.equal(
    told("limits.silenceMinutes", 8 / 60, 15),
    "limits.silenceMinutes 0.133 -> 15 (ralph.json)",
  );
  assert.equal(told("model", null, "a/b"), "model not set -> a/b (ralph.json)");
  assert.equal(
    told("verify", [["a", "b"], { shell: "c" }], [{ shell: "c" }, ["d"]]),
    'verify without ["a","b"], with ["d"] (ralph.json)',
  );
  assert.equal(told("protect", ["a", "b"], ["b", "a"]), "protect in another order (ralph.json)");
  const prompt = (sha256: string) => ({ file: "/p.md", sha256: sha256.repeat(64) });
  assert.equal(
    told("prompt", prompt("a"), prompt("b")),
    "prompt /p.md (sha256 aaaaaaaaaaaa) -> /p.md (sha256 bbbbbbbbbbbb) (ralph.json)",
  );
  const long = told("agent", "x\u001b[31m\n".repeat(1000), "y".repeat(5000));
  assert(long.length < 400, long);
  assert(!long.includes("\u001b") && !long.includes("\n"), long);
});
