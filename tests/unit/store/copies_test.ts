import assert from "node:assert/strict";
import { fixHints } from "../../../src/store/copies.ts";
import { temporaryFolder } from "../../support/folder.ts";

function make(path: string, { ageS = 0 } = {}): void {
  Deno.writeTextFileSync(path, path);
  Deno.utimeSync(path, Date.now() / 1000 - ageS, Date.now() / 1000 - ageS);
}

function paste(command: string | undefined): void {
  assert(command);
  const { success, stderr } = new Deno.Command("sh", { args: ["-ec", command] }).outputSync();
  assert(success, new TextDecoder().decode(stderr));
}

Deno.test("the newest copy takes the place of a damaged database, which is kept each time", () => {
  using dir = temporaryFolder();
  const folder = `${dir.path}/it's $(here)`;
  Deno.mkdirSync(folder);
  const database = `${folder}/sessions.db`;
  make(`${database}.before-2`, { ageS: 900 });
  make(`${database}.daily`, { ageS: 60 });
  make(`${database}.before-takeover`, { ageS: 999 });
  // None of these is a copy.
  for (const end of [".daily.part", ".12.part", ".old", "-wal"]) make(database + end);
  for (const aside of [".damaged", ".damaged-2"]) {
    Deno.writeTextFileSync(database, `broken ${aside}`);
    const [{ text, command }] = fixHints(database);
    assert.match(text, /^put it aside and go on with the copy of \d{4}-\d\d-\d\dT/);
    paste(command);
    assert.equal(Deno.readTextFileSync(database), `${database}.daily`);
    assert.equal(
      Deno.readTextFileSync(`${database}${aside}/sessions.db`),
      `broken ${aside}`,
    );
  }
  assert.equal(Deno.readTextFileSync(`${database}.damaged/sessions.db-wal`), `${database}-wal`);
});

Deno.test("without a copy nothing takes its place", () => {
  using dir = temporaryFolder();
  const database = `${dir.path}/sessions.db`;
  make(database);
  const [{ text, command }] = fixHints(database);
  assert.match(text, /^there is no copy of it/);
  paste(command);
  assert.deepEqual([...Deno.readDirSync(dir.path)].map(({ name }) => name), [
    "sessions.db.damaged",
  ]);
});

Deno.test("a pipe or a link is no copy: to copy it would wait, or copy another's", () => {
  using dir = temporaryFolder();
  const database = `${dir.path}/sessions.db`;
  make(database);
  assert(new Deno.Command("mkfifo", { args: [`${database}.daily`] }).outputSync().success);
  Deno.symlinkSync("/etc/passwd", `${database}.before-2`);
  assert.match(fixHints(database)[0].text, /^there is no copy of it/);
});
