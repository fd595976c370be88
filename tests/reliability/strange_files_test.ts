/** Files and folders of ralph's that are not what they should be: no command harms what is not its own. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { taskKey } from "../../src/host/files/paths.ts";
import { type Home, makeHome } from "./home.ts";

const keyOf = ({ task }: Home) => taskKey({ name: task.taskName, dir: task.taskDir });

function record(home: Home, sql: string): void {
  const database = new DatabaseSync(home.database);
  database.exec(sql);
  database.close();
}

const run = (home: Home) => home.ralph("run", "one", "--foreground");

Deno.test("a log that a row names elsewhere is neither shown nor removed", async () => {
  await using home = await makeHome();
  assert.equal((await run(home)).code, 0);
  const theirs = join(home.project.root, "theirs");
  for (const end of ["", ".1"]) Deno.writeTextFileSync(theirs + end, "their secret\n");
  record(home, `UPDATE sessions SET log_path = '${theirs}'`);
  const told = new RegExp(`session 1 has ${theirs} on record as its log, which is none of ralph's`);

  const logs = await home.ralph("logs", "one");
  assert.match(logs.stderr, told);
  assert.match(logs.stdout, /session 1/);
  const follow = await home.ralph("logs", "one", "--follow");
  const status = await home.ralph("status", "one");
  assert.match(status.stdout, told);
  const clean = await home.ralph("clean", "--yes");
  assert.match(clean.stderr, told);
  for (const { stdout } of [logs, follow, status, clean]) assert(!stdout.includes("their secret"));
  for (const end of ["", ".1"]) assert.equal(Deno.readTextFileSync(theirs + end), "their secret\n");
});

Deno.test("no link in ralph's folders is followed to another's files", async () => {
  await using home = await makeHome();
  assert.equal((await run(home)).code, 0);
  const theirs = join(home.project.root, "theirs");
  const key = keyOf(home);
  const names = ["session-1.log", "session-2.log", `${key}.lock`, `${key}.signal`, "sub"];
  const places = [
    join(home.state, "kept", key),
    join(home.state, "kept"),
    join(home.state, "logs", key),
    join(home.state, "logs"),
    join(home.data, "locks"),
    join(home.data, "signals"),
    join(home.data, "locks", `${key}.lock`),
  ];
  for (const place of places) {
    Deno.mkdirSync(theirs, { recursive: true });
    for (const name of names) Deno.writeTextFileSync(join(theirs, name), "theirs");
    if (place.endsWith(".lock")) Deno.removeSync(place);
    else Deno.renameSync(place, `${place}.away`);
    Deno.symlinkSync(place.endsWith(".lock") ? join(theirs, names[2]) : theirs, place);
    for (const args of [["run", "one", "-f"], ["logs", "one"], ["status"], ["clean", "--yes"]]) {
      const { stdout, stderr, code } = await home.ralph(...args);
      assert(!/theirs\n/.test(stdout), `${place}: ${args}`);
      assert.notEqual(code, 70, `${place}: ${args}: ${stderr}`);
    }
    assert.deepEqual([...Deno.readDirSync(theirs)].map(({ name }) => name).sort(), names.sort());
    for (const name of names) assert.equal(Deno.readTextFileSync(join(theirs, name)), "theirs");
    Deno.removeSync(place);
    if (!place.endsWith(".lock")) Deno.renameSync(`${place}.away`, place);
  }
});

Deno.test("a lock or a log that is another file by a second name is not written to", async () => {
  await using home = await makeHome();
  assert.equal((await run(home)).code, 0);
  const key = keyOf(home);
  const theirs = join(home.project.root, "theirs");
  Deno.writeTextFileSync(theirs, "theirs");
  for (const place of ["next log", join(home.data, "locks", `${key}.lock`)]) {
    const file = place === "next log" ? join(home.state, "logs", key, "session-2.log") : place;
    if (file === place) Deno.removeSync(file);
    Deno.linkSync(theirs, file);
    const { code, stderr } = await home.ralph("run", "one", "-f");
    assert.notEqual(code, 70, stderr);
    if (file === place) assert.match(stderr, /it has another name too/);
    assert.equal(Deno.readTextFileSync(theirs), "theirs", place);
    assert.equal((await home.ralph("status")).code, 0);
  }
});

Deno.test("nothing is run with folders that others may write to, or that are another user's", async () => {
  await using home = await makeHome();
  assert.equal((await run(home)).code, 0);
  for (const folder of [home.data, home.state, join(home.data, "signals")]) {
    Deno.chmodSync(folder, 0o772);
    for (const args of [["run", "one"], ["run", "one", "--foreground"]]) {
      const { code, stderr } = await home.ralph(...args);
      assert.equal(code, 7, stderr);
      assert.match(stderr, /^error: nothing is run with folders that are not yours alone: /);
      assert(stderr.includes(`chmod go-w ${folder}\n`), stderr);
    }
    const { stdout } = await home.ralph("doctor", "store.folders");
    assert(stdout.includes(`chmod go-w ${folder}\n`), stdout);
    assert.equal((await home.ralph("status")).code, 0);
    Deno.chmodSync(folder, 0o700);
  }
  const [session, ...more] = JSON.parse((await home.ralph("status", "--json")).stdout);
  assert.deepEqual([session.id, more.length], [1, 0]);
  if (Deno.uid() !== 0) return;
  Deno.chownSync(home.state, 65534, null);
  const { code, stderr } = await run(home);
  assert.equal(code, 7);
  assert.match(stderr, /belongs to user 65534\n\nhint: make it yours: sudo chown -R 0 /);
});

Deno.test("one lock that nobody can look at hides no other session", async () => {
  await using home = await makeHome();
  assert.equal((await run(home)).code, 0);
  record(home, "UPDATE sessions SET status = 'running', ended_at = NULL");
  const lock = join(home.data, "locks", `${keyOf(home)}.lock`);
  Deno.removeSync(lock);
  assert(new Deno.Command("mkfifo", { args: [lock] }).outputSync().success);
  const { code, stdout, stderr } = await home.ralph("status");
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^one\trunning/);
  assert.match(stderr, /cannot tell whether the worker of `one` lives: .*it is not a file/);
});

Deno.test("tasks and doctor tell of a PRD that is too large, and run refuses it", async () => {
  await using home = await makeHome();
  const folder = join(home.project.root, "tasks/big");
  Deno.mkdirSync(folder);
  Deno.writeTextFileSync(join(folder, "prd.json"), "");
  Deno.truncateSync(join(folder, "prd.json"), 8 * 1024 ** 4);
  const tasks = await home.ralph("tasks");
  assert.equal(tasks.code, 0, tasks.stderr);
  assert.match(tasks.stdout, /^big .*cannot read tasks\/big\/prd\.json: it has more than 8 MiB/m);
  assert.match(tasks.stdout, /^one +1\/1/m);
  const ran = await home.ralph("run", "big");
  assert.equal(ran.code, 2);
  assert.match(ran.stderr, /it has more than 8 MiB\n\nhint: see what it is: ls -ld /);
  assert.match((await home.ralph("doctor", "project")).stdout, /it has more than 8 MiB/);

  const settings = join(home.project.root, "ralph.json");
  Deno.truncateSync(settings, 8 * 1024 ** 4);
  const refused = await home.ralph("run", "one");
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /cannot read the settings \S+: it has more than 64 KiB/);
});
