import assert from "node:assert/strict";
import * as path from "node:path";
import { checkOutHead, cleanStart } from "../../../../src/host/git/clean_checkout.ts";
import { systemClock as clock } from "../../../../src/host/system/clock.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { makeProject } from "../../../support/project.ts";

Deno.test("it has what is committed, and of what is ignored only what was there before", async () => {
  await using project = await makeProject({
    files: {
      "a.txt": "committed",
      ".gitignore": "deps/\nlib/\n.env\nnew/\n",
      "bin/run": "#!/bin/sh",
    },
  });
  await Deno.chmod(`${project.root}/bin/run`, 0o755);
  await project.git("add", "--all");
  await project.git("commit", "--quiet", "-m", "mode");
  for (const file of ["deps/x/index.js", "lib/old.js", ".env"]) await project.write(file, "before");
  const start = await cleanStart(project.root, { clock });

  await project.write("a.txt", "not committed");
  await project.write("untracked.txt", "x");
  for (const file of ["lib/made.js", "new/made.js"]) await project.write(file, "the agent's");
  using folder = temporaryFolder();
  const target = `${folder.path}/project`;
  await checkOutHead(project.root, { target, start, clock });

  const read = (file: string) => Deno.readTextFileSync(`${target}/${file}`);
  assert.equal(read("a.txt"), "committed");
  assert.equal((Deno.statSync(`${target}/bin/run`).mode ?? 0) & 0o111, 0o111);
  for (const file of ["deps/x/index.js", "lib/old.js", ".env"]) assert.equal(read(file), "before");
  for (const file of ["untracked.txt", "lib/made.js", "new/made.js"]) {
    assert.throws(() => read(file), Deno.errors.NotFound, file);
  }
  assert.equal(await project.read("a.txt"), "not committed", "the project is as it was");
  assert.equal(await project.git("status", "--porcelain"), "M a.txt\n?? untracked.txt");
});

Deno.test("files that a person keeps as they are, and a filter with its key, are as in a clone", async () => {
  await using project = await makeProject({ files: { "config.json": "committed", "b.txt": "b" } });
  await project.write(".git/git-crypt/key", "k");
  await project.git("config", "filter.crypt.smudge", "cat .git/git-crypt/key && cat");
  await project.git("config", "filter.crypt.clean", "sed s/^k//");
  await project.git("config", "filter.crypt.required", "true");
  await project.write(".gitattributes", "b.txt filter=crypt\n");
  await project.git("add", "--all");
  await project.git("commit", "--quiet", "-m", "filter");
  await project.git("update-index", "--skip-worktree", "config.json");
  await project.write("config.json", "a person's");
  using folder = temporaryFolder();
  const target = `${folder.path}/project`;
  await checkOutHead(project.root, { target, start: { ignored: [] }, clock });
  assert.equal(Deno.readTextFileSync(`${target}/config.json`), "committed");
  assert.equal(Deno.readTextFileSync(`${target}/b.txt`), "kb");
});

Deno.test("what was set up since changes nothing in it: filters, attributes, files that are left out", async () => {
  await using project = await makeProject({ files: { "app.js": "broken", "b.txt": "b" } });
  await project.git("config", "filter.old.smudge", "sed s/b/of-the-start/");
  const start = await cleanStart(project.root, { clock });
  await project.git("config", "filter.fix.smudge", "echo mended");
  await project.git("config", "filter.fix.clean", "echo broken");
  await project.write(".git/info/attributes", "app.js filter=fix\n");
  await project.write(".gitattributes", "b.txt filter=old\n");
  await project.git("config", "filter.old.smudge", "sed s/b/since/");
  await project.git("add", "--all");
  await project.git("commit", "--quiet", "-m", "since");
  await project.git("config", "core.sparseCheckout", "true");
  await project.write(".git/info/sparse-checkout", "/app.js\n");
  using folder = temporaryFolder();
  const target = `${folder.path}/project`;
  await checkOutHead(project.root, { target, start, clock });
  const read = (file: string) => Deno.readTextFileSync(`${target}/${file}`).trim();
  assert.equal(read("app.js"), "broken");
  assert.equal(read("b.txt"), "of-the-start");
});

Deno.test("a submodule is there at the commit that is recorded", async () => {
  await using lib = await makeProject({ files: { "lib.js": "recorded" } });
  await using project = await makeProject();
  const allowed = ["-c", "protocol.file.allow=always"];
  await project.git(...allowed, "submodule", "--quiet", "add", lib.root, "libs/lib");
  await project.git("commit", "--quiet", "-m", "submodule");
  await project.write("libs/lib/lib.js", "newer");
  const inside = ["-C", "libs/lib", "-c", "user.name=T", "-c", "user.email=t@example.com"];
  await project.git(...inside, "commit", "--quiet", "--all", "-m", "newer");
  using folder = temporaryFolder();
  const target = `${folder.path}/project`;
  await checkOutHead(project.root, { target, start: { ignored: [] }, clock });
  assert.equal(Deno.readTextFileSync(`${target}/libs/lib/lib.js`), "recorded");
  assert.equal(await project.read("libs/lib/lib.js"), "newer");
});

