import assert from "node:assert/strict";
import { basename } from "node:path";
import { makeProject } from "./project.ts";

Deno.test("a project is a git repository with its files committed, whatever its name", async () => {
  const name = "a b&c#d%20é";
  await using project = await makeProject({ name, files: { "src/a.txt": "one\n" } });
  assert.equal(basename(project.root), name);
  assert.equal(await project.git("rev-parse", "--show-toplevel"), project.root);
  assert.equal(await project.git("branch", "--show-current"), "main");
  assert.equal(await project.git("show", "HEAD:src/a.txt"), "one");
  await project.write("src/b/c.txt", "two\n");
  assert.equal(await project.read("src/b/c.txt"), "two\n");
  assert.equal(await project.git("status", "--porcelain"), "?? src/b/");
  await assert.rejects(() => project.git("no-such-command"), /`git no-such-command` failed: git: /);
});
