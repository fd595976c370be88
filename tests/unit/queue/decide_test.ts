/** What a queue does next, as a table: rows in, the next step out. */
import assert from "node:assert/strict";
import { goesOnWith, nextOfQueue, type QueueFacts, waitsFor } from "../../../src/queue/decide.ts";
import type { QueuedState, QueuedTask } from "../../../src/store/model.ts";

/** `a completed`, or `b waiting < a c`: it depends on both. `d* waiting`: in a worktree. */
function tasksOf(text: string): readonly QueuedTask[] {
  return text.split(", ").map((one, index) => {
    const [own, needed = ""] = one.split(" < ");
    const [, taskName, star, state] = /^(\w+)(\*?) (\w+)$/.exec(own) ?? [];
    return {
      id: index + 1,
      taskName,
      taskDir: `/p/tasks/${taskName}`,
      flags: "{}",
      dependsOn: needed.split(" ").filter(Boolean).map((name) => `/p/tasks/${name}`),
      worktree: star === "*",
      state: state as QueuedState,
      before: { session: 0, epoch: 0 },
      sessionId: null,
      why: null,
      queuedAt: "2026-11-30T00:00:00.000Z",
    };
  });
}

const NOTHING = { costUsd: 0, tokens: 0 };

function next(text: string, facts: Partial<QueueFacts> = {}, queue = {}): string {
  const tasks = tasksOf(text);
  const limits = { failFast: false, maxCostUsd: null, maxTokens: null };
  const all = { tasks, parallel: 1, ...limits, ...queue };
  const action = nextOfQueue({ queue: all, spent: NOTHING, homeTaken: false, ...facts });
  if (action.kind === "skip") return `skip ${action.task.taskName}: ${action.why}`;
  return action.kind === "start" ? `start ${action.task.taskName}` : action.kind;
}

const SKIP_B = "skip b: depends on `a`, which did not complete";

const CASES: readonly [what: string, rows: string, next: string][] = [
  ["the first one starts", "a waiting, b waiting", "start a"],
  ["one at a time", "a running, b waiting", "wait"],
  ["the next one starts once the first has completed", "a completed, b waiting", "start b"],
  ["one that failed does not stop the others", "a failed, b waiting", "start b"],
  ["nor one that was taken out", "a removed, b waiting", "start b"],
  ["what is depended on comes first", "a waiting < b, b waiting", "start b"],
  ["and once it has completed, the order counts", "a waiting < b, b completed", "start a"],
  ["what is not in the queue was completed before", "a waiting < z", "start a"],
  ["others go on while one waits", "a failed, b waiting < a, c waiting", SKIP_B],
  [
    "a dependency that was not run",
    "a skipped, b waiting < a",
    "skip b: depends on `a`, which was not run",
  ],
  [
    "a dependency that was taken out",
    "a removed, b waiting < a",
    "skip b: depends on `a`, which was taken out of the queue",
  ],
  ["it is skipped at once, while another runs", "a failed, c running, b waiting < a", SKIP_B],
  [
    "of a task that was queued again the latest counts",
    "a failed, b waiting < a, a running",
    "wait",
  ],
  ["the same, completed", "a failed, b waiting < a, a completed", "start b"],
  ["nothing is left", "a completed, b failed, c skipped, d removed", "end"],
  ["an empty queue ends", "a completed", "end"],
  ["the last one runs", "a completed, b running", "wait"],
  [
    "rows that were put together by two commands may wait for each other",
    "a waiting < b, b waiting < a",
    "skip a: waits for `b`, which waits for it",
  ],
];

for (const [what, rows, wanted] of CASES) {
  Deno.test(`the queue: ${what}`, () => assert.equal(next(rows), wanted));
}

Deno.test("the queue: several at once, each when what it depends on is completed", () => {
  const at = (rows: string) => next(rows, {}, { parallel: 3 });
  assert.equal(at("a* running, b* waiting"), "start b");
  assert.equal(at("a* running, b* waiting < a, c* waiting"), "start c");
  assert.equal(at("a* running, b* running, c* running, d* waiting"), "wait");
  assert.equal(at("a* running, b* waiting < a"), "wait");
  assert.equal(next("a* running, b* waiting", {}, { parallel: 1 }), "wait");
});

