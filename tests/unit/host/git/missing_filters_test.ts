/** Filters that attributes name, and whether they can run, with the real git. */
import assert from "node:assert/strict";
import { missingFilters } from "../../../../src/host/git/missing_filters.ts";
import { filterCommand } from "../../../../src/doctor/missing_filter.ts";
import { systemClock as clock } from "../../../../src/host/system/clock.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { makeProject } from "../../../support/project.ts";

const LFS = "*.bin filter=lfs diff=lfs merge=lfs -text\n";

/** What is missing where `files` name filters and git has these settings; `here`: programs on PATH. */
async function missing(
  files: Readonly<Record<string, string>>,
  settings: Readonly<Record<string, string>> = {},
  here: readonly string[] = [],
) {
  await using project = await makeProject({ files });
  for (const [name, value] of Object.entries(settings)) await project.git("config", name, value);
  using folder = temporaryFolder();
  for (const program of here) {
    await Deno.writeTextFile(`${folder.path}/${program}`, "#!/bin/sh\n", { mode: 0o755 });
  }
  return await missingFilters(project.root, { clock, searchPath: folder.path });
}

Deno.test("a filter that cannot run is found, with what it wants", async () => {
  const lfs = {
    "filter.lfs.clean": "git-lfs clean -- %f",
    "filter.lfs.process": "git-lfs filter-process",
    "filter.lfs.required": "true",
  };
  const gone = [{ name: "lfs", program: "git-lfs", required: true }];
  assert.deepEqual(await missing({ ".gitattributes": LFS }, lfs), gone);
  assert.deepEqual(await missing({ "a/b/.gitattributes": LFS }, lfs), gone, "further down");
  assert.deepEqual(await missing({ ".gitattributes": LFS }, lfs, ["git-lfs"]), []);
  assert.deepEqual(await missing({ ".gitattributes": "*.txt text\n# x filter=lfs\n" }, lfs), []);
  assert.deepEqual(await missing({ ".gitattributes": LFS }), [{ name: "lfs", required: false }]);
  const odd = { "filter.lfs.clean": '"/nonexistent/my filter" %f' };
  assert.deepEqual(await missing({ ".gitattributes": LFS }, odd), [], "only a shell can say");
  const absolute = { "filter.lfs.clean": "/nonexistent/filter %f" };
  assert.deepEqual(await missing({ ".gitattributes": LFS }, absolute), [
    { name: "lfs", program: "/nonexistent/filter", required: false },
  ]);
  assert.deepEqual(await missing({ ".gitattributes": LFS }, { "filter.lfs.smudge": "cat" }), []);
});

Deno.test("the attributes that a repository has for itself alone count, and no untracked file", async () => {
  await using project = await makeProject({ files: { "a.txt": "a" } });
  await project.write(".gitattributes", "* filter=untracked\n");
  await project.write(".git/info/attributes", "* filter=own\n");
  const found = await missingFilters(project.root, { clock, searchPath: "" });
  assert.deepEqual(found.map(({ name }) => name), ["own"]);
});

Deno.test("the commands that are told say what is meant, whatever a filter is called", async () => {
  await using project = await makeProject({ files: { ".gitattributes": "* filter=a'b;id\n" } });
  const { root } = project;
  await project.git("config", "filter.a'b;id.clean", "nonexistent-program");
  const told = async () => {
    const [first] = await missingFilters(root, { clock, searchPath: "" });
    const args = ["-c", filterCommand(first, root)];
    const { code, stdout } = await new Deno.Command("sh", { args }).output();
    return { code, said: new TextDecoder().decode(stdout) };
  };
  assert.deepEqual(await told(), { code: 0, said: "filter.a'b;id.clean nonexistent-program\n" });
  await project.git("config", "--unset", "filter.a'b;id.clean");
  assert.deepEqual(await told(), { code: 0, said: ".gitattributes:1:* filter=a'b;id\n" });
});
