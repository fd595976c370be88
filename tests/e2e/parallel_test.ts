/** Several tasks at once, each in a worktree: the real program, git and server; the model is scripted. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { tickingAgent, together } from "../support/agent.ts";
import { NEWEST } from "../support/install.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeProject, type Project } from "../support/project.ts";
import { makeRalph } from "../support/ralph.ts";
import { type Script, startModel } from "../support/scripted_model.ts";
import { until } from "../support/wait.ts";
import { statusOf } from "./one_story.ts";

/** Each writes another line into the same file. */
const prdOf = (story: string) =>
  `# PRD\n\n### ${story}: Only\n\n**Acceptance Criteria:**\n\n- [ ] it is done\n`;

const storyOf = (name: string) => `US-00${"abcd".indexOf(name) + 1}`;

async function withTasks(
  { names, script, settings = {} }: {
    names: readonly string[];
    script: Script;
    settings?: object;
  },
  body: (here: {
    project: Project;
    type: (args: readonly string[], code?: number) => Promise<string>;
    status: () => ReturnType<typeof statusOf>;
    rootOf: (task: string) => string;
    server: string;
  }) => Promise<void>,
): Promise<void> {
  await using model = await startModel(script);
  await using server = await startServer({ version: NEWEST, model });
  await using project = await makeProject({
    files: {
      ...Object.fromEntries(
        names.map((name) => [`tasks/${name}/prd.md`, prdOf(storyOf(name))]),
      ),
      "ralph.json": JSON.stringify({ verify: [["test", "-f", "work.txt"]], ...settings }),
    },
  });
  await using ralph = await makeRalph();
  await body({
    project,
    server: server.url,
    async type(args, code = 0) {
      const result = await ralph(args, { cwd: project.root });
      assert.equal(result.code, code, `${args.join(" ")}: ${result.stdout}${result.stderr}`);
      return result.stdout + result.stderr;
    },
    status: () => statusOf(ralph, project.root),
    rootOf: (task) => join(`${project.root}.ralph`, task),
  });
}

Deno.test("three tasks at once, one worker killed and conflicts on the way: all are landed, nothing is lost", async () => {
  const agents = together(tickingAgent(), 3);
  const names = ["a", "b", "c"];
  await withTasks({ names, script: agents.script }, async (here) => {
    const { project, type, status, rootOf } = here;
    assert.match(
      await type(["run", ...names, "--parallel", "3", "--server", here.server]),
      /^3 tasks queued, 3 at once, each in a worktree of its own:$/m,
    );
    await until(agents.allAsked, { what: "all three to be at work" });
    const rows = await status();
    assert.deepEqual(rows.map(({ task, status }) => `${task} ${status}`).sort(), [
      "a running",
      "b running",
      "c running",
    ]);
    const pidOf = async (task: string) =>
      (await status()).find((one) => one.task === task)?.workerPid ?? null;
    const pid = await pidOf("b");
    Deno.kill(pid ?? 0, "SIGKILL");
    const isAnother = async () => ![null, pid].includes(await pidOf("b"));
    await until(isAnother, { what: "another worker of the same session" });
    agents.go();
    for (const name of names) assert.match(await type(["wait", name]), /: completed, /);

    const resolve = async (task: string) => {
      const before = await project.git("for-each-ref", "--format=%(refname) %(objectname)");
      const refused = await type(["land", task], 5);
      assert.match(refused, /in conflict with `main` in `work\.txt`; nothing was changed/);
      assert.equal(
        await project.git("for-each-ref", "--format=%(refname) %(objectname)"),
        before,
      );
      const [, command] = /(git -C \S+ merge main)/.exec(refused) ?? [];
      assert(command !== undefined, refused);
      await assert.rejects(project.git(...command.split(" ").slice(1)));
      const both = (await Deno.readTextFile(join(rootOf(task), "work.txt")))
        .split("\n").filter((line) => /^US-/.test(line)).join("\n");
      await Deno.writeTextFile(join(rootOf(task), "work.txt"), both + "\n");
      await project.git("-C", rootOf(task), "commit", "--quiet", "--all", "--no-edit");
      assert.match(await type(["land", task]), /was merged into `main`/);
    };
    assert.match(await type(["land", "a"]), /was merged into `main`/);
    await resolve("b");
    await resolve("c");

    assert.deepEqual((await project.read("work.txt")).trim().split("\n").sort(), [
      "US-001",
      "US-002",
      "US-003",
    ]);
    const log = await project.git("log", "--format=%s", "main");
    for (const name of names) {
      assert.equal(log.split(`feat: ${storyOf(name)} - Only`).length, 2, "each once");
      assert.match(await project.read(`tasks/${name}/prd.md`), /\[x\]/);
    }
    assert.equal(await project.git("status", "--porcelain"), "");
    const sessions = JSON.parse(await type(["status", "--sessions", "--json"]));
    assert.deepEqual(
      sessions.map(({ task, iteration }: Record<string, unknown>) => `${task} ${iteration}`).sort(),
      ["a 1", "b 1", "c 1"],
      "one session each, and no turn twice",
    );
    assert.match(await type(["clean", "--worktrees", "--yes"]), /removed 3 worktrees/);
  });
});

