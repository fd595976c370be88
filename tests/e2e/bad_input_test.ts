/** Everything around ralph is broken in some way: a clear error or the right output, and no row lost. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { startServer } from "../support/opencode_server.ts";
import { makeProject } from "../support/project.ts";
import { makeRalph, RALPH, type Ralph } from "../support/ralph.ts";
import { say, startModel } from "../support/scripted_model.ts";
import { NEWEST } from "../support/install.ts";

/** Without one, a task that is finished starts no session. */
const GATES = JSON.stringify({ verify: [["true"]] });
const DONE = "# PRD\n\n### US-001: Only\n\n- [x] it is done\n";

/** A ralph with one completed session on record. */
async function withSession() {
  const stack = new AsyncDisposableStack();
  const model = stack.use(await startModel(() => say("nobody asks")));
  const server = stack.use(await startServer({ version: NEWEST, model }));
  const project = stack.use(
    await makeProject({ files: { "tasks/one/prd.md": DONE, "ralph.json": GATES } }),
  );
  const ralph = stack.use(await makeRalph());
  const { code, stderr } = await ralph(["run", "one", "-f", "--server", server.url], {
    cwd: project.root,
  });
  assert.equal(code, 0, stderr);
  return {
    stack,
    server,
    project,
    ralph,
    database: join(ralph.home, ".local/share/ralph/sessions.db"),
  };
}

function rows(database: string): unknown[] {
  const db = new DatabaseSync(database, { readOnly: true });
  const all = db.prepare("SELECT * FROM sessions").all().map((row) => ({ ...row }));
  db.close();
  return all;
}

function assertError(
  { code, stderr }: { code: number; stderr: string },
  expected: number,
  message: RegExp,
): void {
  assert.equal(code, expected, stderr);
  assert.match(stderr, message);
  assert.match(stderr, /^error: /m);
  assert.match(stderr, /^hint: /m);
  assert.doesNotMatch(stderr, /\n\s+at |bug in ralph/, "no stack trace");
}

async function statusAt(ralph: Ralph, cwd: string, env: Record<string, string>) {
  return await ralph(["status"], { cwd, env });
}

Deno.test("another program holds the database for longer than ralph waits", async () => {
  const { stack, server, project, ralph, database } = await withSession();
  await using _ = stack;
  const before = rows(database);
  const holder = new DatabaseSync(database);
  holder.prepare("BEGIN IMMEDIATE").run();
  const reading = await statusAt(ralph, project.root, {});
  assert.equal(reading.code, 0, "reading does not wait");
  const writing = await ralph(["run", "one", "-f", "--server", server.url], { cwd: project.root });
  holder.prepare("ROLLBACK").run();
  holder.close();
  assertError(writing, 7, /another program has kept it locked for 5 s/);
  assert.deepEqual(rows(database), before);
});

Deno.test("the data folder is a file, or cannot be made", async () => {
  await using ralph = await makeRalph();
  await using project = await makeProject({
    files: { "tasks/one/prd.md": DONE, "ralph.json": GATES },
  });
  const file = join(ralph.home, "file");
  await Deno.writeTextFile(file, "here");
  const result = await ralph(["run", "one"], { cwd: project.root, env: { XDG_DATA_HOME: file } });
  assertError(result, 7, /cannot make the folder/);
  assert.equal(await Deno.readTextFile(file), "here");
});

Deno.test("no room left for the database: exit 7, and the rows stay", async () => {
  const { stack, server, project, ralph, database } = await withSession();
  await using _ = stack;
  const before = rows(database);
  // No file may grow: what a full disk does to SQLite, without one (setrlimit(2)).
  const { code, stdout, stderr } = await new Deno.Command("/bin/sh", {
    args: [
      "-c",
      'trap "" XFSZ; ulimit -f 0; exec "$@" 2>&1 | cat',
      "sh",
      ...RALPH,
      ...["run", "one", "-f", "--server", server.url],
    ],
    cwd: project.root,
    env: { HOME: ralph.home, NO_COLOR: "1", DENO_DIR: denoDir() },
  }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.match(text, /error: cannot (use|write|open) the (database|lock)/, `${code} ${text}`);
  assert.doesNotMatch(text, /bug in ralph/);
  assert.deepEqual(rows(database), before);
});

function denoDir(): string {
  return Deno.env.get("DENO_DIR") ?? join(Deno.env.get("HOME") ?? "", ".cache/deno");
}

Deno.test("a damaged database is refused, and left as it is", async () => {
  const { stack, project, ralph, database } = await withSession();
  await using _ = stack;
  const healthy = await Deno.readFile(database);
  const damages: [string, (bytes: Uint8Array) => Uint8Array][] = [
    ["header", (bytes) => bytes.fill(0xff, 0, 16)],
    ["first page", (bytes) => bytes.fill(0xff, 100, 2_000)],
    ["cut short", (bytes) => bytes.slice(0, 3_000)],
  ];
  for (const [what, damage] of damages) {
    await Deno.remove(`${database}-wal`).catch(() => {});
    await Deno.remove(`${database}-shm`).catch(() => {});
    const damaged = damage(healthy.slice());
    await Deno.writeFile(database, damaged);
    const result = await statusAt(ralph, project.root, {});
    assertError(result, 7, /cannot use the database .*It was left as it is/);
    assert.deepEqual(await Deno.readFile(database), damaged, what);
  }
});

Deno.test("a narrow terminal, a closed pipe, a clock that was set back", async () => {
  const { stack, project, ralph, database } = await withSession();
  await using _ = stack;
  for (const args of [["status"], ["history", "one"], ["status", "one"], ["--help"]]) {
    const { code, stderr } = await ralph(args, { cwd: project.root, env: { COLUMNS: "1" } });
    assert.deepEqual([code, stderr], [0, ""], args.join(" "));
  }
  const child = ralph.start(["status", "--json"], { cwd: project.root });
  await child.stdout.cancel();
  const [{ code }, stderr] = await Promise.all([child.status, new Response(child.stderr).text()]);
  assert.deepEqual([code, stderr], [0, ""]);

  const db = new DatabaseSync(database);
  db.exec("UPDATE sessions SET started_at = '2999-01-01T00:00:00.000Z', ended_at = started_at");
  db.exec("UPDATE sessions SET ended_at = '2999-01-01T00:00:00.000Z'");
  db.close();
  const future = await ralph(["status", "one"], { cwd: project.root });
  assert.equal(future.code, 0);
  assert.match(future.stdout, /clock moved/);
});

Deno.test("signals that are not for this session mean nothing", async () => {
  const { stack, project, ralph, server } = await withSession();
  await using _ = stack;
  const folder = join(ralph.home, ".local/share/ralph/signals");
  const [{ name }] = [...Deno.readDirSync(join(ralph.home, ".local/share/ralph/locks"))];
  const signal = join(folder, name.replace(/\.lock$/, ".signal"));
  await project.write("tasks/one/prd.md", DONE.replace("[x]", "[ ]"));
  for (
    const text of ["", "garbage", '{"sessionId":1,"epoch":1,"startedAt":"x","request":"stop"}']
  ) {
    await Deno.writeTextFile(signal, text);
    const { stdout } = await ralph(["run", "one", "-f", "-n", "1", "--server", server.url], {
      cwd: project.root,
    });
    assert.match(stdout, /the limit of 1 iteration is reached/, text);
  }
});
