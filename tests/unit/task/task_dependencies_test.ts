import assert from "node:assert/strict";
import { RalphError } from "../../../src/error.ts";
import { parsePrd } from "../../../src/task/prd.ts";
import { taskDependencies } from "../../../src/task/task_dependencies.ts";

const task = (name: string, dir = `/p/tasks/${name}`) => ({ name, dir, projectRoot: "/p" });
const [a, b, c] = ["a", "b", "c"].map((name) => task(name));

function dependencies(said: Record<string, readonly string[]>, all = [a, b, c]) {
  const found = taskDependencies([a], { all, namesOf: ({ name }) => said[name] ?? [] });
  return Object.fromEntries([...found].map(([dir, tasks]) => [dir, tasks.map(({ name }) => name)]));
}

function refusal(said: Record<string, readonly string[]>, all = [a, b, c]): string {
  try {
    dependencies(said, all);
  } catch (error) {
    assert(error instanceof RalphError && error.kind === "usage");
    return [error.message, ...error.hints.map(({ text }) => text)].join("; ");
  }
  throw new Error("it is not refused");
}

Deno.test("what a task depends on, and what that depends on in turn", () => {
  assert.deepEqual(dependencies({}), { "/p/tasks/a": [] });
  assert.deepEqual(dependencies({ a: ["b"], b: ["c"] }), {
    "/p/tasks/a": ["b"],
    "/p/tasks/b": ["c"],
    "/p/tasks/c": [],
  });
});

Deno.test("a name that is no task's is refused, and the one that was meant is named", () => {
  const login = task("login");
  assert.match(
    refusal({ a: ["logn"] }, [a, login]),
    /^`a` depends on `logn`, and there is no such task here; did you mean `login`\?; see `dependsOn`/,
  );
});

Deno.test("a name that several tasks have is refused, and a path is taken", () => {
  const two = [a, task("b"), task("b", "/p/scripts/ralph/b")];
  assert.match(
    refusal({ a: ["b"] }, two),
    /depends on `b`, which several tasks are called; they are: tasks\/b, scripts\/ralph\/b/,
  );
  assert.deepEqual(dependencies({ a: ["tasks/b"] }, two)["/p/tasks/a"], ["b"]);
});

Deno.test("tasks that wait for each other are refused", () => {
  assert.match(
    refusal({ a: ["b"], b: ["a"] }),
    /^tasks wait for each other in a cycle: `a` → `b` → `a`/,
  );
  assert.match(refusal({ a: ["a"] }), /in a cycle: `a` → `a`/);
});

Deno.test("a PRD names the tasks that it depends on, and tells the agent nothing of them", () => {
  const read = (dependsOn: unknown) =>
    parsePrd({
      path: "/p/tasks/a/prd.json",
      bytes: new TextEncoder().encode(JSON.stringify({ dependsOn, userStories: [{ id: "US-1" }] })),
    });
  assert.deepEqual(read(["b", "c"]).dependsOn, ["b", "c"]);
  assert.deepEqual(read("b, c").dependsOn, ["b", "c"]);
  assert.deepEqual(read("none").dependsOn, []);
  assert.deepEqual(read(undefined).dependsOn, []);
  assert.equal(read(["b"]).about, "");
});
