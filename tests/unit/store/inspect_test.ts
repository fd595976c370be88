import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { RalphError } from "../../../src/error.ts";
import { inspectDatabase, sqliteVersion } from "../../../src/store/inspect.ts";
import type { Migration } from "../../../src/store/migrations.ts";
import { openStore } from "../../../src/store/store.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { migrations } from "../../support/migrations.ts";

const newest = migrations.at(-1)?.number ?? 0;

interface Store extends Disposable {
  readonly path: string;
}

/** A database as ralph makes it, with one session; `change` may then spoil it. */
function store(change: (database: DatabaseSync) => void = () => {}): Store {
  const dir = temporaryFolder();
  const path = `${dir.path}/sessions.db`;
  const store = openStore({ path, migrations, now: () => Date.UTC(2026, 10, 20) });
  store.startSession(
    { taskName: "t", taskDir: "/p/tasks/t", projectRoot: "/p" },
    {
      maxIterations: 10,
      serverUrl: "http://127.0.0.1:14096",
      serverPort: 14096,
      workerPid: 42,
      workerVersion: "0.0.0",
      accepted: false,
    },
    { settings: "{}", tree: "{}", choices: null },
  );
  store.close();
  const database = new DatabaseSync(path, { enableForeignKeyConstraints: false });
  change(database);
  database.close();
  return { path, [Symbol.dispose]: () => dir[Symbol.dispose]() };
}

/** A file with this content in the database's place. */
function file(content: Uint8Array<ArrayBuffer> | string): Store {
  const dir = temporaryFolder();
  const path = `${dir.path}/sessions.db`;
  Deno.writeFileSync(
    path,
    typeof content === "string" ? new TextEncoder().encode(content) : content,
  );
  return { path, [Symbol.dispose]: () => dir[Symbol.dispose]() };
}

/** Looks at the database, and makes sure that its bytes stay as they are. */
function inspect({ path }: Store, { known = migrations, deep = false } = {}) {
  const before = Deno.readFileSync(path);
  try {
    return inspectDatabase(path, { migrations: known, deep });
  } finally {
    assert.deepEqual(Deno.readFileSync(path), before, "the file was changed");
  }
}

function refused(one: Store, message: RegExp, options?: { known?: readonly Migration[] }): void {
  assert.throws(() => inspect(one, options), (error) => {
    assert(error instanceof RalphError, String(error));
    assert.equal(error.kind, "state");
    assert.match(error.message, message);
    assert(error.hints[0]?.command, "no remedy");
    return true;
  });
}

Deno.test("a database that is whole", () => {
  using one = store();
  for (const deep of [false, true]) {
    const { schema, damage, checked } = inspect(one, { deep });
    assert.deepEqual([schema, damage, checked], [{ found: newest, newest }, [], true]);
  }
});

Deno.test("an empty file is a database that lost its content", () => {
  using one = file("");
  refused(one, /it is empty\. It was left as it is/);
});

Deno.test("an older schema is told, and stays", () => {
  using one = store();
  const next: Migration = { number: newest + 1, name: "later", sql: "CREATE TABLE later (a)" };
  const { schema } = inspect(one, { known: [...migrations, next] });
  assert.deepEqual(schema, { found: newest, newest: newest + 1 });
});

