/**
 * What the loop adds to the agent's own time: its iterations against a bare script that makes the
 * same turns on the same server (create, prompt_async, wait for idle, on one event stream), with a
 * model that answers at once.
 */
import { startServer } from "../tests/support/opencode_server.ts";
import { makeProject, type Project } from "../tests/support/project.ts";
import { makeRalph } from "../tests/support/ralph.ts";
import { assignment, bash, onOpenCode2 } from "../tests/support/agent.ts";
import { call, hang, say, type Script, startModel } from "../tests/support/scripted_model.ts";
import { median, spread } from "./statistics.ts";
import { NEWEST, OPENCODE2 } from "../tests/support/install.ts";

/** Clock ticks of /proc/<pid>/stat are hundredths of a second on Linux (proc(5), sysconf(3)). */
const TICK_MS = 10;

const VERSION = OPENCODE2 === undefined ? NEWEST : "2";
const PASSWORD = OPENCODE2 === undefined ? undefined : crypto.randomUUID();
const LOGIN: Record<string, string> = PASSWORD === undefined
  ? {}
  : { authorization: `Basic ${btoa(`opencode:${PASSWORD}`)}` };
const SECRET: Record<string, string> = PASSWORD === undefined
  ? {}
  : { OPENCODE_SERVER_PASSWORD: PASSWORD };

/** One shell command that works on the story, ticks it and commits, as the prompt has it, then a word. */
const instant: Script = ({ prompt, step }) => {
  const { story, prd } = assignment(prompt);
  if (step > 0) return say(`${story} is done.`);
  return call(
    bash(
      `echo ${story} >> work.txt; sed -i 's/^- \\[ \\] ${story} /- [x] ${story} /' ${prd}; ` +
        `git add -A; git commit -qm "feat: ${story} - Story"`,
    ),
  );
};

/** `stories`: those of a round, at least two: the first turn of each warms up. */
export async function benchLoop(
  { rounds, stories }: { rounds: number; stories: number },
): Promise<void> {
  await using model = await startModel(
    VERSION === "2" ? onOpenCode2(instant) : instant,
  );
  await using server = await startServer({ version: VERSION, model, password: PASSWORD });
  const bare: number[] = [];
  const loop: number[] = [];
  const cpu: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await using first = await benchProject(stories);
    bare.push(...(await bareTurns(server.url, first, stories)).slice(1));
    await using second = await benchProject(stories);
    const measured = await ralphTurns(server.url, second, stories);
    loop.push(...measured.wall.slice(1));
    cpu.push(measured.cpuPerIteration);
  }
  model.setScript(() => hang());
  await using waiting = await benchProject(stories);
  const memory = await waitingMemory(server.url, waiting);

  console.log(`loop, ${rounds} rounds of ${stories} iterations in turn, OpenCode ${VERSION}`);
  console.log(`  bare script  ${spread(bare)} for each turn`);
  console.log(`  ralph        ${spread(loop)} for each iteration`);
  console.log(`  ratio        ${(median(loop) / median(bare)).toFixed(2)} of the medians`);
  console.log(`  own CPU      ${spread(cpu)} for each iteration`);
  console.log(
    `  memory       ${(memory / 1024).toFixed(1)} MB of a worker that waits for its agent`,
  );
}

function benchProject(count: number): Promise<Project> {
  const stories = Array.from({ length: count }, (_, i) => {
    const id = `US-${String(i + 1).padStart(3, "0")}`;
    return `### ${id}: Story\n\n- [ ] ${id} is done\n`;
  });
  return makeProject({ files: { "tasks/bench/prd.md": `# PRD\n\n${stories.join("\n")}` } });
}

