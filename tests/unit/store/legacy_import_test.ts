import assert from "node:assert/strict";
import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { RalphError } from "../../../src/error.ts";
import { whyResumable } from "../../../src/loop/session/resumable.ts";
import type { Session, WorkerSettings } from "../../../src/store/model.ts";
import { openStore, openStoreReadOnly } from "../../../src/store/store.ts";
import { sessionFromEarlier } from "../../../src/store/legacy_import.ts";
import { migrations } from "../../support/migrations.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { makeRalph } from "../../support/ralph.ts";
import { until } from "../../support/wait.ts";

const CHILD = fileURLToPath(new URL("../../fixtures/earlier/open.ts", import.meta.url));
const NOW = Date.UTC(2026, 10, 20, 12);
const TAKEN_OVER_AT = "2026-11-20T12:00:00.000Z";

const FIRST_COLUMNS = [
  "task_name TEXT PRIMARY KEY",
  "task_dir TEXT NOT NULL",
  "pid INTEGER",
  "tmux_session TEXT",
  "agent TEXT",
  "status TEXT NOT NULL",
  "started_at TEXT NOT NULL",
  "updated_at TEXT NOT NULL",
  "iteration INTEGER DEFAULT 0",
  "current_story TEXT",
  "max_iterations INTEGER",
];
const LATER_COLUMNS = [
  "session_type TEXT",
  "server_port INTEGER",
  "server_pid INTEGER",
  "transport TEXT",
  "ziti_service TEXT",
  "ziti_identity TEXT",
  "remote_host TEXT",
  "server_url TEXT",
  "opencode_session_id TEXT",
];

/** Zones are written out: what a local time means is the matter of a test of its own. */
const ROW = {
  task_name: "demo",
  task_dir: "/p/tasks/demo",
  pid: 4711,
  tmux_session: "ralph-demo",
  agent: "opencode",
  status: "completed",
  started_at: "2026-01-02T03:04:05.678901Z",
  updated_at: "2026-01-02T04:00:00Z",
  iteration: 7,
  current_story: "US-003",
  max_iterations: 25,
};
const LATER_ROW = {
  session_type: "opencode_server",
  server_port: 14097,
  server_pid: 815,
  transport: "local",
  ziti_service: "ralph-svc",
  ziti_identity: "/home/u/id.json",
  remote_host: "box",
  server_url: "http://127.0.0.1:14097",
  opencode_session_id: "ses_abc",
};
const WHOLE_ROW = { ...ROW, ...LATER_ROW };
type EarlierValues = Record<string, SQLInputValue>;

function makeEarlier(
  path: string,
  { columns = [...FIRST_COLUMNS, ...LATER_COLUMNS], rows = [WHOLE_ROW] }: {
    columns?: readonly string[];
    rows?: readonly EarlierValues[];
  } = {},
): void {
  const database = new DatabaseSync(path);
  database.exec(`CREATE TABLE sessions (${columns.join(", ")}); BEGIN`);
  for (const row of rows) {
    const names = Object.keys(row);
    database.prepare(
      `INSERT INTO sessions (${names.map((name) => `"${name}"`)}) VALUES (${names.map(() => "?")})`,
    ).run(...Object.values(row));
  }
  database.exec("COMMIT");
  database.close();
}

const options = (path: string) => ({ path, migrations, now: () => NOW });

function takeOver(path: string): readonly Session[] {
  const store = openStore(options(path));
  const sessions = store.sessions({ limit: 10_000 });
  store.close();
  return sessions;
}

/** All of what a query finds, as plain objects. */
function query(path: string, sql: string) {
  const database = new DatabaseSync(path, { readOnly: true });
  const rows = database.prepare(sql).all().map((row) => ({ ...row }));
  database.close();
  return rows;
}

const isEarlier = (path: string) =>
  query(path, "SELECT 1 FROM pragma_table_info('sessions') WHERE name = 'tmux_session'").length > 0;

