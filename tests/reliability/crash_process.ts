/**
 * A project with a server, and ralph as a process that a test kills at an exact point. Nothing in the
 * program helps: the test owns what the worker talks to. It withholds a reply of the server, keeps
 * the database locked, or lets a gate wait at a pipe, until the process is dead.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { taskKey } from "../../src/host/files/paths.ts";
import { assignment, bash, closing, commit, inRounds } from "../support/agent.ts";
import { makeProject, type Project } from "../support/project.ts";
import { makeRalph, type Ralph } from "../support/ralph.ts";
import type { Script } from "../support/scripted_model.ts";
import { until } from "../support/wait.ts";
import { assertNothingLostAt, isLocked, readRecords, type Records } from "./nothing_lost.ts";
import type { ServerRecord } from "./server_record.ts";

export interface Crashing extends AsyncDisposable {
  readonly project: Project;
  readonly ralph: Ralph;
  /** Runs ralph in the foreground, and kills it when `point` resolves: to that. */
  killAt<T>(point: Promise<T>): Promise<T>;
  /** Runs ralph in the foreground to its end: what it printed, and when it was started. */
  finish(): Promise<{ stdout: string; startedAt: number }>;
  /** How far the task's session and its iterations are, in words. */
  onRecord(): string;
  /** The session is completed, nothing is lost, and each story got one prompt. */
  check(server: ServerRecord): Promise<Records>;
  /** Resolves when a worker has the task's lock. */
  hasLock(): Promise<void>;
  /** Nobody else can write the database until it is disposed. */
  lockDatabase(): Disposable;
  /** Resolves when the first story's gate waits at its pipe, from now on. */
  gateWaits(): Promise<void>;
  /** Lets that gate go on, and not wait again. Resolves when no gate is there any more. */
  releaseGate(): Promise<void>;
}

/** A recovery waits 8 s for a turn that may begin yet; tests share 2 cores. */
const TIMEOUT_MS = 120_000;

const STORIES = ["US-001", "US-002"];

/**
 * Reads the PRD, does its story, ticks and commits it. With nothing but a shell: the `edit` tool of
 * 1.1.53 hangs for minutes over a JSON file on a busy machine (seen here).
 */
export const agent: Script = (request) => {
  const { story, prd } = assignment(request.prompt);
  const tick = `/"id": "${story}"/,/"passes"/ s/"passes": false/"passes": true/`;
  return inRounds(request, [
    () => [bash(`cat ${prd}`)],
    () => [
      bash(`mkdir -p work && printf %s ${story} > work/${story}.txt && sed -i '${tick}' ${prd}`),
    ],
    () => [commit(`feat: ${story}`)],
  ], ([text]) => closing(text, story));
};