Deno.test("what was set up since in a submodule changes nothing there", async () => {
  await using lib = await makeProject({ files: { "lib.js": "broken" } });
  await using project = await makeProject();
  const add = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", lib.root];
  await project.git(...add, "old");
  await project.git("commit", "--quiet", "-m", "submodule");
  const start = await cleanStart(project.root, { clock });
  await project.git(...add, "new");
  await project.git("commit", "--quiet", "-m", "another");
  for (const name of ["old", "new"]) {
    await project.git("-C", name, "config", "filter.fix.smudge", "echo mended");
    await project.git("-C", name, "config", "filter.fix.clean", "echo broken");
    const attributes = `${name}/../.git/modules/${name}/info/attributes`;
    await project.write(attributes, "lib.js filter=fix\n");
  }
  using folder = temporaryFolder();
  const target = `${folder.path}/project`;
  await checkOutHead(project.root, { target, start, clock });
  for (const name of ["old", "new"]) {
    assert.equal(Deno.readTextFileSync(`${target}/${name}/lib.js`), "broken", name);
  }
});

Deno.test("what was ignored leads to what is committed, not to the work tree", async () => {
  await using project = await makeProject({
    files: { ".gitignore": "node_modules/\n.venv/\n", "packages/core/index.js": "committed" },
  });
  using beside = temporaryFolder();
  Deno.writeTextFileSync(`${beside.path}/shared.js`, "shared");
  const { root } = project;
  const modules = `${root}/node_modules`;
  for (
    const [file, text] of [
      ["node_modules/left/index.js", "left"],
      [".venv/lib/site-packages/acme.pth", `${root}/packages\n${root}-other\n`],
      [".venv/bin/pytest", `#!${root}/.venv/bin/python\nimport pytest\n`],
      [".venv/bin/tool", "#!/bin/sh\n"],
    ]
  ) await project.write(file, text);
  await Deno.chmod(`${root}/.venv/bin/pytest`, 0o755);
  Deno.mkdirSync(`${modules}/@acme`);
  Deno.symlinkSync("../../packages/core", `${modules}/@acme/core`);
  Deno.symlinkSync(`${root}/packages/core`, `${modules}/absolute`);
  Deno.symlinkSync(path.relative(modules, beside.path), `${modules}/beside`);
  Deno.symlinkSync("nowhere", `${modules}/broken`);
  const start = await cleanStart(root, { clock });
  await project.write("packages/core/index.js", "not committed");

  using folder = temporaryFolder();
  const target = `${folder.path}/dee$&per/project`;
  await checkOutHead(root, { target, start, clock });
  const read = (file: string) => Deno.readTextFileSync(`${target}/${file}`);
  for (const name of ["@acme/core", "absolute"]) {
    assert.equal(read(`node_modules/${name}/index.js`), "committed", name);
  }
  assert.equal(read("node_modules/beside/shared.js"), "shared");
  assert.equal(Deno.readLinkSync(`${target}/node_modules/broken`), "nowhere");
  assert.equal(Deno.realPathSync(`${target}/node_modules/left`), `${target}/node_modules/left`);
  assert.equal(read(".venv/lib/site-packages/acme.pth"), `${target}/packages\n${root}-other\n`);
  assert.equal(read(".venv/bin/pytest"), `#!${target}/.venv/bin/python\nimport pytest\n`);
  assert.equal((Deno.statSync(`${target}/.venv/bin/pytest`).mode ?? 0) & 0o777, 0o755);
  assert.equal(
    await project.read(".venv/bin/pytest"),
    `#!${root}/.venv/bin/python\nimport pytest\n`,
  );
});

Deno.test("on another disk a folder that was ignored is linked", async (t) => {
  const other = "/dev/shm";
  await using project = await makeProject({ files: { ".gitignore": "deps/\n" } });
  const isOther = await Deno.stat(other).then(
    ({ dev }) => dev !== Deno.statSync(project.root).dev,
    () => false,
  );
  await t.step({
    name: "in memory",
    ignore: !isOther,
    async fn() {
      await project.write("deps/x/index.js", "before");
      const start = await cleanStart(project.root, { clock });
      using folder = temporaryFolder("ralph-test-", other);
      const target = `${folder.path}/project`;
      await checkOutHead(project.root, { target, start, clock });
      assert.equal(Deno.readLinkSync(`${target}/deps`), `${project.root}/deps`);
      assert.equal(Deno.readTextFileSync(`${target}/deps/x/index.js`), "before");
      const status = new Deno.Command("git", { args: ["-C", target, "status", "--porcelain"] });
      assert.equal(new TextDecoder().decode((await status.output()).stdout), "", "it is ignored");
    },
  });
});