function child(args: readonly string[], env: Record<string, string> = {}): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", CHILD, ...args],
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function outputOf(process: Deno.ChildProcess): Promise<readonly Session[]> {
  const { success, stdout, stderr } = await process.output();
  assert(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

const earlierOf = ({ earlier }: { earlier: string | null }) => JSON.parse(earlier ?? "null");

Deno.test("US-008, FR-7: a row of every version of the predecessor is carried over whole", () => {
  using dir = temporaryFolder();
  for (let later = 0; later <= LATER_COLUMNS.length; later++) {
    const path = `${dir.path}/${later}.db`;
    const added = Object.fromEntries(Object.entries(LATER_ROW).slice(0, later));
    const columns = [...FIRST_COLUMNS, ...LATER_COLUMNS.slice(0, later)];
    makeEarlier(path, { columns, rows: [{ ...ROW, ...added }] });
    const { server_port, server_pid: _, server_url, opencode_session_id, ...rest } = added;
    const [session, ...others] = takeOver(path);
    assert.deepEqual(others, []);
    assert.deepEqual(earlierOf(session), { tmux_session: "ralph-demo", ...rest });
    assert.deepEqual({ ...session, earlier: null }, {
      id: 1,
      taskName: "demo",
      taskDir: "/p/tasks/demo",
      projectRoot: "/p",
      status: "completed",
      reason: null,
      detail: null,
      activity: null,
      activityKind: null,
      activitySince: null,
      currentStory: "US-003",
      iterations: 7,
      maxIterations: 25,
      model: null,
      agent: "opencode",
      serverUrl: server_url ?? null,
      serverPort: server_port ?? null,
      openCodeSessionId: opencode_session_id ?? null,
      workerPid: 4711,
      workerVersion: null,
      workerBoot: null,
      workerUnit: null,
      workerStartedAt: null,
      epoch: 1,
      logPath: null,
      said: null,
      accepted: false,
      onlyStory: null,
      resumedAfter: 0,
      earlier: null,
      startedAt: "2026-01-02T03:04:05.678Z",
      updatedAt: "2026-01-02T04:00:00.000Z",
      endedAt: "2026-01-02T04:00:00.000Z",
    });
  }
});

Deno.test("every status is kept, except that nothing runs any more", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/sessions.db`;
  const statuses = ["running", "checkpointed", "completed", "stopped", "failed", "paused\x1b[2J"];
  const rows = statuses.map((status) => ({ ...WHOLE_ROW, task_name: status, status }));
  makeEarlier(path, { rows });
  const found = Object.fromEntries(
    takeOver(path).map(({ taskName, status, reason, detail }) => [taskName, {
      status,
      reason,
      detail,
    }]),
  );
  const plain = (status: string) => ({ status, reason: null, detail: null });
  assert.deepEqual(found, {
    running: {
      status: "failed",
      reason: "worker_died",
      detail: "it was on record as running when the predecessor's database was taken over",
    },
    checkpointed: plain("checkpointed"),
    completed: plain("completed"),
    stopped: plain("stopped"),
    failed: plain("failed"),
    "paused\x1b[2J": {
      status: "failed",
      reason: null,
      detail: 'the predecessor had the unknown status "paused\\u001b[2J" on record',
    },
  });
});

Deno.test("a row that was taken over is never continued and never changed", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/sessions.db`;
  const statuses = ["running", "checkpointed", "failed"];
  makeEarlier(path, { rows: statuses.map((status) => ({ ...ROW, task_name: status, status })) });
  const before = takeOver(path);
  const store = openStore({ ...options(path), now: () => NOW + 1_000 });
  const worker: WorkerSettings = {
    maxIterations: 10,
    serverUrl: "http://127.0.0.1:14096",
    serverPort: 14096,
    workerPid: 42,
    workerVersion: "0.0.0",
    accepted: false,
  };
  const start = { settings: "{}", tree: null, choices: null };
  for (const session of before) {
    assert.equal(whyResumable(session), undefined);
    assert.throws(() => store.continueSession(session.id, worker, start), /cannot be continued/);
    assert.equal(store.markWorkerDied(session, "gone"), false);
  }
  const { sessionId } = store.startSession(
    { taskName: "demo", taskDir: "/p/tasks/demo", projectRoot: "/p" },
    worker,
    start,
  );
  const [young, ...old] = store.sessions({ limit: 10 });
  store.close();
  assert.equal(young.id, sessionId);
  assert.equal(young.earlier, null);
  assert.equal(young.iterations, 0);
  assert.deepEqual(old, before);
});

Deno.test("odd types, missing columns and unknown ones are no obstacle", () => {
  using dir = temporaryFolder();
  const least = `${dir.path}/least.db`;
  makeEarlier(least, {
    columns: ["notes TEXT", "started_at", "status", "hourly_rate REAL", "task_name"],
    rows: [{ task_name: "a", status: "stopped", started_at: "2026-01-02T03:04Z", notes: "mine" }],
  });
  const [session] = takeOver(least);
  assert.deepEqual(earlierOf(session), { notes: "mine" });
  assert.equal(session.taskDir, "");
  assert.equal(session.projectRoot, "");
  assert.equal(session.iterations, 0);
  assert.equal(session.maxIterations, null);
  assert.equal(session.updatedAt, "2026-01-02T03:04:00.000Z");

  const odd = `${dir.path}/odd.db`;
  makeEarlier(odd, {
    columns: [...FIRST_COLUMNS.map((column) => column.split(" ")[0]), "big", "bytes", "far"],
    rows: [{
      ...ROW,
      pid: "4711",
      iteration: 3.0,
      max_iterations: "many",
      current_story: 12,
      big: 2n ** 62n,
      bytes: new Uint8Array([0, 255]),
      far: Infinity,
    }, {
      task_name: null,
      task_dir: null,
      status: null,
      started_at: null,
      updated_at: null,
      pid: 2n ** 60n,
      iteration: -1,
    }],
  });
  const [last, first] = takeOver(odd);
  assert.equal(first.workerPid, 4711);
  assert.equal(first.iterations, 3);
  assert.equal(first.maxIterations, null);
  assert.equal(first.currentStory, "12");
  assert.deepEqual(earlierOf(first), {
    tmux_session: "ralph-demo",
    max_iterations: "many",
    big: "4611686018427387904",
    bytes: "x'00ff'",
    far: "Infinity",
  });
  assert.equal(last.taskName, "");
  assert.equal(last.status, "failed");
  assert.equal(last.detail, "the predecessor had no status on record");
  assert.equal(last.startedAt, TAKEN_OVER_AT);
  assert.equal(last.workerPid, null);
  assert.deepEqual(earlierOf(last), { pid: "1152921504606846976", iteration: -1 });
});

Deno.test("the project root is the folder that has `tasks/`", () => {
  const rootOf = (task_dir: SQLOutputValue) =>
    sessionFromEarlier({ ...ROW, task_dir }, TAKEN_OVER_AT).projectRoot;
  assert.equal(rootOf("/home/u/my project/tasks/demo"), "/home/u/my project");
  assert.equal(rootOf("/p/tasks/demo/"), "/p");
  assert.equal(rootOf("/p/tasks/q/tasks/demo"), "/p/tasks/q");
  assert.equal(rootOf("/tasks/demo"), "/");
  assert.equal(rootOf("/p/demo"), "/p/demo");
  assert.equal(rootOf("tasks/demo"), "tasks/demo");
  assert.equal(rootOf(null), "");
});

Deno.test("times that cannot be read give way to the best that is known, and are kept as text", () => {
  const times = (started_at: SQLOutputValue, updated_at: SQLOutputValue) => {
    const session = sessionFromEarlier({ ...ROW, started_at, updated_at }, TAKEN_OVER_AT);
    const { tmux_session: _, ...kept } = earlierOf(session);
    return [session.startedAt, session.updatedAt, kept];
  };
  const good = "2026-01-02T03:04:05Z";
  const utc = "2026-01-02T03:04:05.000Z";
  assert.deepEqual(times(good, good), [utc, utc, {}]);
  assert.deepEqual(times("2026-01-02 04:34:05.000001+01:30", good), [utc, utc, {}]);
  assert.deepEqual(times("soon", good), [utc, utc, { started_at: "soon" }]);
  assert.deepEqual(times(good, "2026-02-30T00:00:00"), [
    utc,
    utc,
    { updated_at: "2026-02-30T00:00:00" },
  ]);
  for (const bad of ["", "2026-01-02", "2026-13-02T00:00:00", "9026-01-02T00:00:00", "12", "now"]) {
    const kept = { started_at: bad, updated_at: 17 };
    assert.deepEqual(times(bad, 17), [TAKEN_OVER_AT, TAKEN_OVER_AT, kept]);
  }
});

Deno.test("local times are read in the machine's time zone, summer time included", async () => {
  const rows = [
    { task_name: "winter", started_at: "2026-01-15T12:00:00.123456" },
    { task_name: "summer", started_at: "2026-07-15T12:00:00" },
  ];
  const expected = {
    "Europe/Berlin": ["2026-01-15T11:00:00.123Z", "2026-07-15T10:00:00.000Z"],
    "America/New_York": ["2026-01-15T17:00:00.123Z", "2026-07-15T16:00:00.000Z"],
    "Asia/Kolkata": ["2026-01-15T06:30:00.123Z", "2026-07-15T06:30:00.000Z"],
    "UTC": ["2026-01-15T12:00:00.123Z", "2026-07-15T12:00:00.000Z"],
  };
  for (const [TZ, times] of Object.entries(expected)) {
    using dir = temporaryFolder();
    const path = `${dir.path}/sessions.db`;
    makeEarlier(path, {
      rows: rows.map((row) => ({ ...WHOLE_ROW, ...row, updated_at: row.started_at })),
    });
    const sessions = await outputOf(child([path], { TZ }));
    const read = (name: string) => sessions.find(({ taskName }) => taskName === name);
    assert.deepEqual([read("winter")?.startedAt, read("summer")?.endedAt], times, TZ);
  }
});

Deno.test("US-008: no server's process id, no password and no secret column is carried over", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/sessions.db`;
  makeEarlier(path, {
    columns: [
      ...FIRST_COLUMNS,
      ...LATER_COLUMNS,
      "server_password",
      "API_KEY",
      "authToken",
      "proxy",
    ],
    rows: [{
      ...WHOLE_ROW,
      server_url: "http://me:hun/t@er2@host:14096/base?auth=hunter2#hunter2",
      remote_host: "me:hunter2@box",
      tmux_session: "a:b c@d",
      server_password: "hunter2",
      API_KEY: "hunter2",
      authToken: "hunter2",
      proxy: "via socks5://hunter2@proxy:1080 and http://plain/?q=hunter2",
    }],
  });
  const [session] = takeOver(path);
  assert.equal(session.serverUrl, "http://host:14096/base");
  assert.deepEqual(earlierOf(session), {
    tmux_session: "a:b c@d",
    session_type: "opencode_server",
    transport: "local",
    ziti_service: "ralph-svc",
    ziti_identity: "/home/u/id.json",
    remote_host: "me@box",
    proxy: "via socks5://proxy:1080 and http://plain/",
  });
  const dump = JSON.stringify(query(path, "SELECT * FROM sessions"));
  assert.doesNotMatch(dump, /hunter2|815|server_pid/);
});

Deno.test("hostile names are stored as they are", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/sessions.db`;
  const names = [
    "'); DROP TABLE sessions; --",
    "a\nb\x1b]0;x\x07",
    "../../etc/passwd",
    "$(touch /tmp/x)",
    "ünïcødé \u202e 🤖",
    "user:name@place",
    "",
    "x".repeat(100_000),
  ];
  makeEarlier(path, {
    columns: [...FIRST_COLUMNS, '"__proto__" TEXT', `"odd ""name'" TEXT`],
    rows: names.map((name) => ({
      ...ROW,
      task_name: name,
      task_dir: `/p/tasks/${name}`,
      ['odd ""name\'']: name.slice(0, 9),
    })),
  });
  const sessions = takeOver(path).toReversed();
  assert.deepEqual(sessions.map(({ taskName }) => taskName), names);
  assert.deepEqual(sessions.map(({ taskDir }) => taskDir), names.map((name) => `/p/tasks/${name}`));
  assert.equal(earlierOf(sessions[0])[`odd "name'`], "'); DROP ");
});

