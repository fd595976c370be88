/** `ralph watch` in a terminal: what is on the screen, what keys do, and that the terminal is put back. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { end, makeWorld, type World } from "../reliability/processes.ts";
import { openPty, type Pty } from "../support/pty.ts";
import { RALPH } from "../support/ralph.ts";
import { until } from "../support/wait.ts";

const TERMINAL = fileURLToPath(new URL("../../src/cli/watch/terminal.ts", import.meta.url));
const words = (command: readonly string[]) => command.map((word) => `'${word}'`).join(" ");

function environment({ ralph, url }: World): Record<string, string> {
  const cache = join(Deno.env.get("HOME") ?? "", ".cache");
  return {
    HOME: ralph.home,
    DENO_DIR: Deno.env.get("DENO_DIR") ??
      join(Deno.env.get("XDG_CACHE_HOME") ?? cache, "deno"),
    DENO_NO_UPDATE_CHECK: "1",
    LANG: "C.UTF-8",
    RALPH_SERVER: url,
  };
}

interface Options {
  env?: Readonly<Record<string, string>>;
  columns?: number;
  rows?: number;
  /** What the shell does, with `$@` for ralph and its arguments. */
  line?: string;
  args?: readonly string[];
}

function watching(
  world: World,
  { env, line = "$@", args = ["watch"], ...size }: Options = {},
): Promise<Pty> {
  return openPty(line.replaceAll("$@", words([...RALPH, ...args])), {
    cwd: world.project.root,
    env: { ...environment(world), ...env },
    ...size,
  });
}

/** As a shell leaves it to a program: lines, echo, and Ctrl-C is a signal. */
async function assertPutBack(pty: Pty): Promise<void> {
  await until(async () => /\sicanon\b/.test(await pty.modes()), { what: "lines" });
  assert.match(await pty.modes(), /\sisig icanon iexten echo\b/);
  await until(() => !pty.isAlternate(), { what: "the shell's screen" });
  assert(pty.sent.lastIndexOf("\x1b[?25h") > pty.sent.lastIndexOf("\x1b[?25l"), "the cursor");
  assert(pty.sent.lastIndexOf("\x1b[?7h") > pty.sent.lastIndexOf("\x1b[?7l"), "long lines");
}

