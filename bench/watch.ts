/** `ralph watch`: its first paint beside `ralph --help`, and what it costs while thirty sessions work. */
import { join } from "node:path";
import { migrations } from "../tests/support/migrations.ts";
import { makeProject } from "../tests/support/project.ts";
import { openPty } from "../tests/support/pty.ts";
import { takeLock } from "../src/host/lock/lock.ts";
import { taskKey } from "../src/host/files/paths.ts";
import { systemClock } from "../src/host/system/clock.ts";
import type { Lease } from "../src/store/model.ts";
import { openStore, type Store } from "../src/store/store.ts";
import { ralphBinary } from "./start.ts";
import { spread } from "./statistics.ts";

const SESSIONS = 30;
const STORIES = 12;
/** A busy agent makes a tool call every few seconds, and changes what it does some times a minute. */
const LOG_MS = 2_000;
const WRITE_MS = 10_000;

export async function benchWatch(
  { starts, seconds }: { starts: number; seconds: number },
): Promise<void> {
  const binary = await ralphBinary();
  const home = await Deno.realPath(await Deno.makeTempDir({ prefix: "ralph-bench-" }));
  try {
    await using project = await makeProject({ files: tasks() });
    const sessions = await begin(home, project.root);
    const options = {
      cwd: project.root,
      env: { HOME: home, LANG: "C.UTF-8" },
      columns: 120,
      rows: 50,
    };
    console.log(`watch, ${SESSIONS} sessions at work`);
    const times: Record<string, number[]> = { "--help": [], "first paint": [] };
    for (let i = 0; i <= starts; i++) {
      const help = await until(/Exit codes/, `'${binary}' --help`, options);
      const paint = await until(/agent working/, `'${binary}' watch`, options);
      // The first round warms up.
      if (i > 0) times["--help"].push(help), times["first paint"].push(paint);
    }
    for (const [name, values] of Object.entries(times)) {
      console.log(`  ${name.padEnd(12)} ${spread(values)}`);
    }
    await using pty = await openPty(`exec '${binary}' watch`, options);
    // What is loaded and compiled at the start is none of what it goes on to cost.
    await pty.shows(/not well/);
    await new Promise((resolve) => setTimeout(resolve, seconds * 250));
    const stop = work(sessions);
    const before = { cpu: cpuMs(pty.pid), sent: pty.sent.length };
    await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
    const used = cpuMs(pty.pid) - before.cpu;
    stop();
    console.log(`  CPU          ${(used / seconds / 10).toFixed(2)} % of a core`);
    console.log(`  sent         ${((pty.sent.length - before.sent) / seconds).toFixed(0)} bytes/s`);
    sessions.store.close();
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

const nameOf = (i: number) => `task-${String(i).padStart(2, "0")}`;

function tasks(): Record<string, string> {
  const stories = Array.from(
    { length: STORIES },
    (_, i) => `### US-${i + 1}: Story ${i + 1}\n\n- [${i < 4 ? "x" : " "}] done\n`,
  ).join("\n");
  return Object.fromEntries(
    Array.from(
      { length: SESSIONS },
      (_, i) => [`tasks/${nameOf(i)}/prd.md`, `# PRD\n\n${stories}`],
    ),
  );
}

interface Sessions {
  store: Store;
  at: { lease: Lease; log: string }[];
}

/** Each with its lock held, as by a worker, and one iteration ended. */
async function begin(home: string, root: string): Promise<Sessions> {
  const data = join(home, ".local/share/ralph");
  const logs = join(home, ".local/state/ralph/logs");
  for (const folder of [join(data, "locks"), logs]) {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  }
  const store = openStore({ path: join(data, "sessions.db"), migrations, now: Date.now });
  const at: Sessions["at"] = [];
  for (let i = 0; i < SESSIONS; i++) {
    const task = {
      taskName: nameOf(i),
      taskDir: join(root, "tasks", nameOf(i)),
      projectRoot: root,
    };
    const key = taskKey({ name: task.taskName, dir: task.taskDir });
    await takeLock(join(data, "locks", `${key}.lock`), systemClock);
    const lease = store.startSession(task, {
      ...{ maxIterations: 10, serverUrl: "http://127.0.0.1:9", serverPort: 9, workerPid: 1 },
      ...{ workerVersion: "0.0.0", accepted: false },
    }, { settings: "{}", tree: null, choices: null });
    const log = join(logs, key, `session-${lease.sessionId}.log`);
    await Deno.mkdir(join(log, ".."), { mode: 0o700 });
    await Deno.writeTextFile(log, "", { mode: 0o600 });
    store.setLogPath(lease, log);
    store.beginIteration(lease, {
      number: 1,
      storyId: "US-5",
      storyTitle: "Story",
      openCodeTitle: "t",
    });
    store.setActivity(lease, { kind: "working", text: "agent working" });
    at.push({ lease, log });
  }
  return { store, at };
}

/** Writes logs and rows as workers do, spread over time, until it is called. */
function work({ store, at }: Sessions): () => void {
  let turn = 0;
  const log = setInterval(() => {
    const { log } = at[turn++ % at.length];
    const line = `${new Date().toISOString()}   bash   npm test ${turn}\n`;
    Deno.writeTextFileSync(log, line, { append: true });
  }, LOG_MS / SESSIONS);
  const rows = setInterval(() => {
    store.setActivity(at[turn % at.length].lease, {
      kind: "working",
      text: turn % 2 ? "agent working" : "running gates",
    });
  }, WRITE_MS / SESSIONS);
  return () => {
    clearInterval(log);
    clearInterval(rows);
  };
}

/** Milliseconds from its start until its screen shows that. */
async function until(
  what: RegExp,
  line: string,
  options: Parameters<typeof openPty>[1],
): Promise<number> {
  const begin = performance.now();
  await using pty = await openPty(`exec ${line}`, options);
  await pty.shows(what);
  return performance.now() - begin;
}

/** User and system time of a process, in milliseconds, by proc(5): ticks are 10 ms. */
function cpuMs(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const [user, system] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 13);
  return (Number(user) + Number(system)) * 10;
}
