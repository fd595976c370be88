/**
 * Many sessions at once on one server, two stories each, all started in the same moment, with a model that
 * answers at once: each in a repository of its own that the server has not loaded, or as the tasks of one
 * repository with `ralph run --all --parallel`. What is on record afterwards is compared with what the
 * model was asked, and with the repositories.
 */
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { assignment, bash } from "../tests/support/agent.ts";
import { NEWEST } from "../tests/support/install.ts";
import { startServer, type TestServer } from "../tests/support/opencode_server.ts";
import { makeProject, type Project } from "../tests/support/project.ts";
import { makeRalph, type Ralph } from "../tests/support/ralph.ts";
import { call, say, type Script, startModel } from "../tests/support/scripted_model.ts";
import { median, quantile } from "./statistics.ts";

const STORIES = 2;
const LOOK_MS = 500;
/** Clock ticks of /proc/<pid>/stat are hundredths of a second on Linux (proc(5), sysconf(3)). */
const TICK_MS = 10;

const USUAL = [1, 10];

interface Load {
  /** How long the model thinks before each answer, in milliseconds. */
  think: number;
  /** The setting `turnsAtOnce`; 0: as the program has it. */
  turns: number;
  /** 1: as the tasks of one repository, with `--parallel`. */
  parallel: number;
  /** After so many ralph is ended, and the bench with an error. */
  minutes: number;
}

/** Where a session works. */
interface Place {
  /** Real path of the tree. */
  root: string;
  project: Project;
}

/** `atOnce`: how many sessions at most; before them fewer. */
export async function benchLoad({ atOnce, ...load }: Load & { atOnce: number }): Promise<void> {
  for (const count of [...USUAL.filter((count) => count < atOnce), atOnce]) {
    await measure(count, load);
  }
}

async function measure(count: number, load: Load): Promise<void> {
  const { think, turns, parallel } = load;
  const seen = new Map<string, Times>();
  await using model = await startModel(agent(seen, think));
  await using server = await startServer({ version: NEWEST, model });
  await using ralph = await makeRalph();
  await using stack = new AsyncDisposableStack();
  const places = parallel ? await worktreePlaces(count, stack) : await ownPlaces(count, stack);
  const before = { cpuMs: cpuMs(server.pid), rss: memoryOf(server.pid)?.rss ?? 0 };

  const begin = performance.now();
  const roots = [...new Set(places.map(({ project }) => project.root))];
  const tasks = parallel ? ["--all", "--parallel", String(count)] : ["bench"];
  const sessions = roots.map((root) => run(ralph, { root, tasks, server, ...load }));
  const sampling = sample(ralph, { server, pids: sessions.map(({ pid }) => pid) });
  const ends = await Promise.all(sessions.map(({ end }) => end));
  const wallMs = performance.now() - begin;
  const most = await sampling.stop();
  const faults = [
    ...ends.flatMap((end) => end.faults),
    ...await faultsOnRecord(ralph, { places, seen }),
  ];
  const sum = (name: "cpuMs" | "late") => ends.reduce((total, end) => total + end[name], 0);
  const each = (ms: number) => `${(ms / count / STORIES).toFixed(0)} ms for each iteration`;
  const dead = [...seen.values()].flatMap((times) => times.between);
  const conditions = [
    `load, ${count} sessions of ${STORIES} iterations, OpenCode ${NEWEST}`,
    ...parallel ? ["--parallel, one process"] : [],
    ...turns === 0 ? [] : [`turns at once: ${turns}`],
    ...think === 0 ? [] : [`the model thinks ${think} ms`],
  ];
  const lines = {
    "wall time": `${(wallMs / 1000).toFixed(1)} s, in which the server was late ${
      sum("late")
    } times`,
    "dead time": `${median(dead).toFixed(0)} ms (95 %: ${quantile(dead, 0.95).toFixed(0)})`,
    "ralph CPU": each(sum("cpuMs")),
    "server CPU": each(cpuMs(server.pid) - before.cpuMs),
    "workers PSS": `${mb(most.pss)} MB at most, ${mb(most.pss / count)} MB each`,
    "workers RSS": `${mb(most.rss)} MB at most`,
    "server RSS": `${mb(most.server)} MB at most, ${mb(before.rss)} before`,
    "write waits": `${Math.max(0, ...most.writes).toFixed(2)} ms at most ` +
      `(95 %: ${quantile(most.writes, 0.95).toFixed(2)}, median ${median(most.writes).toFixed(2)})`,
    "model peak": `${peakOf(seen)} turns at once`,
  };
  console.log(conditions.join(", "));
  for (const [name, figure] of Object.entries(lines)) console.log(`  ${name.padEnd(12)} ${figure}`);
  if (faults.length > 0) throw new Error(`lost, failed or not true:\n${faults.join("\n")}`);
}

