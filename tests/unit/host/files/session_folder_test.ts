import assert from "node:assert/strict";
import { RalphError } from "../../../../src/error.ts";
import { pruneFolder, sessionFolder } from "../../../../src/host/files/session_folder.ts";
import { temporaryFolder } from "../../../support/folder.ts";

Deno.test("what a session keeps is on the disk before it takes the place of what was there", () => {
  using dir = temporaryFolder();
  const folder = sessionFolder(`${dir.path}/kept`);
  folder.write("prd", new TextEncoder().encode("before"));
  const { syncDataSync } = Deno.FsFile.prototype;
  const seen: string[] = [];
  Deno.FsFile.prototype.syncDataSync = function () {
    seen.push(new TextDecoder().decode(folder.read("prd")));
    syncDataSync.call(this);
  };
  try {
    folder.write("prd", new TextEncoder().encode("after"));
  } finally {
    Deno.FsFile.prototype.syncDataSync = syncDataSync;
  }
  assert.deepEqual(seen, ["before"]);
  assert.equal(new TextDecoder().decode(folder.read("prd")), "after");
  assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["prd"]);
  assert.equal((Deno.statSync(`${folder.path}/prd`).mode ?? 0) & 0o777, 0o600);
});

Deno.test("of a folder that only grows, the entries that were changed last stay", () => {
  using dir = temporaryFolder();
  for (const [i, name] of ["a", "b", "c"].entries()) {
    Deno.mkdirSync(`${dir.path}/${name}`);
    Deno.utimeSync(`${dir.path}/${name}`, i, i);
  }
  pruneFolder(dir.path, 2);
  assert.deepEqual(Array.from(Deno.readDirSync(dir.path), ({ name }) => name).sort(), ["b", "c"]);
  pruneFolder(`${dir.path}/missing`, 2);
});

Deno.test("through a link nothing is removed, read or written", () => {
  using dir = temporaryFolder();
  const theirs = `${dir.path}/theirs`;
  Deno.mkdirSync(`${theirs}/sub`, { recursive: true });
  Deno.writeTextFileSync(`${theirs}/file`, "theirs");
  Deno.mkdirSync(`${dir.path}/kept`);
  const [kept, aside] = ["kept/t", "kept/t.aside"].map((name) => `${dir.path}/${name}`);
  const isLink = (error: unknown) =>
    error instanceof RalphError && error.kind === "state" && /it is a link/.test(error.message);

  const folder = sessionFolder(kept);
  Deno.symlinkSync(`${theirs}/file`, `${kept}/prd`);
  assert.throws(() => folder.read("prd"), isLink);
  folder.write("prd", new TextEncoder().encode("ours"));
  Deno.removeSync(kept, { recursive: true });
  for (const link of [kept, aside]) Deno.symlinkSync(theirs, link);
  assert.throws(() => folder.clear(), isLink);
  assert.throws(() => folder.write("prd", new Uint8Array()), isLink);
  assert.throws(() => sessionFolder(kept), isLink);
  assert.throws(() => pruneFolder(aside, 0), isLink);

  Deno.renameSync(`${dir.path}/kept`, `${dir.path}/elsewhere`);
  Deno.symlinkSync(`${dir.path}/elsewhere`, `${dir.path}/kept`);
  assert.throws(() => sessionFolder(`${dir.path}/kept/u`), isLink);
  assert.equal(Deno.readTextFileSync(`${theirs}/file`), "theirs");
  assert.equal([...Deno.readDirSync(theirs)].length, 2);
});
