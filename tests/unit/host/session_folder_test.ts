import assert from "node:assert/strict";
import { sessionFolder } from "../../../src/host/session_folder.ts";
import { temporaryFolder } from "../../support/folder.ts";

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
