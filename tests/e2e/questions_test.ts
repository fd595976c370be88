/** Questions in a terminal, on a standard input that does not block, as some programs leave it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { makeWorld } from "../reliability/processes.ts";
import { makeProject } from "../support/project.ts";
import { openPty } from "../support/pty.ts";
import { RALPH } from "../support/ralph.ts";
import { until } from "../support/wait.ts";

// fcntl(2): what a read finds nothing for fails with EAGAIN
const UNBLOCKED =
  `perl -MFcntl -e 'fcntl(STDIN, F_SETFL, fcntl(STDIN, F_GETFL, 0) | O_NONBLOCK); exec @ARGV'`;

type World = Awaited<ReturnType<typeof makeWorld>>;

/** Runs a command in a terminal, and types that once it has asked. Returns what was on the screen. */
async function answerIn(
  { ralph, project, url }: World,
  args: readonly string[],
  { question, typed }: { question: RegExp; typed: string },
): Promise<string> {
  const screen = join(ralph.home, "screen");
  await Deno.remove(screen).catch(() => {});
  const words = [...RALPH, ...args].map((word) => `'${word}'`).join(" ");
  const child = new Deno.Command("script", {
    args: ["-qefc", `stty cols 100 rows 40; ${UNBLOCKED} -- ${words}`, screen],
    cwd: project.root,
    env: { HOME: ralph.home, TERM: "xterm-256color", RALPH_SERVER: url },
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const shown = async () => await Deno.readTextFile(screen).catch(() => "");
  await until(async () => question.test(await shown()), { what: `the question ${question}` });
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(typed));
  await child.status;
  await writer.close().catch(() => {});
  return await shown();
}

Deno.test("clean and init ask, and take the answer, where the standard input does not block", async () => {
  await using world = await makeWorld({ "go.mod": "module x\n" });
  const { project, cli, url } = world;
  const done = { id: "US-1", passes: true, verify: [["true"]] };
  await project.write("tasks/none/prd.json", JSON.stringify({ userStories: [done] }));

  const answer = (args: readonly string[], question: RegExp, typed: string) =>
    answerIn(world, args, { question, typed });

  const ended = await cli("run", "none", "--foreground", "--server", url);
  assert.match(ended.stdout, /^(completed|stopped)/m, ended.stderr);
  assert.match(await answer(["clean"], /Forget 1 session/, "n"), /nothing was changed/);
  assert.match(await answer(["clean"], /Forget 1 session/, "y"), /forgot 1 session/);
  assert.match(await answer(["init"], /Write them into ralph\.json/, "y"), /written: /);
  assert.match(await project.read("ralph.json"), /"go", "vet"/);
});

Deno.test("a name that several tasks have is asked back in a terminal, whichever command it is for", async () => {
  await using world = await makeWorld({});
  const { project, cli, url } = world;
  const done = JSON.stringify({ userStories: [{ id: "US-1", passes: true, verify: [["true"]] }] });
  for (const file of ["tasks/twice/prd.json", "tasks/prd-twice.json"]) {
    await project.write(file, done);
    const { stdout, stderr } = await cli("run", file, "--foreground", "--server", url);
    assert.match(stdout, /^(completed|stopped)/m, stderr);
  }
  assert.match((await cli("history", "twice")).stderr, /can mean 2 tasks.*\n\nhint: tasks\//);
  for (const command of ["history", "status"]) {
    const asked = { question: /Which task/, typed: "\x1b[B\r" };
    const shown = await answerIn(world, [command, "twice"], asked);
    assert.match(shown, /session \d/, shown);
  }
});

Deno.test("a task that only another project has is asked for in a terminal before it is run", async () => {
  await using world = await makeWorld({});
  const { cli, url } = world;
  const open = JSON.stringify({ userStories: [{ id: "US-1", passes: true, verify: [["true"]] }] });
  await using other = await makeProject({ files: { "tasks/far/prd.json": open } });
  await cli("run", join(other.root, "tasks/far"), "--foreground", "--server", url);
  const args = ["run", "far", "--foreground"];
  const question = /Is it meant\?/;
  assert.match(await answerIn(world, args, { question, typed: "\x03" }), /no task was chosen/);
  const shown = await answerIn(world, args, { question, typed: "\r" });
  assert(shown.includes(`project  ${other.root}`), shown);
  assert.match(shown, /the story passes/);
});

Deno.test("Ctrl-C and Escape in a question change nothing, and exit as the table says", async () => {
  await using world = await makeWorld({ "go.mod": "module x\n" });
  const { project, ralph, cli, url } = world;
  const done = JSON.stringify({ userStories: [{ id: "US-1", passes: true, verify: [["true"]] }] });
  for (const file of ["tasks/twice/prd.json", "tasks/prd-twice.json"]) {
    await project.write(file, done);
    await cli("run", file, "--foreground", "--server", url);
  }
  await project.write("bad.sh", '#!/bin/sh\necho "no PRD" > "$1"\n');
  const cache = join(Deno.env.get("HOME") ?? "", ".cache");
  const env = {
    HOME: ralph.home,
    DENO_DIR: Deno.env.get("DENO_DIR") ?? join(Deno.env.get("XDG_CACHE_HOME") ?? cache, "deno"),
  };
  const cases: [args: string[], question: RegExp, key: string, says: RegExp][] = [
    [["clean"], /Forget 2 sessions/, "\x03", /nothing was changed/],
    [["init"], /Write them/, "\x1b", /nothing was written/],
    [["new", "asked"], /What is it about/, "\x03", /nothing was written/],
    [["say", "three"], /What is the agent/, "\x03", /nothing was said/],
    [["status", "twice"], /Which task/, "\x03", /no task was chosen/],
    [["run"], /Which task/, "\x03", /no task was chosen/],
    [["edit", "three"], /Edit it again/, "\x03", /nothing was handed over; .* kept at/],
  ];
  for (const [args, question, key, says] of cases) {
    const line = [...RALPH, ...args].map((word) => `'${word}'`).join(" ");
    await using pty = await openPty(line, {
      cwd: project.root,
      env: { ...env, RALPH_SERVER: url, EDITOR: "sh bad.sh" },
    });
    await pty.shows(question);
    await pty.type(key);
    assert.equal((await pty.status).code, 130, args.join(" "));
    await pty.shows(says);
  }
});