Deno.test("a thousand rows come in the order in which they were started", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/sessions.db`;
  const time = (i: number) => new Date(NOW - i * 60_000).toISOString();
  const rows = Array.from({ length: 1_000 }, (_, i) => ({
    ...WHOLE_ROW,
    task_name: `task ${i}`,
    task_dir: null,
    started_at: time(i),
  }));
  makeEarlier(path, {
    columns: [...FIRST_COLUMNS, ...LATER_COLUMNS].map((column) => column.replace(" NOT NULL", "")),
    rows,
  });
  const store = openStore(options(path));
  const expected = rows.map(({ task_name }) => task_name);
  assert.deepEqual(store.sessions({ limit: 2_000 }).map(({ taskName }) => taskName), expected);
  // Without a folder they are still different tasks.
  assert.deepEqual(store.lastSessions().map(({ taskName }) => taskName), expected);
  store.close();
});

Deno.test("US-008: a copy is made first, once, for its owner alone, and taking over twice changes nothing", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/sessions.db`;
  makeEarlier(path);
  Deno.chmodSync(path, 0o644);
  const before = query(path, "SELECT * FROM sessions");
  const first = takeOver(path);
  const copy = `${path}.before-takeover`;
  assert.deepEqual(query(copy, "SELECT * FROM sessions"), before);
  const bytes = Deno.readFileSync(copy);

  assert.deepEqual(takeOver(path), first);
  assert.deepEqual(Deno.readFileSync(copy), bytes);
  assert.deepEqual([...Deno.readDirSync(dir.path)].map(({ name }) => name).sort(), [
    "sessions.db",
    "sessions.db.before-takeover",
  ]);
  for (const file of [path, copy]) {
    assert.equal((Deno.statSync(file).mode ?? 0) & 0o777, 0o600, file);
  }
  assert.deepEqual(
    query(path, "SELECT number FROM migrations"),
    migrations.map(({ number }) => ({ number })),
  );
  assert.deepEqual(query(path, "PRAGMA integrity_check"), [{ integrity_check: "ok" }]);
});

