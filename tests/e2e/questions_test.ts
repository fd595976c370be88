/** Questions in a terminal, on a standard input that does not block, as some programs leave it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { makeWorld } from "../reliability/processes.ts";
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
