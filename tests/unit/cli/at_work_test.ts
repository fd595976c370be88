import assert from "node:assert/strict";
import { eachOnce } from "../../../src/cli/select/at_work.ts";

const home = (name: string, isOpen = true) => ({
  projectRoot: "/p",
  taskDir: `/p/tasks/${name}`,
  isOpen,
});
const inWorktree = (name: string) => ({
  projectRoot: `/p.ralph/${name}`,
  taskDir: `/p.ralph/${name}/tasks/${name}`,
});

Deno.test("a task that is queued and runs in its worktree is waited for once", () => {
  const queued = [home("demo"), home("two"), home("three")];
  const dirs = ["/p/tasks/demo", "/p/tasks/two", "/p/tasks/three"];
  assert.deepEqual(eachOnce(queued, [home("demo"), inWorktree("three")]), dirs);
});

Deno.test("one that runs anew after its queue is the one that runs", () => {
  const queued = [home("demo", false), home("three", false)];
  const dirs = ["/p/tasks/demo", "/p.ralph/three/tasks/three"];
  assert.deepEqual(eachOnce(queued, [inWorktree("three")]), dirs);
});
