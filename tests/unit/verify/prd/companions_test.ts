import assert from "node:assert/strict";
import { join } from "node:path";
import { RalphError } from "../../../../src/error.ts";
import { keepCompanions } from "../../../../src/verify/prd/companions.ts";
import { temporaryFolder } from "../../../support/folder.ts";

/** A task whose progress.txt and prompt.md are there. */
function taskFolder() {
  const folder = temporaryFolder();
  const dir = join(folder.path, "tasks/shop");
  Deno.mkdirSync(dir, { recursive: true });
  const file = (name: string) => join(dir, name);
  Deno.writeTextFileSync(file("progress.txt"), "learned");
  Deno.writeTextFileSync(file("prompt.md"), "do it");
  Deno.chmodSync(file("prompt.md"), 0o640);
  const stored = new Map<string, Uint8Array>();
  const writes: string[] = [];
  const companions = ({ interrupted = false, files = Deno } = {}) =>
    keepCompanions({
      files,
      task: { name: "t", dir, projectRoot: folder.path },
      copies: {
        read: (name) => stored.get(name),
        write(name, bytes) {
          writes.push(name);
          stored.set(name, bytes);
        },
      },
      interrupted,
    });
  const text = (name: string) => Deno.readTextFileSync(file(name));
  return {
    root: folder.path,
    dir,
    file,
    text,
    writes,
    companions,
    [Symbol.dispose]: folder[Symbol.dispose],
  };
}

const BOTH = [
  "progress.txt was deleted or moved, and was put back",
  "prompt.md was deleted or moved, and was put back",
];

Deno.test("progress.txt and prompt.md come back as they were, with their folder", () => {
  using task = taskFolder();
  const companions = task.companions();
  companions.keep();
  assert.deepEqual(companions.putBack(), []);
  Deno.removeSync(join(task.root, "tasks"), { recursive: true });
  assert.deepEqual(companions.putBack(), BOTH);
  assert.deepEqual([task.text("progress.txt"), task.text("prompt.md")], ["learned", "do it"]);
  assert.equal((Deno.statSync(task.file("prompt.md")).mode ?? 0) & 0o777, 0o640);
  assert.deepEqual([...Deno.readDirSync(task.dir)].length, 2, "nothing is left beside them");
});

Deno.test("those of a PRD among others have its name, and come back under it", () => {
  using folder = temporaryFolder();
  const prdPath = join(folder.path, "prd-shop.md");
  const progress = join(folder.path, "shop.progress.txt");
  Deno.writeTextFileSync(progress, "learned");
  Deno.writeTextFileSync(join(folder.path, "progress.txt"), "another's");
  const companions = keepCompanions({
    files: Deno,
    task: { name: "shop", dir: prdPath, projectRoot: folder.path, prdPath },
    copies: { read: () => undefined, write: () => {} },
    interrupted: false,
  });
  companions.keep();
  for (const name of [progress, join(folder.path, "progress.txt")]) Deno.removeSync(name);
  assert.deepEqual(companions.putBack(), [
    "shop.progress.txt was deleted or moved, and was put back",
  ]);
  assert.equal(Deno.readTextFileSync(progress), "learned");
});

Deno.test("what an agent writes into them is its own, and one that never was is not made", () => {
  using task = taskFolder();
  Deno.removeSync(task.file("prompt.md"));
  const companions = task.companions();
  companions.keep();
  Deno.writeTextFileSync(task.file("progress.txt"), "what we learned: nothing");
  assert.deepEqual(companions.putBack(), []);
  assert.equal(task.text("progress.txt"), "what we learned: nothing");
  Deno.writeTextFileSync(task.file("prompt.md"), "by the agent");
  Deno.removeSync(task.file("prompt.md"));
  assert.deepEqual(companions.putBack(), []);
});

const WRITTEN_OVER =
  "progress.txt was written over, and what earlier rounds wrote there was put in front again";

Deno.test("what earlier rounds wrote comes back in front of a progress.txt that was written over", () => {
  for (const newer of ["", "## US-002\n\nI did it.\n"]) {
    using task = taskFolder();
    const companions = task.companions();
    companions.keep();
    Deno.chmodSync(task.file("progress.txt"), 0o600);
    Deno.writeTextFileSync(task.file("progress.txt"), newer);
    assert.deepEqual(companions.putBack(), [WRITTEN_OVER]);
    assert.equal(task.text("progress.txt"), newer === "" ? "learned\n" : `learned\n\n${newer}`);
    assert.equal((Deno.statSync(task.file("progress.txt")).mode ?? 0) & 0o777, 0o600);
    assert.deepEqual(companions.putBack(), [], "once");
    companions.keep();
    Deno.writeTextFileSync(task.file("prompt.md"), "a new prompt is a person's, or the work's");
    assert.deepEqual(companions.putBack(), []);
  }
  using task = taskFolder();
  task.companions().keep();
  Deno.writeTextFileSync(task.file("progress.txt"), "of a turn whose worker died");
  assert.deepEqual(task.companions({ interrupted: true }).putBack(), [WRITTEN_OVER]);
});

Deno.test("one that a person removes between two turns stays away", () => {
  using task = taskFolder();
  const companions = task.companions();
  companions.keep();
  Deno.removeSync(task.file("prompt.md"));
  companions.keep();
  assert.deepEqual(companions.putBack(), []);
});

Deno.test("they are read and stored again only when they were changed", () => {
  using task = taskFolder();
  const companions = task.companions();
  companions.keep();
  companions.keep();
  assert.deepEqual(task.writes, ["progress.txt", "prompt.md"]);
  Deno.writeTextFileSync(task.file("progress.txt"), "learned more");
  companions.keep();
  assert.deepEqual(task.writes.slice(2), ["progress.txt"]);
});

Deno.test("the next worker puts back what the turn of a dead one deleted", () => {
  using task = taskFolder();
  task.companions().keep();
  Deno.removeSync(task.file("progress.txt"));
  assert.deepEqual(task.companions().putBack(), [], "no turn was under way");
  assert.deepEqual(task.companions({ interrupted: true }).putBack(), BOTH.slice(0, 1));
  assert.equal(task.text("progress.txt"), "learned");
});

Deno.test("a very long one is not kept, and nothing is written through a link", () => {
  using task = taskFolder();
  Deno.truncateSync(task.file("progress.txt"), 5_000_001);
  const companions = task.companions();
  companions.keep();
  Deno.removeSync(task.file("progress.txt"));
  Deno.renameSync(task.dir, join(task.root, "elsewhere"));
  Deno.symlinkSync("../elsewhere", task.dir);
  Deno.removeSync(join(task.root, "elsewhere/prompt.md"));
  assert.deepEqual(companions.putBack(), []);
  assert.deepEqual([...Deno.readDirSync(join(task.root, "elsewhere"))], []);
});

Deno.test("what the file system refuses is an error that names the file", () => {
  using task = taskFolder();
  const files = {
    ...Deno,
    renameSync: () => {
      throw new Deno.errors.PermissionDenied("Permission denied");
    },
  };
  const companions = task.companions({ files });
  companions.keep();
  Deno.removeSync(task.file("progress.txt"));
  assert.throws(() => companions.putBack(), (error) => {
    assert(error instanceof RalphError);
    assert.match(error.message, /^cannot put .*progress.txt back: Permission denied$/);
    return true;
  });
  assert.deepEqual([...Deno.readDirSync(task.dir)].map(({ name }) => name), ["prompt.md"]);
});
