/** A ralph as processes, a project, and the fake OpenCode server on a port. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { systemClock } from "../../src/host/system/clock.ts";
import { createFakeOpenCode, type FakeOpenCode } from "../support/fake_opencode.ts";
import { serveFake } from "../support/fake_server.ts";
import { hostTools } from "../support/fake_tools.ts";
import { makeProject, type Project } from "../support/project.ts";
import { makeRalph, type Ralph, type RalphResult } from "../support/ralph.ts";
import { hang } from "../support/scripted_model.ts";
import { until } from "../support/wait.ts";

/** What `ralph status <task> --json` tells, as far as these tests read it. */
export interface Row {
  id: number;
  status: string;
  reason: string | null;
  detail: string | null;
  activity: string | null;
  iteration: number;
  openCodeSessionId: string;
  workerPid: number;
  workerVersion: string | null;
  startedAt: string;
  log: string;
}

export interface World extends AsyncDisposable {
  readonly fake: FakeOpenCode;
  readonly url: string;
  readonly project: Project;
  readonly ralph: Ralph;
  /** ralph's folder of data. */
  readonly data: string;
  /** Runs a command in the project. */
  cli(...args: string[]): Promise<RalphResult>;
  /** `ralph run <task>` in the background, which must begin. */
  run(task: string, ...flags: string[]): Promise<void>;
  row(task: string): Promise<Row>;
  /** Resolves once the model has been asked `calls` times in all. */
  modelCalls(calls: number): Promise<void>;
  /** Reads or writes the database behind ralph's back. */
  sql(text: string): Record<string, unknown>[];
  /** What the session's log says. */
  log(task: string): Promise<string>;
}

/** A PRD of as many stories. */
export const prd = (stories: number) =>
  "# PRD\n\n" +
  Array.from({ length: stories }, (_, i) => `### US-00${i + 1}: Story ${i + 1}\n\n- [ ] done\n`)
    .join("\n");

/**
 * The project has the tasks `one` (one story), `three` (three), and `files`; the agent hangs until
 * the fake gets another script. What still runs at the end is ended by the pid of its session.
 */
export async function makeWorld(files: Readonly<Record<string, string>> = {}): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const fake = createFakeOpenCode({ clock: systemClock, script: () => hang(), tools: hostTools });
  const server = stack.use(await serveFake(fake));
  const project = stack.use(
    await makeProject({
      files: { "tasks/one/prd.md": prd(1), "tasks/three/prd.md": prd(3), ...files },
    }),
  );
  const ralph = stack.use(await makeRalph());
  const data = join(ralph.home, ".local/share/ralph");
  const cli = (...args: string[]) => ralph(args, { cwd: project.root });

  function sql(text: string): Record<string, unknown>[] {
    const db = new DatabaseSync(join(data, "sessions.db"));
    try {
      return db.prepare(text).all().map((row) => ({ ...row }));
    } finally {
      db.close();
    }
  }

  async function row(task: string): Promise<Row> {
    const { stdout, stderr } = await cli("status", task, "--json");
    assert.equal(stderr, "");
    return JSON.parse(stdout);
  }

  stack.defer(async () => {
    const rows = await ralph(["status", "--json"], { cwd: "/" });
    for (const { workerPid } of JSON.parse(rows.stdout || "[]") as Row[]) {
      if (workerPid !== null) await end(workerPid);
    }
  });
  const owned = stack.move();
  return {
    fake,
    url: server.url,
    project,
    ralph,
    data,
    cli,
    sql,
    row,
    async run(task, ...flags) {
      const { code, stderr } = await cli("run", task, "--server", server.url, ...flags);
      assert.equal(code, 0, stderr);
    },
    modelCalls: (calls) =>
      until(() => fake.ledger.filter(({ type }) => type === "model_call").length >= calls, {
        what: `${calls} calls of the model`,
      }).then(() => {}),
    log: async (task) => await Deno.readTextFile((await row(task)).log),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Ends a process of the test, however it is, and waits for that. */
export async function end(pid: number): Promise<void> {
  if (isGone(pid)) return;
  Deno.kill(pid, "SIGKILL");
  await until(() => isGone(pid), { what: `process ${pid} to end` });
}

/** Ended, though a slow init may not have taken note of that yet: then it is a zombie (proc(5)). */
export function isGone(pid: number): boolean {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
  } catch {
    return true;
  }
}