Deno.test("half a copy of a killed attempt is made anew, a whole one stays", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/sessions.db`;
  makeEarlier(path);
  Deno.writeTextFileSync(`${path}.before-takeover.part`, "half a copy");
  takeOver(path);
  const copy = `${path}.before-takeover`;
  assert.equal(query(copy, "SELECT * FROM sessions").length, 1);

  const bytes = Deno.readFileSync(copy);
  Deno.removeSync(path);
  makeEarlier(path, { rows: [] });
  takeOver(path);
  assert.deepEqual(Deno.readFileSync(copy), bytes);
});

Deno.test("without room for the copy nothing is changed", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/sessions.db`;
  makeEarlier(path);
  const before = query(path, "SELECT * FROM sessions");
  Deno.mkdirSync(`${path}.before-takeover.part`);
  assert.throws(() => takeOver(path), (error: unknown) => {
    assert(error instanceof RalphError);
    assert.equal(error.kind, "state");
    assert.match(error.message, /^cannot copy the database .* It was left as it is$/);
    return true;
  });
  assert.deepEqual(query(path, "SELECT * FROM sessions"), before);
});

Deno.test("tables of something else are refused and left as they are", () => {
  using dir = temporaryFolder();
  const columns = FIRST_COLUMNS.join(", ");
  const cases = {
    "another sessions table": "CREATE TABLE sessions (id INTEGER PRIMARY KEY, status TEXT)",
    "no times": "CREATE TABLE sessions (task_name TEXT, status TEXT)",
    "a view": `CREATE TABLE a (${columns}); CREATE VIEW sessions AS SELECT * FROM a`,
    "a table in the way": `CREATE TABLE sessions (${columns}); CREATE TABLE Iterations (a)`,
    "its own migrations": `CREATE TABLE sessions (${columns}); CREATE TABLE migrations (id)`,
    "a table that depends on it":
      `CREATE TABLE sessions (${columns}); CREATE TABLE a (b REFERENCES sessions ON DELETE CASCADE)`,
  };
  for (const [name, sql] of Object.entries(cases)) {
    const path = `${dir.path}/${name}.db`;
    const database = new DatabaseSync(path);
    database.exec(sql);
    database.close();
    const before = Deno.readFileSync(path);
    assert.throws(() => takeOver(path), /tables that this ralph did not make/, name);
    assert.deepEqual(Deno.readFileSync(path), before, name);
  }
});

