/** Tasks in worktrees: the real program, real git and a real server; only the model is scripted. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { onOpenCode2, tickingAgent, together } from "../support/agent.ts";
import { NEWEST, OPENCODE2, type ServerVersion } from "../support/install.ts";
import { startServer, type TestServer } from "../support/opencode_server.ts";
import { makeProject } from "../support/project.ts";
import { makeRalph } from "../support/ralph.ts";
import { startModel } from "../support/scripted_model.ts";
import { until } from "../support/wait.ts";
import { ONE_STORY, statusOf } from "./one_story.ts";

const PASSWORD = "secret";

async function landTwo(version: ServerVersion): Promise<void> {
  const agent = version === "2" ? onOpenCode2(tickingAgent()) : tickingAgent();
  const agents = together(agent, 2);
  await using model = await startModel(agents.script);
  await using server = await startServer({ version, model, password: PASSWORD });
  await using project = await makeProject({
    files: {
      "tasks/left/prd.md": ONE_STORY,
      "ralph.json": JSON.stringify({ verify: [["test", "-f", "work.txt"]], worktree: true }),
    },
  });
  // In no commit, so that it has to be brought.
  await project.write("tasks/right/prd.md", ONE_STORY);
  await using ralph = await makeRalph();
  const secrets = join(ralph.home, ".config/ralph/server.env");
  await Deno.mkdir(dirname(secrets), { recursive: true });
  await Deno.writeTextFile(secrets, `OPENCODE_SERVER_PASSWORD=${PASSWORD}\n`, { mode: 0o600 });
  const type = async (args: readonly string[], code = 0): Promise<string> => {
    const result = await ralph(args, { cwd: project.root });
    assert.equal(result.code, code, `${args.join(" ")}: ${result.stdout}${result.stderr}`);
    return result.stdout + result.stderr;
  };
  const rootOf = (task: string) => join(`${project.root}.ralph`, task);

  await type(["run", "left", "--server", server.url]);
  await type(["run", "right", "--server", server.url]);
  await until(agents.allAsked, { what: "both tasks to be at work" });
  const rows = await statusOf(ralph, project.root);
  assert.deepEqual(rows.map(({ task, status }) => [task, status]), [
    ["right", "running"],
    ["left", "running"],
  ]);
  assert.match(await type(["land", "left"], 5), /`left` is running already/);
  assert.match(await type(["clean", "--worktrees", "--yes"]), /stays: a session runs in it/);
  // A worker that is killed: from home, by its name, the session goes on in its worktree.
  Deno.kill(rows.find(({ task }) => task === "left")?.workerPid ?? 0, "SIGKILL");
  await until(async () => /failed/.test(await type(["status", "left"])), { what: "its end" });
  assert.match(await type(["run", "left", "--server", server.url]), /continues session 1/);
  agents.go();
  for (const task of ["left", "right"]) {
    const ended = await type(["wait", task, "--timeout", "120"]);
    assert.match(ended, /: completed, /);
    assert.match(ended, new RegExp(`next {6}ralph land ${task}$`, "m"));
  }
  assert.equal(await project.git("branch", "--show-current"), "main");
  assert.equal(await project.git("status", "--porcelain"), "?? tasks/right/");
  assert.match(await type(["logs", "left"]), /completed: the story passes/);
  const attached = await ralph(["attach", "left", "--json"], { cwd: project.root });
  assert.equal(JSON.parse(attached.stdout).directory, rootOf("left"), attached.stderr);

  assert.match(await type(["land", "left"]), /was merged into `main`/);
  assert.equal(await project.read("work.txt"), "US-001\n");
  // Each has written the same file; here they differ.
  await Deno.writeTextFile(join(rootOf("right"), "work.txt"), "by the right one\n");
  await project.git("-C", rootOf("right"), "commit", "--quiet", "--all", "-m", "fix: words");
  assert.match(
    await type(["land", "right"], 5),
    /conflict with `main` in `work\.txt`; nothing was/,
  );
  await assert.rejects(project.git("-C", rootOf("right"), "merge", "main"));
  await Deno.writeTextFile(join(rootOf("right"), "work.txt"), "by both\n");
  await project.git("-C", rootOf("right"), "commit", "--quiet", "--all", "--no-edit");
  await type(["land", "right"]);
  assert.equal(await project.read("work.txt"), "by both\n");
  assert.equal(await project.git("status", "--porcelain"), "");
  const tasks = JSON.parse(await type(["tasks", "--json"]));
  assert.deepEqual(tasks.map((one: { passing: number }) => one.passing), [1, 1]);

  assert.match(await type(["clean", "--worktrees", "--yes"]), /removed 2 worktrees/);
  assert.equal(await project.git("branch", "--format=%(refname:short)"), "main");
  for (const task of ["left", "right"]) {
    await until(() => isGivenUp(server, rootOf(task)), { what: "the server to give it up" });
  }
  assert.match(await type(["status", "left"]), /completed/);
}

/** Whether the server has nothing of a folder any more: OpenCode 1 says so in its log alone. */
async function isGivenUp({ version, url, log }: TestServer, root: string): Promise<boolean> {
  if (version !== "2") {
    return log().split("\n").some((line) => /dispos/.test(line) && line.includes(root));
  }
  const headers = { authorization: `Basic ${btoa(`opencode:${PASSWORD}`)}` };
  const loaded = await (await fetch(`${url}/api/debug/location`, { headers })).text();
  return !loaded.includes(root);
}

