import assert from "node:assert/strict";
import { openLogFile, whyNotLogged } from "../../../../src/host/files/log_file.ts";
import { temporaryFolder } from "../../../support/folder.ts";

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

Deno.test("a log is bounded: the oldest lines go", () => {
  using dir = temporaryFolder();
  const log = openLogFile(`${dir.path}/session.log`);
  const line = "x".repeat(1024 * 1024);
  for (let i = 0; i < 20; i++) log.write(`${i} ${line}`);
  log.write("the last line");
  log.close();
  const sizes = ["session.log", "session.log.1"].map((name) =>
    Deno.statSync(`${dir.path}/${name}`).size
  );
  assert(sizes.every((size) => size <= 8 * 1024 * 1024), String(sizes));
  assert(Deno.readTextFileSync(log.path).endsWith("the last line\n"));
  assert.equal([...Deno.readDirSync(dir.path)].length, 2);
});

Deno.test("a log is written into no pipe, and through no link", () => {
  using dir = temporaryFolder();
  const [path, theirs] = ["session.log", "theirs"].map((name) => `${dir.path}/${name}`);
  assert(new Deno.Command("mkfifo", { args: [path] }).outputSync().success);
  const log = openLogFile(path);
  log.write("lost");
  assert.match(whyNotLogged(path) ?? "", /it is not a file/);
  Deno.removeSync(path);
  Deno.writeTextFileSync(theirs, "theirs");
  Deno.symlinkSync(theirs, path);
  log.write("lost");
  assert.match(whyNotLogged(path) ?? "", /it is a link/);
  assert.equal(Deno.readTextFileSync(theirs), "theirs");
  Deno.removeSync(path);
  log.write("there");
  log.close();
  assert.equal(Deno.readTextFileSync(path), "2 lines could not be written here\nthere\n");
});