Deno.test("watch shows what is at work, and its keys do what the commands do", async () => {
  await using world = await makeWorld();
  await world.run("three", "--max-cost", "5");
  await world.modelCalls(1);
  await using pty = await watching(world, { line: "$@; read x" });
  await pty.shows(/▸ ● three .* 0\/3 +US-001 +agent working .*\/\$5\.00/);
  await pty.shows(/server 127\.0\.0\.1:\d+ well/);
  assert.match(pty.text(), /session 1 · iteration 1\/10 · story US-001 · time /);
  assert.match(pty.text(), /▶ in hand {3}US-001 {2}Story 1\n {2}○ open {6}US-002/);
  assert.match(pty.text(), /one +░+ 0\/1 .* never ran/);
  assert(pty.isAlternate());

  await pty.type("\t");
  await pty.shows(/\[iterations\][^]*▸ 1 {2}US-001 {2}under way/);
  await pty.type("\t");
  await pty.shows(/\[output\][^]*\d\d:\d\d:\d\d iteration 1\/10 {2}US-001/);
  await pty.type("/one\r");
  await pty.shows(/^▸ +one /m);
  assert.doesNotMatch(pty.text(), /three/);
  await pty.type("\x1b");
  await pty.shows(/three/);

  await pty.type("\x1a");
  await pty.shows(/cannot be suspended: there is no shell/);
  await pty.type("?");
  await pty.shows(/Keys of ralph watch[^]*s +stop it now/);
  await pty.type("?s");
  await pty.shows(/stop one: abort the agent's turn and end the session\? y \/ n/);
  await pty.type("n");
  await pty.shows(/\? help/);
  assert.equal((await world.row("one").catch(() => world.row("three"))).status, "running");
  await pty.type("g");
  await pty.type("\x1b[A");
  await pty.shows(/▸ ● three/);
  await pty.type("sy");
  await pty.shows(/stopped `three` \(session 1\)/);
  await pty.shows(/■ three .* stopped \d+s ago: /);
  await pty.type("r");
  await pty.shows(/● three .* agent working/);
  assert.equal((await world.row("three")).id, 2);

  await end((await world.row("three")).workerPid);
  await pty.shows(/✗ three .* failed \d+s ago: /);
  await pty.type("q");
  await assertPutBack(pty);
});

Deno.test("watch leaves everything running, and the terminal as it was, by q, a signal or a bug", async () => {
  await using world = await makeWorld();
  await world.run("one");
  for (const way of ["q", "\x03", "SIGTERM", "SIGHUP"] as const) {
    await using pty = await watching(world, { line: '$@; echo "code $?"; read x' });
    await pty.shows(/● one /);
    if (way === "SIGTERM" || way === "SIGHUP") Deno.kill(await childOf(pty.pid), way);
    else await pty.type(way);
    await pty.shows(way.length === 1 ? /code 0/ : /code 143/);
    await assertPutBack(pty);
    assert.equal((await world.row("one")).status, "running");
  }
  const program = `import { openTerminal } from "${TERMINAL}";
    import { systemOutput } from "${TERMINAL.replace("watch/terminal", "output/streams")}";
    import { systemClock } from "${TERMINAL.replace("cli/watch/terminal", "host/system/clock")}";
    const doNothing = { onKey() {}, onDamage() {}, onEnd() {} };
    openTerminal(systemOutput(() => undefined).out, systemClock, doNothing).show(["drawn"]);
    setTimeout(() => { throw new Error("a bug"); }, 100);`;
  const source = join(world.ralph.home, "bug.ts");
  await Deno.writeTextFile(source, program);
  const command = words([Deno.execPath(), "run", "-A", "--no-check", "--config=deno.json", source]);
  await using pty = await openPty(`${command}; read x`, {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    env: environment(world),
  });
  await pty.shows(/a bug/);
  await assertPutBack(pty);
});

/** The only process that a shell has started. */
async function childOf(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("pgrep", { args: ["-P", String(pid)] }).output();
  return Number(new TextDecoder().decode(stdout).trim());
}

Deno.test("watch is suspended by Ctrl-Z, and comes back with fg", async () => {
  await using world = await makeWorld();
  await using pty = await watching(world, { line: "bash --norc --noprofile -i" });
  await pty.shows(/^bash.*[$#]/m);
  await pty.type(`${words([...RALPH, "watch"])}\r`);
  await pty.shows(/three .* never ran/);
  await pty.type("\x1a");
  await pty.shows(/Stopped/);
  assert(!pty.isAlternate());
  await pty.type("echo $((6 * 7))\r");
  await pty.shows(/^42$/m);
  await pty.type("fg\r");
  await pty.shows(/three .* never ran/);
  assert(pty.isAlternate());
  await pty.type("q");
  await pty.shows(/^42$/m);
});

Deno.test("watch fits the terminal, says all without colours, and draws in ASCII where that is all", async () => {
  await using world = await makeWorld();
  await world.run("three");
  const env = { NO_COLOR: "1", LANG: "C" };
  await using pty = await watching(world, { env, columns: 120, rows: 40 });
  await pty.shows(/> \* three .* 0\/3 .* agent working/);
  assert.match(pty.text(), /> in hand +US-001[^]* o open +US-002/);
  for (const [columns, rows] of [[60, 20], [20, 6], [12, 3], [100, 30]]) {
    await pty.resize(columns, rows);
    await pty.shows(columns < 20 ? /^too small$/m : /three/);
  }
  await pty.resize(60, 20);
  // The foot of 60 columns: what was drawn for 100 may still be there.
  await pty.shows(/> \* three .* agent working[^]*\n\? help .* a attach *$/);
  assert.match(pty.lines()[19], /\? help .* q leave/);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(pty.sent, /\x1b\[[1-9][\d;]*m/);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(pty.sent.replaceAll(/\x1b\[[?\d;]*[A-Za-z]/g, ""), /[^ -~\r\n…]/);
});

Deno.test("watch lends the terminal to attach, with all its keys, and comes back", async () => {
  await using world = await makeWorld();
  await world.run("one");
  await world.modelCalls(1);
  const bin = join(world.ralph.home, "bin");
  await Deno.mkdir(bin);
  const opencode =
    "#!/bin/sh\nprintf 'talk to me: '\nread answer\necho \"got $answer\"\nread again\n";
  await Deno.writeTextFile(join(bin, "opencode"), opencode, { mode: 0o755 });
  const env = { PATH: `${bin}:${Deno.env.get("PATH")}` };
  await using pty = await watching(world, { env });
  await pty.shows(/● one .* agent working/);
  await pty.type("a");
  await pty.shows(/talk to me: $/m);
  await pty.type("hello\r");
  await pty.shows(/got hello/);
  await pty.type("\r");
  await pty.shows(/● one .* agent working/);
});

Deno.test("watch asks what the agent is to be told, and tells it", async () => {
  await using world = await makeWorld();
  await world.run("one");
  await world.modelCalls(1);
  await using pty = await watching(world);
  await pty.shows(/● one .* agent working/);
  await pty.type("n");
  await pty.shows(/What is the agent to be told\?/);
  await pty.type("mind the tests\r");
  await pty.shows(
    /● one .* agent working[^]*`one`: (?:handed to the turn at work|recorded; the turn)/,
  );
  await until(async () => {
    const { stdout } = await world.ralph(["status", "one", "--json"], { cwd: world.project.root });
    return JSON.parse(stdout).words.some(({ text }: { text: string }) => text === "mind the tests");
  }, { what: "the words on record" });
  await pty.type("n");
  await pty.shows(/What is the agent to be told\?\s+│\s+_/);
  await pty.type("\x03");
  await pty.shows(/^ralph watch[^]*● one .* agent working/);
});

Deno.test("watch prints a line for each change in a pipe, and refuses a dumb terminal", async () => {
  await using world = await makeWorld();
  const { ralph, project } = world;
  const child = ralph.start(["watch"], { cwd: project.root });
  let told = "";
  const reading = (async () => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) told += text;
  })();
  await world.run("one");
  const line = (what: string) => new RegExp(`^[\\dT:.-]+Z\\tone\\t${what}\\t${project.root}$`, "m");
  await until(() => line("agent working").test(told), { what: "its work" });
  assert.match(told, line("session 1 is running"));
  assert.match(told, line("iteration 1/10, US-001"));
  await world.cli("stop", "one");
  await until(() => line("stopped: user_stop: [^\\t]*").test(told), { what: "its end" });
  child.kill("SIGTERM");
  await reading;
  await child.stderr.cancel();

  await using pty = await watching(world, {
    args: ["status", "--watch"],
    env: { TERM: "dumb" },
    line: "$@; echo code $?",
  });
  await pty.shows(/cannot draw on this terminal[^]*ralph watch \| cat[^]*code 2/);
});

Deno.test("whoever leaves logs --follow is told that the session goes on", async () => {
  await using world = await makeWorld();
  await world.run("one");
  await world.modelCalls(1);
  await using pty = await watching(world, { args: ["logs", "one", "--follow"], columns: 60 });
  await pty.shows(/OpenCode session ses_/);
  await pty.type("\x03");
  await pty.shows(/session 1 goes on; stop it with `ralph stop one`/);
  const { stdout } = await world.ralph(["status", "one", "--json"], { cwd: world.project.root });
  assert.equal(JSON.parse(stdout).status, "running");
});