Deno.test("a table beside it, its indexes and its triggers are no obstacle", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/sessions.db`;
  makeEarlier(path);
  const database = new DatabaseSync(path);
  database.exec(`CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine');
    CREATE INDEX sessions_of_task ON sessions (status);
    CREATE TRIGGER forbid BEFORE DELETE ON sessions BEGIN SELECT raise(ABORT, 'no'); END`);
  database.close();
  assert.equal(takeOver(path).length, 1);
  assert.deepEqual(query(path, "SELECT text FROM notes"), [{ text: "mine" }]);
});

Deno.test("a damaged database of the predecessor is refused and left as it is", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/sessions.db`;
  makeEarlier(path, {
    rows: Array.from({ length: 200 }, (_, i) => ({ ...WHOLE_ROW, task_name: `task ${i}` })),
  });
  const bytes = Deno.readFileSync(path);
  bytes.fill(0xff, 3 * 4096, 5 * 4096);
  Deno.writeFileSync(path, bytes);
  const names = () => query(path, "SELECT name, sql FROM sqlite_schema");
  const before = names();
  assert.throws(() => takeOver(path), (error: unknown) => {
    assert(error instanceof RalphError);
    assert.equal(error.kind, "state");
    assert.match(error.message, /malformed/);
    return true;
  });
  assert.deepEqual(names(), before);
  // Only the file format's version, which says that there is a write-ahead log, may differ.
  assert.deepEqual(Deno.readFileSync(path).subarray(4096), bytes.subarray(4096));
});

