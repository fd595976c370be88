import assert from "node:assert/strict";
import { openLogFile, whyNotLogged } from "../../../src/host/log_file.ts";
import { temporaryFolder } from "../../support/folder.ts";

Deno.test("a log that cannot be opened stops nothing, and tells later how much is missing", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/logs/session.log`;
  // a file where the folder should be: not even root can write there
  Deno.writeTextFileSync(`${dir.path}/logs`, "");
  const log = openLogFile(path);
  log.write("first");
  log.write("second");
  assert.match(whyNotLogged(path) ?? "", /ENOTDIR|Not a directory/);
  Deno.removeSync(`${dir.path}/logs`);
  log.write("third");
  log.close();
  assert.equal(whyNotLogged(path), undefined);
  assert.equal(Deno.readTextFileSync(path), "2 lines could not be written here\nthird\n");
});

Deno.test("a log that cannot be rotated goes on when it can be", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/session.log`;
  const log = openLogFile(path);
  Deno.mkdirSync(`${path}.1/in-the-way`, { recursive: true });
  const line = "x".repeat(1024 * 1024);
  for (let i = 0; i < 10; i++) log.write(line);
  assert(Deno.statSync(path).size <= 8 * 1024 * 1024);
  Deno.removeSync(`${path}.1`, { recursive: true });
  log.write(line);
  log.write("again");
  log.close();
  const [first, , last] = Deno.readTextFileSync(path).split("\n");
  assert.deepEqual([first, last], ["3 lines could not be written here", "again"]);
  assert(Deno.statSync(`${path}.1`).size > 6 * 1024 * 1024);
});