/** What the model saw of one project. */
interface Times {
  /** First and last request of each turn, by story. */
  turns: Map<string, { from: number; to: number }>;
  /** From a turn's last answer to the first request of the next, in milliseconds. */
  between: number[];
  last?: { story: string; at: number };
}

function agent(seen: Map<string, Times>, thinkMs: number): Script {
  return async ({ prompt, step }) => {
    const { story, prd } = assignment(prompt);
    const key = story.split("-")[1].slice(0, 3);
    const times: Times = seen.get(key) ?? { turns: new Map(), between: [] };
    seen.set(key, times);
    const from = performance.now();
    if (times.last && times.last.story !== story) times.between.push(from - times.last.at);
    await new Promise((resolve) => setTimeout(resolve, thinkMs));
    const at = performance.now();
    times.last = { story, at };
    times.turns.set(story, { from: times.turns.get(story)?.from ?? from, to: at });
    if (step > 0) return say(`${story} is done.`);
    return call(
      bash(`echo ${story} >> work.txt; sed -i 's/^- \\[ \\] ${story} /- [x] ${story} /' ${prd}`),
    );
  };
}

async function ownPlaces(count: number, stack: AsyncDisposableStack): Promise<Place[]> {
  const places: Place[] = [];
  for (let i = 0; i < count; i++) {
    const files = { "tasks/bench/prd.md": prdOf(i) };
    const project = stack.use(await makeProject({ name: `shop-${i}`, files }));
    places.push({ root: project.root, project });
  }
  return places;
}

async function worktreePlaces(count: number, stack: AsyncDisposableStack): Promise<Place[]> {
  const names = Array.from({ length: count }, (_, i) => `bench-${i}`);
  const files = Object.fromEntries(names.map((name, i) => [`tasks/${name}/prd.md`, prdOf(i)]));
  const project = stack.use(await makeProject({ files }));
  return names.map((name) => ({ root: join(`${project.root}.ralph`, name), project }));
}

function prdOf(place: number): string {
  const stories = storiesOf(place).map((id) => `### ${id}: Story\n\n- [ ] ${id} is done\n`);
  return `# PRD\n\n${stories.join("\n")}`;
}

const storiesOf = (place: number) =>
  Array.from({ length: STORIES }, (_, i) => `US-${String(place).padStart(3, "0")}${i}`);

function run(
  ralph: Ralph,
  { root, tasks, server, turns, minutes }: Load & {
    root: string;
    tasks: readonly string[];
    server: TestServer;
  },
) {
  const options = ["--foreground", "--json", "--server", server.url];
  const child = ralph.start(["run", ...tasks, ...options], {
    cwd: root,
    env: turns === 0 ? {} : { RALPH_TURNS_AT_ONCE: String(turns) },
  });
  return { pid: child.pid, end: ended(child, minutes) };
}

/** How one run ended: what is wrong with it, and how often it told that it waits for the server. */
async function ended(
  child: Deno.ChildProcess,
  minutes: number,
): Promise<{ faults: string[]; late: number; cpuMs: number }> {
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, minutes * 60_000);
  const [stdout, stderr, used, { code }] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    lastCpu(child),
    child.status,
  ]);
  clearTimeout(timer);
  const faults = isLate
    ? [`not ended after ${minutes} minutes, and killed`]
    : code === 0
    ? []
    : [`ended with ${code}: ${stderr.trim().slice(-300)}`];
  const texts = stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line))
    .filter(({ type }) => type === "activity").map(({ text }) => text as string);
  faults.push(...texts.filter((text) => text.startsWith("waiting for the database")));
  const late = texts.filter((text) => text.startsWith("waiting for server")).length;
  return { faults, late, cpuMs: used };
}