Deno.test("many processes that find it at once all succeed, and every row is there once", async () => {
  const rows = Array.from({ length: 50 }, (_, i) => ({ ...WHOLE_ROW, task_name: `task ${i}` }));
  for (const startTogether of [false, true, false, true]) {
    using dir = temporaryFolder();
    const path = `${dir.path}/sessions.db`;
    makeEarlier(path, { rows });
    const writer = new DatabaseSync(path, { timeout: 5_000 });
    if (startTogether) writer.exec("BEGIN IMMEDIATE");
    const children = Array.from({ length: 6 }, () => child([path]));
    const outputs = Promise.all(children.map(outputOf));
    if (startTogether) {
      await Promise.all(children.map(({ pid }) => openedBy(pid, path)));
      writer.exec("COMMIT");
    }
    writer.close();
    for (const sessions of await outputs) {
      assert.deepEqual(sessions.map(({ id }) => id), rows.map((_, i) => rows.length - i));
    }
    assert.equal(query(`${path}.before-takeover`, "SELECT * FROM sessions").length, rows.length);
  }
});

Deno.test("a process that waits for another writer takes over when that one is done", async () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/sessions.db`;
  makeEarlier(path);
  const writer = new DatabaseSync(path, { timeout: 5_000 });
  writer.exec("BEGIN IMMEDIATE");
  writer.exec("UPDATE sessions SET iteration = 8");
  const waiting = child([path]);
  await openedBy(waiting.pid, path);
  assert(isEarlier(path));
  writer.exec("COMMIT");
  writer.close();
  assert.equal((await outputOf(waiting))[0].iterations, 8);
});

Deno.test("killed while it waits for the write lock, it has changed nothing", async () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/sessions.db`;
  makeEarlier(path);
  const before = query(path, "SELECT * FROM sessions");
  const writer = new DatabaseSync(path);
  writer.exec("BEGIN IMMEDIATE");
  const waiting = child([path]);
  await openedBy(waiting.pid, path);
  waiting.kill("SIGKILL");
  await waiting.output();
  writer.exec("ROLLBACK");
  writer.close();
  assert.deepEqual(query(path, "SELECT * FROM sessions"), before);
  assert.equal(takeOver(path).length, 1);
});