Deno.test("a file that is not there is refused, and not made", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/sessions.db`;
  assert.throws(() => inspectDatabase(path, { migrations, deep: false }), (error) => {
    assert(error instanceof RalphError && error.kind === "state");
    return true;
  });
  assert.deepEqual([...Deno.readDirSync(dir.path)], []);
});

Deno.test("what is no database of ralph's is refused", () => {
  using text = file("this is no database, but a text that is long enough to be one\n".repeat(100));
  refused(text, /file is not a database\. It was left as it is/);
  using dir = temporaryFolder();
  assert.throws(
    () => inspectDatabase(dir.path, { migrations, deep: false }),
    (error) => error instanceof RalphError && error.kind === "state",
  );
});

Deno.test("tables of another program are refused", () => {
  using one = file("");
  const database = new DatabaseSync(one.path);
  database.exec("CREATE TABLE cookies (name)");
  database.close();
  refused(one, /has tables that this ralph did not make/);
});

Deno.test("a newer ralph's is refused", () => {
  using one = store();
  refused(one, new RegExp(`written by a newer ralph \\(schema ${newest}, this one knows 1\\)`), {
    known: migrations.slice(0, 1),
  });
});

Deno.test("a file that was cut off is refused, or its damage is told", () => {
  using whole = store();
  const bytes = Deno.readFileSync(whole.path);
  const told = new Set<string>();
  for (const part of [0.9, 0.5, 0.3]) {
    using cut = file(bytes.slice(0, Math.floor(bytes.length * part)));
    try {
      const { damage } = inspect(cut);
      assert(damage.length > 0, `nothing was found with ${part} of the file`);
      told.add("damage");
    } catch (error) {
      assert(error instanceof RalphError, String(error));
      assert.equal(error.kind, "state");
      told.add("refused");
    }
  }
  assert(told.size > 0);
});

Deno.test("pages that were overwritten are found", () => {
  using one = store((database) => {
    database.exec("PRAGMA journal_mode = DELETE");
    database.exec("CREATE TABLE big (a); BEGIN");
    const insert = database.prepare("INSERT INTO big VALUES (?)");
    for (let i = 0; i < 200; i++) insert.run("x".repeat(500));
    database.exec("COMMIT");
  });
  const bytes = Deno.readFileSync(one.path);
  bytes.fill(0xff, bytes.length - 3 * 4096, bytes.length - 2 * 4096);
  Deno.writeFileSync(one.path, bytes);
  refused(one, /database disk image is malformed\. It was left as it is/);
});

/** Writes a wrong count of free pages into the header (sqlite.org/fileformat2.html, 1.3). */
function miscount({ path }: Store): void {
  const bytes = Deno.readFileSync(path);
  new DataView(bytes.buffer).setUint32(36, 7);
  Deno.writeFileSync(path, bytes);
}

Deno.test("what integrity_check says is handed on", () => {
  using one = store((database) => database.exec("PRAGMA journal_mode = DELETE"));
  miscount(one);
  const { damage, checked } = inspect(one);
  assert.equal(checked, true);
  assert.equal(damage.length, 1);
  assert.match(damage[0], /Freelist: size is \d+ but should be 7/);
});

Deno.test("a database that takes long to read is read through only when it is asked for", () => {
  using one = store((database) => database.exec("PRAGMA journal_mode = DELETE"));
  miscount(one);
  // mostly a hole: it takes no room
  Deno.truncateSync(one.path, 201_000_000);
  const look = (deep: boolean) => inspectDatabase(one.path, { migrations, deep });
  const { checked, damage } = look(false);
  assert.deepEqual([checked, damage], [false, []]);
  assert.equal(look(true).checked, true);
  assert(look(true).damage.length > 0);
});

Deno.test("rows whose session is gone are found, the first few of them", () => {
  using one = store((database) => {
    database.exec("PRAGMA foreign_keys = OFF");
    const [row] = database.prepare("PRAGMA foreign_key_list(iterations)").all();
    assert.equal(row.table, "sessions");
    const columns = database.prepare("PRAGMA table_info(iterations)").all()
      .filter(({ notnull, dflt_value, name }) =>
        notnull && dflt_value === null || name === row.from
      );
    const names = columns.map(({ name }) => String(name));
    const values = columns.map(({ name, type }) =>
      name === row.from ? "999" : name === "number" ? "$n" : type === "TEXT" ? "'x'" : "1"
    );
    database.exec("PRAGMA ignore_check_constraints = ON");
    for (let n = 1; n <= 9; n++) {
      database.exec(
        `INSERT INTO iterations (${names}) VALUES (${values.map((v) => v === "$n" ? n : v)})`,
      );
    }
  });
  const { damage } = inspect(one);
  assert.equal(damage.length, 5);
  assert(damage.includes("a row of iterations belongs to no row of sessions"), damage.join("\n"));
});

Deno.test("a database that another program keeps locked is told as such", async () => {
  using one = store((database) => database.exec("PRAGMA journal_mode = DELETE"));
  const code = `
    import { DatabaseSync } from "node:sqlite";
    const database = new DatabaseSync(${JSON.stringify(one.path)});
    database.exec("BEGIN EXCLUSIVE");
    console.log("locked");
    setInterval(() => {}, 1000);`;
  const holder = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", code],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = holder.stdout.getReader();
  try {
    assert.equal(new TextDecoder().decode((await reader.read()).value), "locked\n");
    refused(one, /another program has kept it locked/);
  } finally {
    await reader.cancel();
    holder.kill("SIGKILL");
    await holder.status;
  }
  assert.deepEqual(inspect(one).damage, []);
});

Deno.test("a writer that is at work is no obstacle, and what it has not committed is not seen", () => {
  using one = store();
  const writer = new DatabaseSync(one.path);
  writer.exec("BEGIN IMMEDIATE; DELETE FROM sessions");
  assert.deepEqual(inspect(one).damage, []);
  writer.exec("ROLLBACK");
  writer.close();
});

Deno.test("SQLite says its version", () => {
  assert.match(sqliteVersion(), /^3\.\d+\.\d+$/);
});
