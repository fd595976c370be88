/** A database that an older ralph left: brought up by the program as it is released, after a copy. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { makeRalph, type Ralph } from "../support/ralph.ts";
import { migrations } from "../support/migrations.ts";

const databaseOf = ({ home }: Ralph) => join(home, ".local/share/ralph/sessions.db");

/** With one ended session, as a ralph that knew only the first `known` migrations left it. */
async function leaveOlder(path: string, known: number): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  const db = new DatabaseSync(path);
  db.exec("PRAGMA journal_mode = WAL");
  db.exec(
    "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, " +
      "applied_at TEXT NOT NULL) STRICT",
  );
  for (const { number, name, sql } of migrations.slice(0, known)) {
    db.exec(sql);
    db.prepare("INSERT INTO migrations VALUES (?, ?, '2026-11-20T12:00:00.000Z')").run(
      number,
      name,
    );
  }
  db.exec(`INSERT INTO sessions (task_name, task_dir, project_root, status, reason, started_at,
      updated_at, ended_at) VALUES ('t', '/p/tasks/t', '/p', 'completed', 'all_stories_pass',
      '2026-11-20T12:00:00.000Z', '2026-11-20T13:00:00.000Z', '2026-11-20T13:00:00.000Z')`);
  db.close();
}

/** Its sessions and its schema; throws when it is damaged. */
function read(path: string) {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    assert.deepEqual({ ...db.prepare("PRAGMA integrity_check").get() }, { integrity_check: "ok" });
    const { number } = db.prepare("SELECT max(number) AS number FROM migrations").get() ?? {};
    return { schema: number, tasks: db.prepare("SELECT task_name FROM sessions").all().length };
  } finally {
    db.close();
  }
}

for (const { number } of migrations.slice(0, -1)) {
  Deno.test(`a database of schema ${number} is brought up, and a whole copy of it stays`, async () => {
    await using ralph = await makeRalph();
    const database = databaseOf(ralph);
    await leaveOlder(database, number);
    const { code, stdout, stderr } = await ralph(["status", "--json"], { cwd: ralph.home });
    assert.equal(code, 0, stderr);
    assert.equal(stderr, "");
    assert.equal(JSON.parse(stdout)[0].task, "t");
    assert.deepEqual(read(database), { schema: migrations.length, tasks: 1 });
    const copy = `${database}.before-${number + 1}`;
    assert.deepEqual(read(copy), { schema: number, tasks: 1 });
    assert.equal(((await Deno.stat(copy)).mode ?? 0) & 0o777, 0o600);
  });
}

Deno.test("a copy that cannot be made is told with its reason, and nothing is changed", async () => {
  await using ralph = await makeRalph();
  const database = databaseOf(ralph);
  await leaveOlder(database, 1);
  const before = await Deno.readFile(database);
  await Deno.mkdir(`${database}.before-2.part`);
  const { code, stderr } = await ralph(["status"], { cwd: ralph.home });
  assert.equal(code, 7, stderr);
  assert.match(stderr, /^error: cannot copy the database .*\.before-2: .*It was left as it is/);
  assert.deepEqual(await Deno.readFile(database), before);
});

Deno.test("the database of the predecessor is taken over, and a copy of it stays", async () => {
  await using ralph = await makeRalph();
  const database = databaseOf(ralph);
  await Deno.mkdir(dirname(database), { recursive: true });
  const db = new DatabaseSync(database);
  db.exec(`CREATE TABLE sessions (task_name TEXT PRIMARY KEY, task_dir TEXT, pid INTEGER,
    tmux_session TEXT, agent TEXT, status TEXT, started_at TEXT, updated_at TEXT, iteration INTEGER,
    current_story TEXT, max_iterations INTEGER)`);
  db.exec(`INSERT INTO sessions VALUES ('old', '/p/tasks/old', 1, 'x', 'opencode', 'completed',
    '2026-01-01T10:00:00', '2026-01-01T11:00:00', 3, 'US-003', 10)`);
  db.close();
  const { code, stdout, stderr } = await ralph(["status", "--json"], { cwd: ralph.home });
  assert.equal(code, 0, stderr);
  assert.equal(JSON.parse(stdout)[0].task, "old");
  const copy = new DatabaseSync(`${database}.before-takeover`, { readOnly: true });
  assert.equal(copy.prepare("SELECT tmux_session FROM sessions").get()?.tmux_session, "x");
  copy.close();
});