Deno.test("killed at any step, it leaves the old or the new, and the next one finishes", async () => {
  using dir = temporaryFolder();
  const rows = ["a", "b"].map((task_name) => ({ ...WHOLE_ROW, task_name }));
  const attempt = async (step: number) => {
    const path = `${dir.path}/${step}.db`;
    makeEarlier(path, { rows });
    const { signal } = await child([path, String(step)]).output();
    const old = isEarlier(path);
    assert.equal(query(path, "SELECT * FROM sessions").length, rows.length);
    assert.equal(
      query(path, "SELECT 1 FROM sqlite_schema WHERE name = 'migrations'").length,
      old ? 0 : 1,
    );
    const sessions = takeOver(path);
    assert.deepEqual(sessions.map(({ taskName }) => taskName), ["b", "a"], `step ${step}`);
    assert.equal(query(`${path}.before-takeover`, "SELECT * FROM sessions").length, rows.length);
    return { killed: signal === "SIGKILL", old };
  };
  const found: { killed: boolean; old: boolean }[] = [];
  do {
    const steps = [1, 2, 3, 4].map((i) => found.length + i);
    found.push(...await Promise.all(steps.map(attempt)));
  } while (found.at(-1)?.killed);
  const committed = found.findIndex(({ old }) => !old);
  assert(committed > 15, "the steps were not found");
  assert(found.slice(committed).every(({ old }) => !old));
  assert(found[committed].killed, "a step after the commit was tried too");
});

Deno.test("US-008: `ralph status` takes it over, and shows it", async () => {
  await using ralph = await makeRalph();
  const path = `${ralph.home}/.local/share/ralph/sessions.db`;
  Deno.mkdirSync(`${ralph.home}/.local/share/ralph`, { recursive: true });
  makeEarlier(path, { rows: [{ ...WHOLE_ROW, status: "running" }] });
  assert.equal(openStoreReadOnly({ path, migrations }), undefined);
  for (let time = 0; time < 2; time++) {
    const { code, stdout, stderr } = await ralph(["status", "--json"], { cwd: ralph.home });
    assert.equal(code, 0, stderr);
    const [session] = JSON.parse(stdout);
    assert.equal(session.task, "demo");
    assert.equal(session.status, "failed");
    assert.equal(session.iteration, 7);
    assert.equal(session.maxIterations, 25);
    assert.equal(session.port, null);
    assert.equal(session.lastServerPort, 14097);
  }
});

/** Resolves when the process has opened the database. */
async function openedBy(pid: number, path: string): Promise<void> {
  const folder = `/proc/${pid}/fd`;
  await until(
    () => [...Deno.readDirSync(folder)].some(({ name }) => linkOf(`${folder}/${name}`) === path),
    { what: `process ${pid} to open the database` },
  );
}

/** What a link leads to; undefined when it is gone. */
function linkOf(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return undefined;
  }
}
