/** Names that nobody should choose, and outputs that nobody reads. */
import assert from "node:assert/strict";
import { tickingAgent } from "../support/agent.ts";
import { makeProject } from "../support/project.ts";
import { makeRalph } from "../support/ralph.ts";
import { say } from "../support/scripted_model.ts";
import { makeWorld, prd } from "./processes.ts";

/** Refused wherever a task is named. A NUL cannot be handed to a program (execve(2)). */
const REFUSED: [string, string][] = [
  ["another folder", "../x"],
  ["another folder's parent", ".."],
  ["a line end", "two\nlines"],
  ["a terminal's title", "\x1b]0;title\x07"],
  ["a right-to-left override", "log\u202ein"],
  ["a zero-width space", "my\u200bfeature"],
  ["10 kB", "x".repeat(10_000)],
  ["nothing", ""],
  ["a shell's words", "$(touch pwned); `touch pwned` | rm -rf ."],
];

for (const [what, name] of REFUSED) {
  Deno.test(`a task named by ${what} is refused in words that are safe to show, and nothing is made`, async () => {
    await using project = await makeProject({ files: { "tasks/one/prd.md": prd(1) } });
    await using ralph = await makeRalph();
    const commands = ["run", "status", "stop", "checkpoint", "wait", "logs", "history", "attach"];
    await Promise.all([...commands, "new"].map(async (command) => {
      // Names of folders that are not there are of no harm to `new`.
      if (command === "new" && what === "a shell's words") return;
      const { code, stdout, stderr } = await ralph([command, name], { cwd: project.root });
      assert([1, 2, 4].includes(code), `${command}: ${code} ${stderr}`);
      assert.equal(stdout, "");
      assert.doesNotMatch(stderr, /[^\n -~\u00a0-\u1fff\u2010-\u2027\u2030-\uffff]/, command);
      assert.doesNotMatch(stderr, /bug in ralph|\n +at /, command);
      assert(stderr.length < 2_000, `${command}: ${stderr.length}`);
    }));
    assert.equal(await project.git("status", "--porcelain", "--ignored"), "");
  });
}

Deno.test("a name that looks like an option is one, and `--` before it makes it a name", async () => {
  await using project = await makeProject({ files: { "tasks/-rf/prd.md": prd(1) } });
  await using ralph = await makeRalph();
  for (const args of [["status", "-rf"], ["run", "-rf"], ["run", "--", "-rf"]]) {
    const { code, stderr } = await ralph(args, { cwd: project.root });
    assert.equal(code, 2, stderr);
    assert.match(stderr, /unknown option|begins with `-`/);
  }
});

/** Each is a folder's name on its own: stored as it is, found again by it. */
const ALLOWED = [
  "CON",
  "\u{1f680} rocket",
  "a;b $(x) 'c' \"d\"",
  "100%20",
  "caf\u00e9",
  "cafe\u0301",
];

Deno.test("strange names are stored exactly and found again, also two that look the same", async () => {
  const files = ALLOWED.map((name) => [`tasks/${name}/prd.md`, prd(1)]);
  await using world = await makeWorld(Object.fromEntries(files));
  const { cli, url, sql, project } = world;
  world.fake.setScript(() => say("I did nothing"));
  for (const name of ALLOWED) {
    const run = await cli("run", name, "-f", "-n", "1", "--server", url);
    assert.equal(run.code, 1, run.stderr);
    assert.match(run.stdout, /^stopped: the limit of 1 iteration/m);
    const { stdout } = await cli("status", name, "--json");
    const { task, taskDir } = JSON.parse(stdout);
    assert.deepEqual([task, taskDir], [name, `${project.root}/tasks/${name}`]);
  }
  assert.deepEqual(sql("SELECT task_name FROM sessions ORDER BY id").map((row) => row.task_name), [
    ...ALLOWED,
  ]);
  assert.equal(await project.git("status", "--porcelain"), "");
});

for (const stream of ["stdout", "stderr"] as const) {
  Deno.test(`a foreground run whose ${stream} nobody reads any more goes on to its end`, async () => {
    await using world = await makeWorld();
    const { ralph, project, url, row } = world;
    const asked = Promise.withResolvers<void>();
    const agent = tickingAgent();
    world.fake.setScript(async (request) => {
      await asked.promise;
      return await agent(request);
    });
    const run = ralph.start(["run", "one", "-f", "--server", url], { cwd: project.root });
    await world.modelCalls(1);
    await run[stream].cancel();
    asked.resolve();
    const other = stream === "stdout" ? run.stderr : run.stdout;
    const [{ code }, text] = await Promise.all([run.status, new Response(other).text()]);
    assert.equal(code, 0, text);
    assert.doesNotMatch(text, /error|bug in ralph/);
    assert.equal((await row("one")).status, "completed");
    assert.match(await world.log("one"), /completed: the story passes/);
  });
}
