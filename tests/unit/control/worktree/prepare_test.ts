/** `ralph run --worktree`, with real git: what is in the worktree, and what becomes of the tree at home. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Home, makeHome } from "../../../reliability/home.ts";

const OPEN = "# PRD\n\n### US-001: Only\n\n- [ ] it is done\n";

/** Runs the finished task of a home in its worktree, where only gates run. Returns its root. */
async function runOne(home: Home, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await home.ralph(
    "run",
    "one",
    "--foreground",
    "--worktree",
    ...args,
  );
  assert.equal(code, 0, stdout + stderr);
  return join(`${home.project.root}.ralph`, "one");
}

const gitIn = (home: Home, root: string, ...args: string[]) =>
  home.project.git("-C", root, ...args);

Deno.test("a task that is committed runs in a worktree, on a branch of its own", async () => {
  await using home = await makeHome();
  const root = await runOne(home);
  assert.equal(await gitIn(home, root, "branch", "--show-current"), "ralph/one");
  assert.equal(await home.project.git("branch", "--show-current"), "main");
  assert.equal(await home.project.git("status", "--porcelain"), "");
  const sessions = JSON.parse((await home.ralph("status", "--json")).stdout);
  assert.deepEqual(sessions.map((one: { projectRoot: string }) => one.projectRoot), [root]);
});
