import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { openDatabase } from "../../../src/store/database.ts";
import { databaseError, StoreError } from "../../../src/store/store_error.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { GENEROUS_MS } from "../../support/wait.ts";

/** What the database refuses, as the program tells it. */
function refusal(path: string, work: (database: DatabaseSync) => void): StoreError {
  const database = openDatabase(path, { readOnly: false, timeoutMs: 100 });
  try {
    work(database);
  } catch (error) {
    const told = databaseError(error, { path, timeoutMs: 100 });
    assert(told instanceof StoreError, String(told));
    assert.equal(told.kind, "state");
    assert(told.hints.some(({ command }) => command), "no command that helps");
    return told;
  } finally {
    database.close();
  }
  assert.fail("nothing was refused");
}

Deno.test("no room is told as something that may pass", () => {
  using dir = temporaryFolder();
  const { passing, message } = refusal(`${dir.path}/a.db`, (database) => {
    database.exec("PRAGMA max_page_count = 4; CREATE TABLE t (a)");
    database.prepare("INSERT INTO t VALUES (zeroblob(100000))").run();
  });
  assert.equal(passing, true);
  assert.match(message, /cannot use the database .*a\.db: database or disk is full/);
});

Deno.test("a locked database is told as something that may pass, with how long was waited", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/a.db`;
  const other = new DatabaseSync(path);
  other.exec("CREATE TABLE t (a); BEGIN IMMEDIATE");
  const began = performance.now();
  const { passing, message } = refusal(path, (database) => {
    database.prepare("INSERT INTO t VALUES (1)").run();
  });
  assert(performance.now() - began < GENEROUS_MS);
  other.close();
  assert.equal(passing, true);
  assert.match(message, /another program has kept it locked for 0\.1 s/);
});

Deno.test("damage is told as something that will not pass", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/a.db`;
  Deno.writeTextFileSync(path, "this is no database ".repeat(100));
  assert.throws(
    () => openDatabase(path, { readOnly: false }),
    (error) => error instanceof StoreError && !error.passing,
  );
});

const ROWS = 50_000;

Deno.test("a transaction that broke off is taken back before anything is read", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/a.db`;
  const writer = new DatabaseSync(path);
  // It is never waited for that all is on the disk: what was written in which order is what counts here.
  writer.exec(`PRAGMA synchronous = OFF; PRAGMA cache_size = 2; CREATE TABLE t (a);
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
    INSERT INTO t SELECT 'old' || hex(zeroblob(500)) FROM n;
    BEGIN; UPDATE t SET a = 'new' || hex(zeroblob(500))`);
  // As a kill would leave it: more than the cache holds has been written already. SQLite counts the
  // caches of all connections of a process together, so it is far more than one of them may have.
  const left = `${dir.path}/left.db`;
  for (const end of ["", "-journal"]) Deno.copyFileSync(path + end, left + end);
  writer.exec("ROLLBACK");
  writer.close();
  const text = new TextDecoder("latin1").decode(Deno.readFileSync(left));
  assert(text.includes("new") && text.includes("old"), "nothing was half-written");
  const database = openDatabase(left, { readOnly: true });
  const { old } = database.prepare("SELECT count(*) AS old FROM t WHERE a LIKE 'old%'").get() ?? {};
  database.close();
  assert.equal(old, ROWS);
});

Deno.test("what is no file beside the database is refused: SQLite would wait for it, or write through it", () => {
  using dir = temporaryFolder();
  const [path, theirs] = [`${dir.path}/a.db`, `${dir.path}/theirs`];
  openDatabase(path, { readOnly: false }).close();
  Deno.writeTextFileSync(theirs, "theirs");
  for (const end of ["-journal", "-wal", "-shm"]) {
    for (const make of [["mkfifo"], ["ln", "-s", theirs], ["mkdir"]]) {
      const [program, ...args] = [...make, path + end];
      assert(new Deno.Command(program, { args }).outputSync().success);
      for (const readOnly of [true, false]) {
        assert.throws(() => openDatabase(path, { readOnly }), (error) => {
          assert(error instanceof StoreError && !error.passing);
          assert.match(error.message, /which SQLite keeps beside it, is not a file/);
          assert.equal(error.hints[0].command, `mv ${path + end} ${path + end}.damaged`);
          return true;
        });
      }
      Deno.removeSync(path + end);
    }
  }
  assert.equal(Deno.readTextFileSync(theirs), "theirs");
});