Deno.test("the queue: of those at home one at a time, beside those in worktrees", () => {
  const at = (rows: string, homeTaken = false) => next(rows, { homeTaken }, { parallel: 3 });
  assert.equal(at("a* running, b waiting"), "start b");
  assert.equal(at("a running, b waiting, c* waiting"), "start c");
  assert.equal(at("a running, b waiting"), "wait");
  assert.equal(at("a waiting", true), "wait", "somebody else works there, and will end");
  assert.equal(at("a waiting, b* waiting", true), "start b");
});

Deno.test("the queue: with --fail-fast one that failed ends the others", () => {
  const failFast = { failFast: true };
  const why = "`a` failed, and --fail-fast ends the others";
  assert.equal(next("a failed, b waiting", {}, failFast), `skip b: ${why}`);
  assert.equal(next("a completed, b waiting", {}, failFast), "start b");
  assert.equal(next("a removed, b waiting", {}, failFast), "start b");
  assert.equal(next("a failed, b waiting, a completed", {}, failFast), "start b");
});

Deno.test("the queue: limits count for all of it together", () => {
  const limits = { maxCostUsd: 5, maxTokens: 1_000 };
  const at = (costUsd: number, tokens: number) =>
    next("a completed, b waiting", { spent: { costUsd, tokens } }, limits);
  assert.equal(at(4.99, 999), "start b");
  assert.equal(at(5, 0), "skip b: the queue's limit of $5 was reached");
  assert.equal(at(0, 1_000), "skip b: the queue's limit of 1,000 tokens was reached");
});

Deno.test("the queue: what a task waits for", () => {
  const shown = (rows: string, name: string, parallel = 1) => {
    const tasks = tasksOf(rows);
    const task = tasks.findLast(({ taskName }) => taskName === name);
    assert(task);
    const { why, tasks: others } = waitsFor({ tasks, parallel }, task);
    return [why, ...others.map(({ taskName }) => taskName)].join(" ");
  };
  assert.equal(shown("a running, b waiting, c waiting", "c"), "after b");
  assert.equal(shown("a running, b waiting", "b"), "after a");
  assert.equal(shown("a waiting < b, b running", "a"), "depends b");
  assert.equal(shown("a waiting, b running", "a"), "after b");
  assert.equal(shown("a waiting, b completed", "a"), "after");
  assert.equal(shown("a waiting < c, b waiting, c waiting", "b"), "after");
  assert.equal(shown("a waiting < c, b waiting, c waiting", "c"), "after b");
  assert.equal(shown("a* running, b* running, c* waiting, d* waiting", "c", 2), "after a b");
  assert.equal(shown("a* running, b* running, c* waiting, d* waiting", "d", 2), "after c");
  assert.equal(shown("a* running, b* waiting", "b", 2), "after");
  assert.equal(shown("a* waiting, b* waiting, c* waiting", "b", 2), "after", "both start at once");
  assert.equal(shown("a* waiting, b* waiting, c* waiting", "c", 2), "after b");
  assert.equal(shown("a waiting, b waiting", "b", 2), "after a", "in the one tree");
  assert.equal(shown("a* running, b* waiting, c* waiting", "c", 2), "after b");
  assert.equal(shown("a running, b waiting", "b", 2), "after a");
  assert.equal(shown("a running, b* waiting", "b", 2), "after");
});

Deno.test("the queue: what goes on when one is stopped", () => {
  const shown = (rows: string) => goesOnWith({ tasks: tasksOf(rows) }, "/p/tasks/a")?.taskName;
  assert.equal(shown("a running, b waiting, c waiting"), "b");
  assert.equal(shown("a removed, b running"), "b", "the next one may have begun meanwhile");
  assert.equal(shown("a running, b waiting < a, c waiting < b, d waiting"), "d");
  assert.equal(shown("a running, b waiting < a c, c waiting < b"), undefined);
  assert.equal(shown("a running, b completed, c failed"), undefined);
});