/** `url`: the server that ralph is to use. */
export async function crashing(url: string): Promise<Crashing> {
  await using stack = new AsyncDisposableStack();
  const ralph = stack.use(await makeRalph());
  const pipe = join(ralph.home, "pipe");
  const mayPass = join(ralph.home, "may-pass");
  await Deno.writeTextFile(mayPass, "");
  const { success } = await new Deno.Command("mkfifo", { args: [pipe] }).output();
  assert(success, "mkfifo");
  const project = stack.use(
    await makeProject({
      files: {
        // Not before all work, when the gates run as well.
        "tasks/t/prd.json": prdText(`test ! -e work || test -f ${mayPass} || cat ${pipe}`),
        "tasks/done/prd.json": JSON.stringify({
          userStories: [{ id: "US-001", passes: true, verify: [["true"]] }],
        }),
      },
    }),
  );
  const dir = join(project.root, "tasks/t");
  const data = join(ralph.home, ".local/share/ralph");
  const lock = join(data, "locks", `${taskKey({ name: "t", dir })}.lock`);
  const database = join(data, "sessions.db");
  const run = (task: string) => ["run", task, "--foreground", "--server", url];
  const made = await ralph(run("done"), { cwd: project.root });
  assert.equal(made.code, 0, made.stderr); // there is a database now
  let held: Deno.FsFile | undefined;
  const owned = stack.move();

  /** `late` rejects when it takes too long; `stop` kills it where it has not ended, and waits. */
  function start() {
    const child = ralph.start(run("t"), { cwd: project.root });
    const late = Promise.withResolvers<never>();
    const what = `ralph is neither at its point nor at its end after ${TIMEOUT_MS} ms`;
    const timer = setTimeout(() => late.reject(new Error(what)), TIMEOUT_MS);
    let hasEnded = false;
    const output = child.output().then(({ code, stdout, stderr }) => {
      hasEnded = true;
      const decoder = new TextDecoder();
      return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
    });
    async function stop(): Promise<void> {
      clearTimeout(timer);
      if (!hasEnded) child.kill("SIGKILL");
      await output;
    }
    return { output, late: late.promise, stop };
  }

  return {
    project,
    ralph,

    async killAt(point) {
      const { output, late, stop } = start();
      const ended = output.then((told) => {
        throw new Error(`ralph ended before it was killed:\n${told.stdout}${told.stderr}`);
      });
      try {
        return await Promise.race([point, ended, late]);
      } finally {
        await stop();
      }
    },

    async finish() {
      const startedAt = Date.now();
      const { output, late, stop } = start();
      try {
        const { code, stdout, stderr } = await Promise.race([output, late]);
        assert.equal(code, 0, stdout + stderr);
        return { stdout, startedAt };
      } finally {
        await stop();
      }
    },

    onRecord() {
      const { sessions, iterations } = readRecords({ database, taskDir: dir });
      const steps = iterations.map((row) =>
        [
          "begun",
          ...row.opencode_session_id ? ["bound"] : [],
          ...row.prompted_at ? ["prompted"] : [],
          ...row.outcome ? ["ended"] : [],
        ].join(", ")
      );
      return [sessions.at(-1)?.status ?? "nothing", ...steps].join("; ");
    },

    async check(server) {
      const records = await assertNothingLostAt({
        database,
        lock,
        root: project.root,
        taskDir: dir,
        prdPath: join(dir, "prd.json"),
        server,
        written: new Map(STORIES.map((id) => [join(project.root, `work/${id}.txt`), id])),
      });
      assert.deepEqual(records.sessions.map(({ status }) => status), ["completed"]);
      const made = records.iterations.filter(({ outcome }) => outcome !== "interrupted");
      assert.deepEqual(
        made.map(({ story_id, outcome }) => `${story_id} ${outcome}`),
        STORIES.map((id) => `${id} advanced`),
      );
      const prompts = server.sessions.filter(({ parentId }) => parentId === undefined)
        .map((session) => session.prompts);
      assert.equal(prompts.reduce((sum, each) => sum + each, 0), STORIES.length, "prompts");
      assert.equal(
        await project.git("log", "--format=%s"),
        "feat: US-002\nfeat: US-001\nchore: start",
      );
      return records;
    },

    async hasLock() {
      await until(() => isLocked(lock), { what: "a worker to take the lock" });
    },

    lockDatabase() {
      const db = new DatabaseSync(database);
      db.exec("BEGIN IMMEDIATE");
      return { [Symbol.dispose]: () => db.close() };
    },

    async gateWaits() {
      await Deno.remove(mayPass);
      // Opening a pipe for writing waits until somebody reads it (fifo(7)).
      held = await Deno.open(pipe, { write: true });
    },

    async releaseGate() {
      await Deno.writeTextFile(mayPass, "");
      held?.close();
      held = undefined;
      await until(async () => !await isNamedByProcess(pipe), { what: "the gate to end" });
    },

    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function prdText(wait: string): string {
  const userStories = STORIES.map((id, index) => ({
    id,
    title: `Story ${index + 1}`,
    acceptanceCriteria: ["done"],
    priority: index + 1,
    passes: false,
    verify: [
      index === 0
        ? ["sh", "-c", `${wait}; test -f work/${id}.txt`]
        : ["test", "-f", `work/${id}.txt`],
    ],
  }));
  return JSON.stringify({ project: "crashing", userStories }, null, 2);
}

async function isNamedByProcess(path: string): Promise<boolean> {
  const args = ["-lF", "--", path];
  for await (const { name } of Deno.readDir("/proc")) {
    if (/^\d+$/.test(name) && Number(name) !== Deno.pid) args.push(`/proc/${name}/cmdline`);
  }
  const { stdout } = await new Deno.Command("grep", { args, stderr: "null" }).output();
  return stdout.length > 0;
}