Deno.test("what depends on another begins at its branch, and is landed after it; on two branches it is not run", async () => {
  const settings = { dependsOn: { b: ["a"], d: ["a", "c"] } };
  const names = ["a", "b", "c", "d"];
  await withTasks({ names, script: tickingAgent(), settings }, async (here) => {
    const { project, type, rootOf } = here;
    const run = ["run", ...names, "--parallel", "2", "--foreground", "--server", here.server];
    const told = await type(run, 9);
    assert.match(
      told,
      /^ +d +not run: cannot make a worktree for `d`: it depends on `a` and `c`, and no branch has them all: land/m,
    );
    assert.match(told, /^a: completed/m);
    const { status, detail } = JSON.parse(await type(["wait", "d", "--json"], 9));
    assert.equal(status, "skipped");
    assert.match(detail, /^cannot make a worktree for `d`: it depends on/);
    assert.match(
      await type(["status"]),
      /^d\tskipped\tcannot make a worktree/m,
    );
    assert.match(told, /^next +ralph land [ac]\n +ralph land [acb]\n +ralph land [bc]$/m);
    assert.equal(
      await Deno.readTextFile(join(rootOf("b"), "work.txt")),
      "US-001\nUS-002\n",
      "it has what it depends on",
    );
    assert.match(
      await type(["land", "b"], 5),
      /it began at the branch of `a`, which is not in `main` yet[^]*ralph land a/,
    );
    await type(["land", "a"]);
    await type(["land", "b"]);
    assert.equal(await project.read("work.txt"), "US-001\nUS-002\n");
  });
});

Deno.test("run alone, a task begins at the branch of what it depends on as well, and not without it", async () => {
  const settings = { dependsOn: { b: ["a"] } };
  const names = ["a", "b", "c"];
  await withTasks({ names, script: tickingAgent(), settings }, async (here) => {
    const { type, rootOf } = here;
    const run = async (task: string, options: readonly string[], code = 0) =>
      await type(["run", task, ...options, "--foreground", "--server", here.server], code);
    const open = await run("b", ["--worktree"], 5);
    assert.match(open, /cannot run `b`: it depends on `a`, which is not completed$/m);
    await assert.rejects(Deno.stat(rootOf("b")), "nothing was made for it");
    await run("a", ["--worktree"]);
    const atHome = await run("b", [], 5);
    assert.match(
      atHome,
      /cannot run `b`: it depends on `a`, and that one's commits are on the branch `ralph\/a` alone/,
    );
    assert.match(atHome, /home: ralph land a\nhint: or begin there: ralph run b --worktree$/m);
    const queue = await run("b", ["c"], 9);
    assert.match(
      queue,
      /^ +b +not run: cannot run `b`: it depends on `a`, and .*\n +c +completed$/m,
    );
    assert.match(await run("b", ["--worktree"]), /, made from `ralph\/a`$/m);
    assert.equal(await Deno.readTextFile(join(rootOf("b"), "work.txt")), "US-001\nUS-002\n");
  });
});
