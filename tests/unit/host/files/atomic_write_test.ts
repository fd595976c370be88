import assert from "node:assert/strict";
import { addFile, createFile, replaceFile } from "../../../../src/host/files/atomic_write.ts";
import { temporaryFolder } from "../../../support/folder.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const namesIn = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
const modeOf = (file: string) => (Deno.statSync(file).mode ?? 0) & 0o777;

Deno.test("two that write the same file at once do not meet: the last one stays, whole", () => {
  using dir = temporaryFolder();
  const file = `${dir.path}/a`;
  replaceFile(file, (first) => {
    replaceFile(file, bytes("inner"));
    assert.equal(Deno.readTextFileSync(file), "inner");
    Deno.writeTextFileSync(first, "outer");
  });
  assert.equal(Deno.readTextFileSync(file), "outer");
  assert.deepEqual(namesIn(dir.path), ["a"]);
});

Deno.test("what stands there is replaced, links too, and never written to", () => {
  using dir = temporaryFolder();
  const file = `${dir.path}/a`;
  Deno.writeTextFileSync(`${dir.path}/other`, "other");
  Deno.symlinkSync("other", file);
  replaceFile(file, bytes("new"));
  assert.equal(Deno.readTextFileSync(`${dir.path}/other`), "other");
  assert(Deno.lstatSync(file).isFile);
  assert.equal(modeOf(file), 0o600);
  replaceFile(file, bytes("new"), { mode: 0o666 });
  assert.equal(modeOf(file), 0o666, "whatever the umask");
});

Deno.test("one that fails on the way leaves what was there, and nothing half-made", () => {
  using dir = temporaryFolder();
  const file = `${dir.path}/a`;
  Deno.writeTextFileSync(file, "before");
  const fail = (): never => {
    throw new Error("no space");
  };
  const failing = [
    () => replaceFile(file, fail),
    () => replaceFile(file, bytes("after"), { files: { ...Deno, renameSync: fail } }),
    () => replaceFile(file, bytes("after"), { mode: 0o600, files: { ...Deno, chmodSync: fail } }),
    () => addFile(`${dir.path}/b`, fail),
    () => createFile(`${dir.path}/b`, fail),
  ];
  for (const write of failing) assert.throws(write, /^Error: no space$/);
  assert.throws(() => replaceFile(`${dir.path}/gone/a`, bytes("x")), Deno.errors.NotFound);
  assert.equal(Deno.readTextFileSync(file), "before");
  assert.deepEqual(namesIn(dir.path), ["a"]);
});

Deno.test("one that is added takes the place of nothing, of a link that leads nowhere neither", () => {
  using dir = temporaryFolder();
  const [file, link] = [`${dir.path}/a`, `${dir.path}/link`];
  Deno.symlinkSync("nowhere", link);
  assert.equal(addFile(file, bytes("first")), true);
  assert.equal(addFile(file, bytes("second")), false);
  assert.equal(addFile(link, bytes("third")), false);
  assert.equal(Deno.readTextFileSync(file), "first");
  assert.throws(() => createFile(file, bytes("fourth")), Deno.errors.AlreadyExists);
  assert.equal(Deno.readTextFileSync(file), "first");
  assert.deepEqual(namesIn(dir.path), ["a", "link"]);
});
