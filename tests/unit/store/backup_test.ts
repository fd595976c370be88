import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { keepDailyCopy } from "../../../src/store/backup.ts";
import { openDatabase, StoreError } from "../../../src/store/database.ts";
import { temporaryFolder } from "../../support/folder.ts";

const HOUR = 60 * 60 * 1_000;

/** A database in use: what it holds is in its log alone. */
function inUse(path: string): DatabaseSync {
  const database = openDatabase(path, { readOnly: false });
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;
    CREATE TABLE t (a); INSERT INTO t VALUES ('committed')`);
  return database;
}

function rowsOf(path: string): unknown[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    return database.prepare("SELECT a FROM t").all().map(({ a }) => a);
  } finally {
    database.close();
  }
}

Deno.test("a copy made while the database is in use has all that was committed, and nothing else", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/a.db`;
  const database = inUse(path);
  database.exec("BEGIN IMMEDIATE; INSERT INTO t VALUES ('not yet')");
  keepDailyCopy(path, { now: Date.now() });
  // As a plain copy of the file would be.
  Deno.copyFileSync(path, `${dir.path}/plain.db`);
  database.exec("ROLLBACK");
  database.close();
  assert.deepEqual(rowsOf(`${path}.daily`), ["committed"]);
  assert.throws(() => rowsOf(`${dir.path}/plain.db`), /no such table/);
  assert.equal((Deno.statSync(`${path}.daily`).mode ?? 0) & 0o777, 0o600);
});

Deno.test("there is one copy, and it is a day old at most when a session begins", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/a.db`;
  const database = inUse(path);
  const now = Date.now();
  const copies = (at: number, added: string) => {
    database.prepare("INSERT INTO t VALUES (?)").run(added);
    keepDailyCopy(path, { now: at });
    return rowsOf(`${path}.daily`).includes(added);
  };
  assert.equal(copies(now, "first"), true);
  assert.equal(copies(now + 23 * HOUR, "too early"), false);
  assert.equal(copies(now + 25 * HOUR, "next day"), true);
  assert.equal(copies(now - 99 * HOUR, "the clock was wrong"), true);
  database.close();
  assert.deepEqual([...Deno.readDirSync(dir.path)].map(({ name }) => name).sort(), [
    "a.db",
    "a.db.daily",
  ]);
});

Deno.test("a copy that cannot be made leaves the one before it, and no half of it", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/a.db`;
  const database = inUse(path);
  keepDailyCopy(path, { now: Date.now() });
  database.close();
  Deno.writeFileSync(path, Deno.readFileSync(path).fill(7, 4096));
  assert.throws(
    () => keepDailyCopy(path, { now: Date.now() + 25 * HOUR }),
    (error) => error instanceof StoreError && !error.passing && /cannot copy/.test(error.message),
  );
  assert.deepEqual(rowsOf(`${path}.daily`), ["committed"]);
  assert.equal([...Deno.readDirSync(dir.path)].some(({ name }) => name.endsWith(".part")), false);
});

Deno.test("whoever finds that another process has made today's copy meanwhile is content", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/a.db`;
  inUse(path).close();
  const now = Date.now();
  const plainly = (from: string, to: string) => Deno.copyFileSync(from, to);
  keepDailyCopy(path, {
    now,
    copyDatabase(from, to) {
      keepDailyCopy(path, { now, copyDatabase: plainly });
      plainly(from, to);
    },
  });
  assert.deepEqual(rowsOf(`${path}.daily`), ["committed"]);
  Deno.removeSync(`${path}.daily`);
  keepDailyCopy(path, {
    now: Date.now(),
    copyDatabase() {
      keepDailyCopy(path, { now, copyDatabase: plainly });
      throw new Error("no room for a second one");
    },
  });
  const parts = [...Deno.readDirSync(dir.path)].filter(({ name }) => name.includes(".part"));
  assert.deepEqual(parts, []);
  assert.deepEqual(rowsOf(`${path}.daily`), ["committed"]);
});

Deno.test("what killed processes have left half-made is removed, what is being made stays", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/a.db`;
  inUse(path).close();
  const old = Date.now() / 1_000 - 2 * 60 * 60;
  const abandoned = [".daily.part", ".daily.7-0a.part", ".7-0a.part", ".7-0a.part-journal"];
  const others = [".daily.8-0a.part", ".before-2.part", ".damaged", ".copy.part.txt"];
  for (const end of [...abandoned, ...others]) {
    Deno.writeTextFileSync(path + end, "half");
    if (end !== ".daily.8-0a.part") Deno.utimeSync(path + end, old, old);
  }
  keepDailyCopy(path, { now: Date.now() });
  assert.deepEqual(
    [...Deno.readDirSync(dir.path)].map(({ name }) => name.slice("a.db".length))
      .filter((end) => end !== "-wal" && end !== "-shm").sort(),
    ["", ".daily", ...others].sort(),
  );
});