for (const version of [NEWEST, "2"] as const) {
  Deno.test({
    name: `two tasks at once in worktrees: both are landed, a conflict on the way: ${version}`,
    ignore: version === "2" && OPENCODE2 === undefined,
    fn: () => landTwo(version),
  });
}

Deno.test("a run that ends while it prepares a worktree is found, stopped and gone on with", async () => {
  await using project = await makeProject({
    files: { "tasks/one/prd.md": ONE_STORY.replace("[ ]", "[x]") },
  });
  const [begun, go] = ["begun", "go"].map((name) => join(project.root, "..", name));
  const setup = [{ shell: `echo >> ${begun}; until test -e ${go}; do sleep 0.1; done` }];
  await project.write("ralph.json", JSON.stringify({ verify: [["true"]], setup }));
  await using ralph = await makeRalph();
  const cwd = project.root;
  const run = ["run", "one", "--worktree"];
  const times = async (count: number) => {
    const text = await Deno.readTextFile(begun).catch(() => "");
    return text.length >= count;
  };

  const first = ralph.start(run, { cwd });
  await until(() => times(1), { what: "setup to begin" });
  assert.match((await ralph(["status", "one"], { cwd })).stdout, /preparing its worktree: setup/);
  const second = await ralph(run, { cwd });
  assert.equal(second.code, 5);
  assert.match(second.stderr, /another command is at work on the worktree of `one`: preparing/);
  const stopped = await ralph(["stop", "one"], { cwd });
  assert.equal(stopped.code, 0, stopped.stderr);
  assert.equal((await first.output()).code, 143);

  const third = ralph.start(run, { cwd });
  await until(() => times(2), { what: "setup to begin again" });
  third.kill("SIGKILL");
  await third.output();
  await Deno.writeTextFile(go, "");
  const last = await ralph(run, { cwd });
  assert.equal(last.code, 0, last.stderr);
  const [row] = await statusOf(ralph, cwd);
  assert.equal(row.status, "completed");
  assert(await times(3));
});

Deno.test("land that is stopped leaves all as it was; one that is killed is gone on with", async () => {
  await using project = await makeProject({
    files: { "tasks/one/prd.md": ONE_STORY.replace("[ ]", "[x]") },
  });
  const [begun, go] = ["begun", "go"].map((name) => join(project.root, "..", name));
  const wait = { shell: `echo >> ${begun}; until test -e ${go}; do sleep 0.1; done` };
  await project.write("ralph.json", JSON.stringify({ verify: [wait] }));
  await Deno.writeTextFile(go, "");
  await using ralph = await makeRalph();
  const cwd = project.root;
  const root = join(`${project.root}.ralph`, "one");
  assert.equal((await ralph(["run", "one", "--worktree"], { cwd })).code, 0);
  await Deno.writeTextFile(join(root, "work.txt"), "work\n");
  await project.git("-C", root, "add", "--all");
  await project.git("-C", root, "commit", "--quiet", "-m", "feat: work");
  await project.git("commit", "--quiet", "--allow-empty", "-m", "later");
  const refs = () => project.git("for-each-ref", "--format=%(refname) %(objectname)");
  const before = await refs();
  await Deno.remove(go);
  await Deno.writeTextFile(begun, "");
  const landing = async (signal: Deno.Signal) => {
    const past = (await Deno.readTextFile(begun)).length;
    const child = ralph.start(["land", "one"], { cwd });
    await until(async () => (await Deno.readTextFile(begun)).length > past, { what: "its gate" });
    child.kill(signal);
    return await child.output();
  };

  assert.equal((await landing("SIGINT")).code, 130);
  assert.equal(await refs(), before);
  assert.equal(await project.git("-C", root, "status", "--porcelain"), "");

  await landing("SIGKILL");
  await Deno.writeTextFile(go, "");
  const { code, stderr } = await ralph(["land", "one"], { cwd });
  assert.equal(code, 0, stderr);
  assert.equal(await project.read("work.txt"), "work\n");
  assert.equal(await project.git("rev-parse", "main"), await project.git("rev-parse", "ralph/one"));
});
