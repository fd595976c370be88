/**
 * Run by `disk_refuses_test.ts`: a store that may be read and not be written, or neither. The second
 * argument says how it is made so: `read-only`, on a disk of its own, or `denied`, without root's
 * right to pass over the modes of files.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { makeHome, START, WORKER } from "./home.ts";

const [disk, how] = Deno.args;
await using home = await makeHome({ data: join(disk, "data") });
const store = home.open();
const done = store.startSession(home.task, WORKER, START);
store.endSession(done, { status: "completed", reason: "all_stories_pass", detail: "done" });
store.startSession(
  { ...home.task, taskName: "two", taskDir: join(home.project.root, "tasks/two") },
  WORKER,
  START,
);
store.close();
Deno.mkdirSync(join(home.data, "locks"));
const before = Deno.readFileSync(home.database).toHex();

const READING = [["status", "--json"], ["status", "two"], ["history", "one"]];
const WRITING = [["run", "one", "--foreground"], ["clean", "--yes"]];

async function refused(args: string[], what: string): Promise<void> {
  const { code, stderr } = await home.ralph(...args);
  assert.equal(code, 7, `${what}: ${args.join(" ")}: ${stderr}`);
  assert(stderr.includes(disk), `no path: ${stderr}`);
  assert.match(stderr, /hint: .*: ls -l|"command":"ls -l/, what);
}

/** What was recorded is shown, nothing can be recorded, and doctor is red. */
async function readable(what: string): Promise<void> {
  for (const args of READING) {
    const { code, stdout, stderr } = await home.ralph(...args);
    assert.equal(code, 0, `${what}: ${args.join(" ")}: ${stderr}`);
    assert.match(stdout, args[1] === "one" ? /completed/ : /failed/, what);
    assert.match(stderr, /cannot record that the worker of `two` is gone/, what);
  }
  for (const args of WRITING) await refused(args, what);
  await red(what, "store.writable");
}

/** No command can tell anything. */
async function unreadable(what: string): Promise<void> {
  for (const args of [...READING, ...WRITING]) await refused(args, what);
  await red(what, "store.database");
}

async function red(what: string, check: string): Promise<void> {
  const { code, stdout } = await home.ralph("doctor", "store", "--json");
  assert.equal(code, 1, what);
  const findings: { id: string; level: string; found: string; remedy: { command?: string }[] }[] =
    JSON.parse(stdout).checks;
  const finding = findings.find(({ id }) => id === check);
  assert.equal(finding?.level, "fail", `${what}: ${stdout}`);
  assert(finding.found.includes(home.database), finding.found);
  assert(finding.remedy[0].command, what);
}

function mount(mode: "ro" | "rw"): void {
  const { success } = new Deno.Command("mount", { args: ["-o", `remount,${mode}`, disk] })
    .outputSync();
  assert(success);
}

if (how === "read-only") {
  mount("ro");
  await readable("a read-only disk");
  mount("rw");
} else {
  Deno.chmodSync(home.database, 0o400);
  await readable("a file that is not writable");
  for (const end of ["-wal", "-shm"]) Deno.removeSync(home.database + end);
  Deno.chmodSync(home.database, 0o600);
  Deno.chmodSync(home.data, 0o500);
  await readable("a folder that is not writable");
  Deno.chmodSync(home.data, 0o700);
  Deno.chmodSync(home.database, 0o000);
  await unreadable("a file that is not readable");
  Deno.chmodSync(home.database, 0o600);
  Deno.chmodSync(home.data, 0o000);
  await unreadable("a folder that may not be entered");
  Deno.chmodSync(home.data, 0o700);
}

assert.equal(Deno.readFileSync(home.database).toHex(), before, "the database was changed");
const { code, stderr } = await home.ralph("run", "one", "--foreground");
assert.equal(code, 0, stderr);
assert.equal((await home.ralph("doctor", "store")).code, 0);
