import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { systemClock } from "../../../../src/host/system/clock.ts";
import { changesSince } from "../../../../src/host/git/changes_since.ts";
import { makeProject } from "../../../support/project.ts";

Deno.test("each changed file has its patch, whatever is written in one, and whatever it has become", async () => {
  await using project = await makeProject({
    files: { "a.txt": "1\n", "link.txt": "1\n", "left/out.txt": "1\n" },
  });
  const { root, git, write } = project;
  const since = (await git("rev-parse", "HEAD")).trim();
  // Ends of lines for JavaScript, and none for git.
  const forged = ["\u2028", "\u2029", "\r"].map((end) => `x${end}diff --git a/z b/z\n`).join("");
  await write("forged.txt", forged);
  await write("a.txt", `2\n${forged}`);
  await Deno.remove(join(root, "link.txt"));
  await Deno.symlink("a.txt", join(root, "link.txt"));
  await write("left/out.txt", "2\n");
  await git("add", "-A");
  await write("new.txt", "3\n");
  const changes = await changesSince(root, { clock: systemClock, since, ignore: ["left"] });
  assert.deepEqual(changes?.map(({ path }) => path), [
    "a.txt",
    "forged.txt",
    "link.txt",
    "new.txt",
  ]);
  const [a, , link, fresh] = changes ?? [];
  assert.match(a.patch, /^\+2$/m);
  assert.match(link.patch, /deleted file mode 100644[^]*new file mode 120000/);
  assert.match(fresh.patch, /^\+3$/m);
});

type Hide = (project: Awaited<ReturnType<typeof makeProject>>) => Promise<unknown>;

/** How whoever may write in the tree and in `.git` may have git pass over what was changed in `a.ts`. */
const HIDDEN: Record<string, Hide> = {
  "no diff, in .gitattributes": ({ write }) => write(".gitattributes", "*.ts -diff\n"),
  "binary, in .git/info/attributes": ({ write }) => write(".git/info/attributes", "* binary\n"),
  "attributes of a file of its own": async ({ write, git }) => {
    await write(".git/mine", "* -diff\n");
    await git("config", "core.attributesFile", ".git/mine");
  },
  "a driver of its own": async ({ write, git }) => {
    await write(".git/info/attributes", "* diff=mine\n");
    await git("config", "diff.mine.binary", "true");
    await git("config", "diff.mine.textconv", "true");
    await git("config", "diff.mine.command", "true");
  },
  "a byte that no text has": ({ write }) => write("a.ts", "// \0\nhidden\n"),
  "assume-unchanged": ({ git }) => git("update-index", "--assume-unchanged", "a.ts"),
  "skip-worktree": ({ git }) => git("update-index", "--skip-worktree", "a.ts"),
  "assume-unchanged, of a file that is gone": async ({ git, root }) => {
    await git("update-index", "--assume-unchanged", "gone.ts");
    await Deno.remove(join(root, "gone.ts"));
  },
  "another order, from nowhere": ({ git }) => git("config", "diff.orderFile", "nowhere"),
  "a look at size and whole seconds": async ({ git, write, root }) => {
    await git("config", "core.checkStat", "minimal");
    await git("config", "core.trustctime", "false");
    const past = new Date("2001-02-03");
    await write("a.ts", "before\n");
    await Deno.utime(join(root, "a.ts"), past, past);
    await git("add", "a.ts");
    // Git compares the time of the last change in whole seconds, and nobody can set that one: the kernel
    // does, by a clock that may be some milliseconds behind.
    const changedAt = async () =>
      Math.floor(Number((await Deno.stat(join(root, "a.ts"))).ctime) / 1000);
    const before = await changedAt();
    do {
      await delay(20);
      await write("a.ts", "hidden\n");
      await Deno.utime(join(root, "a.ts"), past, past);
    } while (await changedAt() === before);
  },
};
for (const [how, hide] of Object.entries(HIDDEN)) {
  Deno.test(`what was changed is shown whatever git was told: ${how}`, async () => {
    await using project = await makeProject({
      files: { "a.ts": "before\n", "gone.ts": "gone\n", "image.png": "\x89PNG\0\0\0\0\0" },
    });
    const { root, git, write } = project;
    const since = (await git("rev-parse", "HEAD")).trim();
    await write("a.ts", "before\nhidden\n");
    await write("image.png", `\x89PNG${"\0\x01".repeat(40)}`);
    await hide(project);
    const changes = await changesSince(root, { clock: systemClock, since, ignore: [] });
    const text = changes?.map(({ patch }) => patch).join("") ?? "";
    assert.match(text, /^\+hidden$/m);
    assert.match(text, /Binary files .*image\.png differ/);
    assert.doesNotMatch(text, /PNG/);
    if (how.endsWith("gone")) assert.match(text, /is told not to look .* is gone$/m);
  });
}

Deno.test("what is not in a sparse checkout is no change", async () => {
  await using project = await makeProject({ files: { "in/a.txt": "1\n", "out/b.txt": "1\n" } });
  const { root, git } = project;
  await git("sparse-checkout", "set", "in");
  const since = (await git("rev-parse", "HEAD")).trim();
  assert.deepEqual(await changesSince(root, { clock: systemClock, since, ignore: [] }), []);
});

Deno.test("of more new files than are shown the names are", async () => {
  await using project = await makeProject({ files: { "a.txt": "1\n" } });
  const { root, git, write } = project;
  const since = (await git("rev-parse", "HEAD")).trim();
  for (let i = 0; i < 301; i++) await write(`junk/${i}.txt`, "");
  await write("z.ts", "hidden\n");
  const changes = await changesSince(root, { clock: systemClock, since, ignore: [] });
  const last = changes?.at(-1);
  assert.equal(last?.path, "(2 more new files)");
  assert.match(last?.patch ?? "", /^"z\.ts"$/m);
});
