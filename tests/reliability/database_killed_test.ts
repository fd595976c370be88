/** A command is killed while it makes the database, or brings it up to date. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { openStore } from "../../src/store/store.ts";
import { temporaryFolder } from "../support/folder.ts";
import { migrations } from "../support/migrations.ts";

/** Opens the store, and kills itself before its n-th step. */
const CHILD = fileURLToPath(new URL("../fixtures/earlier/open.ts", import.meta.url));
/** As many at once as there are processors where this is run. */
const AT_ONCE = 2;

/** Has a child killed at each step of opening the database at `path(step)`, until none is any more. */
async function killAtEachStep(
  path: (step: number) => string,
  after: (path: string) => void,
): Promise<number> {
  for (let first = 1;; first += AT_ONCE) {
    const steps = Array.from({ length: AT_ONCE }, (_, i) => first + i);
    const killed = await Promise.all(steps.map(async (step) => {
      const file = path(step);
      const { signal, success, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--quiet", CHILD, file, String(step)],
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).output();
      assert(signal === "SIGKILL" || success, new TextDecoder().decode(stderr));
      after(file);
      return signal === "SIGKILL";
    }));
    if (killed.includes(false)) return first + killed.indexOf(false);
  }
}

const newest = migrations.map(({ number }) => number);

/** The migrations that a database has; none for one without tables. */
function versions(path: string): number[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    assert.equal(database.prepare("PRAGMA integrity_check").get()?.integrity_check, "ok");
    const tables = database.prepare("SELECT name FROM sqlite_schema").all();
    if (tables.length === 0) return [];
    return database.prepare("SELECT number FROM migrations ORDER BY number").all()
      .map(({ number }) => Number(number));
  } finally {
    database.close();
  }
}

function sessionsOf(path: string): number {
  const store = openStore({ path, migrations, now: () => 0 });
  try {
    return store.sessions({ limit: 10 }).length;
  } finally {
    store.close();
  }
}

Deno.test("killed at any step of a migration, it leaves the old schema or the new one, with a copy, and the next one finishes", async () => {
  using dir = temporaryFolder();
  const seen = new Set<string>();
  const steps = await killAtEachStep((step) => {
    const path = `${dir.path}/${step}.db`;
    const database = new DatabaseSync(path);
    database.exec(`${migrations[0].sql};
      CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL,
        applied_at TEXT NOT NULL) STRICT;
      INSERT INTO migrations VALUES (1, 'sessions', '2026-11-20T00:00:00.000Z');
      INSERT INTO sessions
        (task_name, task_dir, project_root, status, started_at, updated_at, ended_at)
        VALUES ('t', '/p/tasks/t', '/p', 'stopped', 'a', 'b', 'c')`);
    database.close();
    return path;
  }, (path) => {
    const found = versions(path);
    seen.add(found.join());
    assert(found.join() === "1" || found.join() === newest.join(), `between: ${found}`);
    assert.equal(sessionsOf(path), 1);
    assert.deepEqual(versions(path), newest);
    assert.equal(sessionsOf(`${path}.before-2`), 1, "the copy before it has all");
  });
  assert(steps > 15, `only ${steps} steps were found`);
  assert.equal(seen.size, 2, "it was killed before the commit, and after it");
});

Deno.test("killed at any step of making the database, it leaves none or a sound one, and the next one finishes", async () => {
  using dir = temporaryFolder();
  const steps = await killAtEachStep((step) => `${dir.path}/${step}.db`, (path) => {
    if (existsSync(path)) assert(["", newest.join()].includes(versions(path).join()));
    assert.equal(sessionsOf(path), 0);
    assert.deepEqual(versions(path), newest);
  });
  assert(steps > 15, `only ${steps} steps were found`);
});
