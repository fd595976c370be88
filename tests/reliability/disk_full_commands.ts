/** Run by `disk_full_test.ts` on a disk of its own: commands and migrations when no room is left. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { systemClock } from "../../src/host/system/clock.ts";
import { writeNewTask } from "../../src/app/new_task.ts";
import { RalphError } from "../../src/error.ts";
import { takeLock } from "../../src/host/lock/lock.ts";
import { taskKey } from "../../src/host/files/paths.ts";
import { StoreError } from "../../src/store/database.ts";
import { makeHome, START, WORKER } from "./home.ts";
import { migrations } from "../support/migrations.ts";
import { fill } from "./mount.ts";
import { GENEROUS_MS } from "../support/wait.ts";

const [disk] = Deno.args;
await using home = await makeHome({ data: join(disk, "data") });

const two = {
  ...home.task,
  taskName: "two",
  taskDir: join(home.project.root, "tasks/two"),
};

async function commands(): Promise<void> {
  let store = home.open();
  const done = store.startSession(home.task, WORKER, START);
  store.endSession(done, { status: "completed", reason: "all_stories_pass", detail: "done" });
  store.startSession(two, WORKER, START);
  store.close();
  const locks = join(home.data, "locks");
  Deno.mkdirSync(locks);
  const lockFile = join(locks, `${taskKey({ name: "two", dir: two.taskDir })}.lock`);
  const lock = await takeLock(lockFile, systemClock);
  assert(lock);
  store = home.open();

  const full = fill(disk);
  // A worker that lives has its side files already.
  const alive = await home.ralph("status", "--json");
  assert.equal(alive.code, 0, alive.stderr);
  assert(alive.tookMs < GENEROUS_MS);
  assert.deepEqual(statuses(alive.stdout), { one: "completed", two: "running" });
  assert.match(alive.stderr, /workers wait.*no space is left on its disk/);
  assert.match(alive.stderr, /^hint: .*df -h /m);

  // It is killed, and the machine is started again: nothing is there but the database.
  store.close();
  lock.release();
  full[Symbol.dispose]();
  const again = fill(disk);
  for (const args of [["status", "--json"], ["status"], ["status", "two"], ["history", "two"]]) {
    const { code, stdout, stderr, tookMs } = await home.ralph(...args);
    assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
    assert(tookMs < GENEROUS_MS);
    assert.match(stdout, /failed/, args.join(" "));
    assert.match(stderr, /cannot record that the worker of `two` is gone: .*no space is left/);
  }
  for (const args of [["run", "one", "--foreground"], ["clean", "--yes"]]) {
    const { code, stderr } = await home.ralph(...args);
    assert.equal(code, 7, `${args.join(" ")}: ${stderr}`);
    assert.match(stderr, /no space is left on its disk/, args.join(" "));
    assert.match(stderr, /^hint: .*df -h /m, args.join(" "));
  }
  const doctor = await home.ralph("doctor", "store", "--json");
  assert.equal(doctor.code, 1, doctor.stdout);
  const findings: { id: string; level: string; found: string; remedy: { command: string }[] }[] =
    JSON.parse(doctor.stdout).checks;
  const red = findings.find(({ id }) => id === "store.writable");
  assert.equal(red?.level, "fail");
  assert.match(red.found, /no space is left/);
  assert.match(red.remedy[0].command, /^df -h /);

  again[Symbol.dispose]();
  const after = await home.ralph("status", "--json");
  assert.equal(after.stderr, "");
  assert.deepEqual(statuses(after.stdout), { one: "completed", two: "failed" });
  assert.equal((await home.ralph("run", "one", "--foreground")).code, 0);
  assert.equal((await home.ralph("doctor", "store")).code, 0);
  Deno.removeSync(join(disk, "data"), { recursive: true });
}

function statuses(stdout: string): Record<string, string> {
  const rows: { task: string; status: string }[] = JSON.parse(stdout);
  return Object.fromEntries(rows.map(({ task, status }) => [task, status]));
}

/** A database of the first schema is brought up to date with so much room. */
function migration(leaveKb: number): "migrated" | "refused" {
  Deno.mkdirSync(home.data, { recursive: true });
  const first = new DatabaseSync(home.database);
  first.exec(`${migrations[0].sql};
    CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL,
      applied_at TEXT NOT NULL) STRICT;
    INSERT INTO migrations VALUES (1, 'sessions', '2026-11-20T00:00:00.000Z');
    INSERT INTO sessions (task_name, task_dir, project_root, status, started_at, updated_at, ended_at)
      VALUES ('t', '/p/tasks/t', '/p', 'stopped', 'a', 'b', 'c')`);
  first.close();
  let result: "migrated" | "refused" = "migrated";
  {
    using _full = fill(disk, { leaveKb });
    try {
      home.open().close();
    } catch (error) {
      assert(error instanceof StoreError && error.passing, String(error));
      result = "refused";
    }
  }
  assert.deepEqual(versions(), result === "migrated" ? migrations.map((m) => m.number) : [1]);
  home.open().close();
  assert.deepEqual(versions(), migrations.map(({ number }) => number));
  const copy = new DatabaseSync(`${home.database}.before-2`, { readOnly: true });
  assert.equal(copy.prepare("PRAGMA integrity_check").get()?.integrity_check, "ok");
  assert.equal(copy.prepare("SELECT count(*) AS n FROM sessions").get()?.n, 1);
  copy.close();
  Deno.removeSync(join(disk, "data"), { recursive: true });
  return result;
}

function versions(): number[] {
  const database = new DatabaseSync(home.database, { readOnly: true });
  try {
    assert.equal(database.prepare("PRAGMA integrity_check").get()?.integrity_check, "ok");
    return database.prepare("SELECT number FROM migrations").all().map(({ number }) =>
      Number(number)
    );
  } finally {
    database.close();
  }
}

/** A new task is there with its PRD, or not at all. */
function newTask(): void {
  const project = join(disk, "project");
  Deno.mkdirSync(project);
  const file = join(project, "tasks/new/prd.md");
  const making = { name: "new", text: "# PRD\n".repeat(2_000) };
  {
    using _full = fill(disk);
    assert.throws(() => writeNewTask(file, making), (error) => {
      assert(error instanceof RalphError);
      assert.match(error.message, /cannot make the task `new`: No space left on device/);
      assert.equal(error.hints[0]?.command, `df -h ${project}`);
      return true;
    });
  }
  assert.deepEqual([...Deno.readDirSync(project)], []);
  writeNewTask(file, making);
  assert.equal(Deno.statSync(file).size, making.text.length);
  Deno.removeSync(project, { recursive: true });
}

await commands();
newTask();
const results = [];
for (let leaveKb = 0; leaveKb <= 320; leaveKb += 4) results.push(migration(leaveKb));
console.log(JSON.stringify({
  refused: results.filter((one) => one === "refused").length,
  migrated: results.filter((one) => one === "migrated").length,
}));