/** User and system time of the process itself, without the programs that it ran, as last seen. */
async function lastCpu(child: Deno.ChildProcess): Promise<number> {
  let over = false;
  child.status.then(() => over = true);
  let last = 0;
  while (!over) {
    last = cpuMs(child.pid) || last;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return last;
}

function cpuMs(pid: number): number {
  const stat = textOf(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS || 0;
}

/** In kilobytes; undefined of a process that has ended. */
function memoryOf(pid: number): { pss: number; rss: number } | undefined {
  const text = textOf(`/proc/${pid}/smaps_rollup`);
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1]);
  return text === "" ? undefined : { pss: field("Pss"), rss: field("Rss") };
}

function textOf(file: string): string {
  try {
    return Deno.readTextFileSync(file);
  } catch {
    return "";
  }
}

const mb = (kilobytes: number) => (kilobytes / 1024).toFixed(0);

/** Looks twice a second until it is stopped: memory, and how long a write into the database waits. */
function sample(ralph: Ralph, { server, pids }: { server: TestServer; pids: readonly number[] }) {
  const most = { pss: 0, rss: 0, server: 0, writes: [] as number[] };
  let over = false;
  const looking = (async () => {
    for (; !over; await new Promise((resolve) => setTimeout(resolve, LOOK_MS))) {
      const found = pids.map(memoryOf).filter((one) => one !== undefined);
      const sum = (name: "pss" | "rss") => found.reduce((sum, one) => sum + one[name], 0);
      most.pss = Math.max(most.pss, sum("pss"));
      most.rss = Math.max(most.rss, sum("rss"));
      most.server = Math.max(most.server, memoryOf(server.pid)?.rss ?? 0);
      const waited = writeWait(databaseOf(ralph));
      if (waited !== undefined) most.writes.push(waited);
    }
  })();
  return {
    async stop() {
      over = true;
      await looking;
      return most;
    },
  };
}

const databaseOf = ({ home }: Ralph) => join(home, ".local/share/ralph/sessions.db");

/** How long one that wants to write has to wait, in milliseconds; undefined before there is any. */
function writeWait(path: string): number | undefined {
  if (textOf(path) === "") return undefined;
  using database = new DatabaseSync(path, { timeout: 5_000 });
  const begin = performance.now();
  database.exec("BEGIN IMMEDIATE");
  const waited = performance.now() - begin;
  database.exec("ROLLBACK");
  return waited;
}

/** What is lost, or not true, of what is on record. */
async function faultsOnRecord(
  ralph: Ralph,
  { places, seen }: { places: readonly Place[]; seen: ReadonlyMap<string, Times> },
): Promise<string[]> {
  using database = new DatabaseSync(databaseOf(ralph), { readOnly: true });
  const faults: string[] = [];
  const expect = (what: string, found: unknown, wanted: unknown) => {
    if (JSON.stringify(found) !== JSON.stringify(wanted)) {
      faults.push(`${what}: ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`);
    }
  };
  const integrity = database.prepare("PRAGMA integrity_check").get();
  expect("integrity", integrity?.integrity_check, "ok");
  for (const [i, { root, project }] of places.entries()) {
    const stories = storiesOf(i);
    const sessions = database.prepare(
      "SELECT id, status, reason FROM sessions WHERE project_root = ?",
    ).all(root);
    expect(`sessions of ${i}`, sessions.map(({ status, reason }) => [status, reason]), [[
      "completed",
      "all_stories_pass",
    ]]);
    const iterations = database.prepare(
      "SELECT story_id, outcome FROM iterations WHERE session_id = ? ORDER BY number",
    ).all(Number(sessions[0]?.id ?? -1));
    expect(
      `iterations of ${i}`,
      iterations.map(({ story_id, outcome }) => [story_id, outcome]),
      stories.map((id) => [id, "advanced"]),
    );
    const turns = [...seen.get(String(i).padStart(3, "0"))?.turns.keys() ?? []];
    expect(`turns of ${i}`, turns, stories);
    const work = textOf(join(root, "work.txt")).split("\n");
    expect(`work of ${i}`, work, [...stories, ""]);
    const tree = await project.git("-C", root, "status", "--porcelain").catch(String);
    expect(`tree of ${i}`, tree, "");
  }
  return faults;
}

/** How many turns were at work in the same moment, between first request and last answer. */
function peakOf(seen: ReadonlyMap<string, Times>): number {
  const spans = [...seen.values()].flatMap(({ turns }) => [...turns.values()]);
  return Math.max(
    0,
    ...spans.map(({ from }) => spans.filter((one) => one.from <= from && from <= one.to).length),
  );
}
