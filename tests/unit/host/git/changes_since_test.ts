import assert from "node:assert/strict";
import { join } from "node:path";
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
