/** Tasks in worktrees: the real program, real git and a real server; only the model is scripted. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { assignment, tickingAgent } from "../support/agent.ts";
import { NEWEST } from "../support/install.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeProject } from "../support/project.ts";
import { makeRalph } from "../support/ralph.ts";
import { type Script, startModel } from "../support/scripted_model.ts";
import { until } from "../support/wait.ts";
import { ONE_STORY, statusOf } from "./one_story.ts";

/** Answers nobody before `count` tasks have asked. */
function together(script: Script, count: number) {
  const asked = new Set<string>();
  const { promise, resolve } = Promise.withResolvers<void>();
  const gate: Script = async (request) => {
    asked.add(assignment(request.prompt).prd);
    await promise;
    return await script(request);
  };
  return { script: gate, allAsked: () => asked.size === count, go: resolve };
}

Deno.test("two tasks at once in worktrees: both are landed, a conflict on the way", async () => {
  const agents = together(tickingAgent(), 2);
  await using model = await startModel(agents.script);
  await using server = await startServer({ version: NEWEST, model });
  await using project = await makeProject({
    files: {
      "tasks/left/prd.md": ONE_STORY,
      "ralph.json": JSON.stringify({ verify: [["test", "-f", "work.txt"]], worktree: true }),
    },
  });
  // In no commit, so that it has to be brought.
  await project.write("tasks/right/prd.md", ONE_STORY);
  await using ralph = await makeRalph();
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
  agents.go();
  for (const task of ["left", "right"]) {
    const ended = await type(["wait", task, "--timeout", "120"]);
    assert.match(ended, /: completed, /);
    assert.match(ended, new RegExp(`next {6}ralph land ${task}$`, "m"));
  }
  assert.equal(await project.git("branch", "--show-current"), "main");
  assert.equal(await project.git("status", "--porcelain"), "?? tasks/right/");
  assert.match(await type(["logs", "left"]), /completed: the story passes/);
  assert((await type(["attach", "left"])).includes(rootOf("left")));

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
    await until(() => isGivenUp(server.log(), rootOf(task)), { what: "the server to give it up" });
  }
  assert.match(await type(["status", "left"]), /completed/);
});

function isGivenUp(log: string, root: string): boolean {
  return log.split("\n").some((line) => /dispos/.test(line) && line.includes(root));
}
