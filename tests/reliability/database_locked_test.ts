/** Another program has the database locked, for a moment or for good. */
import assert from "node:assert/strict";
import { type Home, makeHome, START, WORKER } from "./home.ts";
import { GENEROUS_MS } from "../support/wait.ts";

interface Holder extends AsyncDisposable {
  pid: number;
}

/**
 * Another process that runs `sql` on the database, and then keeps it open: for `ms`, or until it is
 * disposed.
 */
async function locked(home: Home, { sql, ms }: { sql: string; ms?: number }): Promise<Holder> {
  const code = `
    import { DatabaseSync } from "node:sqlite";
    const database = new DatabaseSync(${JSON.stringify(home.database)});
    database.exec(${JSON.stringify(sql)});
    console.log("locked");
    setTimeout(() => database.close(), ${ms ?? 600_000});`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", code],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.getReader();
  assert.equal(new TextDecoder().decode((await reader.read()).value), "locked\n");
  return {
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      await reader.cancel();
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended by itself.
      }
      await child.status;
    },
  };
}

function record(home: Home): void {
  const store = home.open();
  const lease = store.startSession(home.task, WORKER, START);
  store.endSession(lease, { status: "stopped", reason: "user_stop", detail: "done" });
  store.startSession({ ...home.task, taskName: "two", taskDir: "/p/tasks/two" }, WORKER, START);
  store.close();
}

Deno.test("a database that is locked for a second is waited for", async () => {
  await using home = await makeHome();
  record(home);
  await using _holder = await locked(home, { sql: "BEGIN IMMEDIATE", ms: 1_000 });
  const { code, stdout, stderr, tookMs } = await home.ralph("clean", "--yes", "--json");
  assert.equal(code, 0, stderr);
  assert.equal(JSON.parse(stdout).forgotten, 1);
  assert(tookMs > 500, `nobody had it locked: ${tookMs} ms`);
});

Deno.test("a database that a writer keeps locked: what can be read is shown, what cannot be written is told, with who has it", async () => {
  await using home = await makeHome();
  record(home);
  await using holder = await locked(home, { sql: "BEGIN IMMEDIATE" });
  const status = await home.ralph("status", "--json");
  assert.equal(status.code, 0, status.stderr);
  assert(status.tookMs < GENEROUS_MS, `${status.tookMs} ms`);
  assert.match(status.stderr, /cannot record that the worker of `two` is gone: .*locked for 1 s/);
  const rows: { task: string; status: string }[] = JSON.parse(status.stdout);
  assert.deepEqual(rows.map(({ task, status }) => `${task} ${status}`), [
    "two failed",
    "one stopped",
  ]);
  const run = await home.ralph("run", "one", "--foreground");
  assert.equal(run.code, 7);
  assert(run.tookMs < GENEROUS_MS, `${run.tookMs} ms`);
  assert.match(run.stderr, /^error: .*another program has kept it locked for 5 s/m);
  assert.match(run.stderr, new RegExp(`process ${holder.pid} \\(.*deno.*\\)`));
  assert.match(run.stderr, /^hint: .*: fuser -v /m);
  const doctor = await home.ralph("doctor", "store", "--json");
  assert.equal(doctor.code, 1);
  const findings: { id: string; level: string; found: string }[] = JSON.parse(doctor.stdout).checks;
  const red = findings.find(({ id }) => id === "store.writable");
  assert.equal(red?.level, "fail");
  assert.match(red.found, /another program has kept it locked/);
});

Deno.test("a database that nobody else may even read is told soon, with who has it", async () => {
  await using home = await makeHome();
  record(home);
  await using holder = await locked(home, {
    sql: "PRAGMA locking_mode = EXCLUSIVE; PRAGMA user_version = 1",
  });
  const { code, stderr, tookMs } = await home.ralph("status");
  assert.equal(code, 7, stderr);
  // ten seconds on a quiet machine, as docs/reliability.md says
  assert(tookMs < GENEROUS_MS, `${tookMs} ms`);
  assert.match(stderr, new RegExp(`locked for 5 s: process ${holder.pid} `));
});
