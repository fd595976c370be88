/** Many first runs at once: the database and its daily copy are not there yet, and all want them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { temporaryFolder } from "../support/folder.ts";
import { makeProject } from "../support/project.ts";
import { makeRalph } from "../support/ralph.ts";
import { until } from "../support/wait.ts";

const PROCESSES = 30;
/** Each in a folder that has nothing yet; a process costs more to start than a round. */
const ROUNDS = 5;

Deno.test("thirty first runs at once: each has the database and its copy, and none is refused", async () => {
  using dir = temporaryFolder("ralph-first-runs-");
  const folder = dir.path;
  const children = Array.from({ length: PROCESSES }, (_, i) =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "--no-check", script, folder, String(i), String(ROUNDS)],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn());
  const outputs = children.map((child) => child.output());
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const data = join(folder, `data-${round}`);
      await allWait(folder, round);
      Deno.mkdirSync(data);
      Deno.writeTextFileSync(join(folder, `go-${round}`), "");
    }
    const said = await Promise.all(outputs);
    assert.equal(said.map(({ stdout, stderr }) => text(stdout) + text(stderr)).join(""), "");
    assert(said.every(({ success }) => success));
  } finally {
    for (const child of children) kill(child);
    await Promise.all(outputs);
  }
  for (let round = 0; round < ROUNDS; round++) {
    const data = join(folder, `data-${round}`);
    // The last one to read it cannot remove the log.
    const names = [...Deno.readDirSync(data)].map(({ name }) => name)
      .filter((name) => !/-(wal|shm)$/.test(name));
    assert.deepEqual(names.sort(), ["sessions.db", "sessions.db.daily"]);
    for (const name of ["sessions.db", "sessions.db.daily"]) {
      using database = new DatabaseSync(join(data, name), { readOnly: true });
      assert.deepEqual(
        database.prepare("PRAGMA integrity_check").all().map((row) => ({ ...row })),
        [
          { integrity_check: "ok" },
        ],
      );
    }
  }
});

Deno.test("thirty first runs of ralph at once, each in a repository of its own: all begin, without a warning", async () => {
  await using stack = new AsyncDisposableStack();
  const ralph = stack.use(await makeRalph());
  const projects = await Promise.all(
    // What is done needs no server, which thirty at once would have to wait for.
    Array.from(
      { length: PROCESSES },
      () => makeProject({ files: { "tasks/one/prd.md": DONE, "ralph.json": GATES } }),
    ),
  );
  for (const project of projects) stack.use(project);
  const runs = await Promise.all(
    projects.map(({ root }) => ralph(["run", "one", "--foreground"], { cwd: root })),
  );
  const said = runs.map(({ code, stdout, stderr }) => `${code} ${stderr}${warnings(stdout)}`);
  assert.deepEqual(said, projects.map(() => "0 "));
});

/** Without one, a task that is finished starts no session. */
const GATES = JSON.stringify({ verify: [["true"]] });
const DONE = "# PRD\n\n### US-001: Story\n\n- [x] done\n";

const warnings = (text: string) =>
  text.split("\n").filter((line) => line.startsWith("warning:") && !line.includes("no gates"))
    .join("\n");

const script = new URL("first_run.ts", import.meta.url).href;
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function allWait(folder: string, round: number): Promise<unknown> {
  const waiting = () =>
    [...Deno.readDirSync(folder)].filter(({ name }) => name.startsWith(`at-${round}-`));
  return until(() => waiting().length === PROCESSES, {
    what: `${PROCESSES} processes to wait for the start of round ${round}`,
    timeoutMs: 120_000,
  });
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
}