/** The routes of a bare script, and how it sees that a turn has ended, for each generation. */
const DIALECT = VERSION === "2"
  ? {
    scope: () => "",
    stream: "/api/event",
    create: (title: string, directory: string): [string, unknown] => [
      "/api/session",
      { title, location: { directory } },
    ],
    prompt: (id: string, text: string): [string, unknown] => [
      `/api/session/${id}/prompt`,
      { text },
    ],
    ended: "session.execution.succeeded",
  }
  : {
    scope: (directory: string) => `?directory=${encodeURIComponent(directory)}`,
    stream: "/event",
    create: (title: string): [string, unknown] => [
      "/session",
      { title, permission: [{ permission: "*", pattern: "*", action: "allow" }] },
    ],
    prompt: (id: string, text: string): [string, unknown] => [
      `/session/${id}/prompt_async`,
      { parts: [{ type: "text", text }] },
    ],
    ended: "session.idle",
  };

/** Milliseconds of each turn. */
async function bareTurns(url: string, project: Project, count: number): Promise<number[]> {
  const scope = DIALECT.scope(project.root);
  const stop = new AbortController();
  const options = { signal: stop.signal, headers: LOGIN };
  const stream = await fetch(`${url}${DIALECT.stream}${scope}`, options);
  const ends = new Map<string, () => void>();
  const following = follow(stream, ({ type, sessionId }) => {
    if (type === DIALECT.ended) ends.get(sessionId)?.();
  });
  const post = ([path, body]: [string, unknown]) =>
    fetch(`${url}${path}${scope}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...LOGIN },
      body: JSON.stringify(body),
    });
  const times: number[] = [];
  for (let i = 1; i <= count; i++) {
    const begin = performance.now();
    const created = await (await post(DIALECT.create(`bare ${i}`, project.root))).json();
    const id: string = created.id ?? created.data.id;
    const ended = new Promise<void>((resolve) => ends.set(id, resolve));
    const text = `Story: US-${String(i).padStart(3, "0")}\nPRD: tasks/bench/prd.md\n`;
    const sent = await post(DIALECT.prompt(id, text));
    await sent.body?.cancel();
    await ended;
    times.push(performance.now() - begin);
  }
  stop.abort();
  await following.catch(() => {});
  return times;
}

async function follow(
  response: Response,
  onEvent: (event: { type: string; sessionId: string }) => void,
): Promise<void> {
  let rest = "";
  for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (!line.startsWith("data: ")) continue;
      const { type, properties, data } = JSON.parse(line.slice(6));
      onEvent({ type, sessionId: (properties ?? data)?.sessionID });
    }
  }
}

async function ralphTurns(
  url: string,
  project: Project,
  count: number,
): Promise<{ wall: number[]; cpuPerIteration: number }> {
  await using ralph = await makeRalph();
  const child = ralph.start(
    ["run", "bench", "--foreground", "--json", "-n", String(count), "--server", url],
    { cwd: project.root, env: SECRET },
  );
  const starts: number[] = [];
  const ticks: number[] = [];
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const { type } = JSON.parse(line);
      if (type !== "iteration_started" && type !== "session_ended") continue;
      starts.push(performance.now());
      ticks.push(cpuTicks(child.pid));
    }
  }
  const [{ code }, stderr] = await Promise.all([child.status, new Response(child.stderr).text()]);
  if (code !== 0) throw new Error(`ralph ended with ${code}: ${stderr}`);
  const wall = starts.slice(1).map((start, i) => start - starts[i]);
  // The first iteration loads code: it is not what each one costs.
  const cpuPerIteration = (ticks[ticks.length - 1] - ticks[1]) * TICK_MS / (ticks.length - 2);
  return { wall, cpuPerIteration };
}

/** Kilobytes resident once the agent has been asked, and does not answer. */
async function waitingMemory(url: string, project: Project): Promise<number> {
  await using ralph = await makeRalph();
  const child = ralph.start(["run", "bench", "-f", "--json", "--server", url], {
    cwd: project.root,
    env: SECRET,
  });
  let seen = "";
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  while (!seen.includes('"opencode_session"')) seen += (await reader.read()).value ?? "";
  // Two looks at the server later everything that a waiting worker uses has been loaded.
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  const status = await Deno.readTextFile(`/proc/${child.pid}/status`);
  child.kill("SIGTERM");
  while (!(await reader.read()).done);
  await Promise.all([child.status, child.stderr.cancel()]);
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
}

/** User and system time of the process itself, without the programs that it ran (proc(5)). */
function cpuTicks(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}
