/** `ralph run` with several tasks, by its commands. All is done already, so that only gates run. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { until } from "../support/wait.ts";
import { RALPH } from "../support/ralph.ts";
import { openPty } from "../support/pty.ts";
import { type Here, withTasks } from "./queued_tasks.ts";

const CACHE = join(
  Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? "", ".cache"),
  "deno",
);

/** What a command prints in a terminal. */
async function inTerminal(home: string, args: readonly string[], cwd: string): Promise<string> {
  const env = { HOME: home, NO_COLOR: "1", DENO_DIR: Deno.env.get("DENO_DIR") ?? CACHE };
  await using pty = await openPty([...RALPH, ...args].join(" "), { cwd, env });
  await pty.status;
  return pty.text();
}

/** Waits until nobody works through the queue any more, with the task `b` still in it. */
function untilLeft(run: Here["run"]): Promise<unknown> {
  const isLeft = async () => /nobody works/.test((await run("status", "b")).stdout);
  return until(isLeft, { what: "the end of the queue's process" });
}

Deno.test("a task that fails: what depends on it is not run and says why, the others are", async () => {
  await withTasks({ dependsOn: { b: ["a"] } }, async ({ run, ralph, go, queued }) => {
    await Deno.writeTextFile(join(ralph.home, "fails"), "");
    await go();
    const { code, stdout } = await run("run", "a", "b", "c", "--foreground");
    assert.equal(code, 1, stdout);
    assert.match(stdout, /\n +b +not run: depends on `a`, which did not complete\n +c +failed: /);
    assert.deepEqual(await queued(), [
      "a stopped",
      "b skipped: depends on `a`, which did not complete",
      "c stopped",
    ]);
    const { code: waited, stdout: told } = await run("wait", "b");
    assert.equal(waited, 9, told);
    assert.match(
      told,
      /^b: not run: depends on `a`, which did not complete\nrun it with `ralph run b`/,
    );
    const both = await run("wait", "b", "c", "--json");
    assert.equal(both.code, 1);
    assert.deepEqual(
      JSON.parse(both.stdout).map(({ task, status }: Record<string, string>) => [task, status]),
      [["b", "skipped"], ["c", "stopped"]],
    );
    const alone = await run("run", "b");
    assert.equal(alone.code, 5);
    assert.match(alone.stderr, /it depends on `a`, which is not completed[^]*ralph run a b/);
  });
});

Deno.test("with --fail-fast no other starts once one has failed", async () => {
  await withTasks({}, async ({ run, ralph, go, queued }) => {
    await Deno.writeTextFile(join(ralph.home, "fails"), "");
    await go();
    assert.equal((await run("run", "a", "b", "c", "--fail-fast", "--foreground")).code, 1);
    const why = "`a` failed, and --fail-fast ends the others";
    assert.deepEqual(await queued(), ["a stopped", `b skipped: ${why}`, `c skipped: ${why}`]);
  });
});

Deno.test("stop takes a queued task out, and with --all everything; the queue ends", async () => {
  await withTasks({}, async ({ run, queued, begun }) => {
    assert.equal((await run("run", "a", "b", "c")).code, 0);
    assert.equal((await run("stop", "b")).stdout, "taken out of the queue: `b`\n");
    assert.match((await run("status", "c")).stdout, /c - queued\n +now: +after `a`/);
    await begun();
    assert.deepEqual(await queued(), ["a running", "c queued"]);
    const pause = await run("checkpoint", "c");
    assert.equal(pause.code, 5);
    assert.match(pause.stderr, /^error: `c` waits in the queue, and has not begun\n/);
    const { code, stdout } = await run("stop", "--all");
    assert.equal(code, 0);
    assert.match(stdout, /^taken out of the queue: `c`\nstopped `a` \(session 1\)/);
    assert.deepEqual(await queued(), ["a stopped"]);
    const removed = await run("wait", "c");
    assert.deepEqual([removed.code, removed.stdout.split("\n")[0]], [
      1,
      "c: taken out by a person",
    ]);
    const again = await run("stop", "--all");
    assert.match(again.stdout, /`a` is not running/);
  });
});

Deno.test("stop of the one at work lets the next one start", async () => {
  await withTasks({}, async ({ run, queued, go, begun }) => {
    await run("run", "a", "b");
    await begun();
    const { stderr } = await run("stop", "a");
    assert.match(stderr, /the queue goes on with `b`; `ralph stop --all` ends it, too/);
    await go();
    assert.equal((await run("wait", "b")).code, 0);
    assert.deepEqual(await queued(), ["a stopped", "b completed"]);
  });
});

Deno.test("Ctrl-C in the foreground stops the task at work, and runs no other", async () => {
  await withTasks({}, async ({ project, ralph, queued, begun }) => {
    const child = ralph.start(["run", "a", "b", "--foreground"], { cwd: project.root });
    await begun();
    child.kill("SIGINT");
    const { code, stdout } = await child.output();
    assert.equal(code, 130);
    assert.match(new TextDecoder().decode(stdout), /\n +b +taken out by a person\n/);
    assert.deepEqual(await queued(), ["a stopped"]);
  });
});

Deno.test("a terminal that goes away leaves the queue for the next run", async () => {
  await withTasks({}, async ({ project, ralph, run, go, queued, begun }) => {
    const child = ralph.start(["run", "a", "b", "--foreground"], { cwd: project.root });
    await begun();
    child.kill("SIGHUP");
    assert.equal((await child.output()).code, 143);
    assert.deepEqual(await queued(), ["a failed", "b queued"]);
    await go();
    const { stdout } = await run("resume", "--interrupted", "--json");
    assert.equal(JSON.parse(stdout).type, "queued");
    assert.equal((await run("wait", "b")).code, 0);
    assert.deepEqual(await queued(), ["a completed", "b completed"]);
    const sessions = JSON.parse((await run("status", "--sessions", "--json")).stdout);
    assert.equal(sessions.length, 2, "each task has one session");
  });
});

Deno.test("the queue's process is killed: what it had begun ends by itself, and is told as it is", async () => {
  await withTasks({}, async ({ run, ralph, project, go, queued, begun }) => {
    await run("run", "a", "b");
    await begun();
    const locks = join(ralph.home, ".local/share/ralph/locks");
    const [{ name }] = [...Deno.readDirSync(locks)].filter((one) =>
      /\.queue\.lock$/.test(one.name)
    );
    Deno.kill(JSON.parse(await Deno.readTextFile(join(locks, name))).pid, "SIGKILL");
    await go();
    const { code, stdout } = await run("wait", "a", "b");
    assert.equal(code, 8, "b is open");
    assert.match(stdout, /^a: completed, [^]*\nb: after `a`\n +nobody works through the queue: /);
    const screen = await inTerminal(ralph.home, ["status"], project.root);
    assert.match(screen, /nobody works through it[^]*\n +a +completed, session 1\n/);
    // The session that ended before is no end of what goes on now.
    await run("run");
    assert.equal((await run("wait", "--all")).code, 0);
    assert.deepEqual(await queued(), ["a completed", "b completed"]);
  });
});

Deno.test("wait right after a paused queue goes on waits for what goes on", async () => {
  await withTasks({}, async ({ run, go, begun }) => {
    await run("run", "a", "b");
    Deno.kill(await begun(), "SIGTERM");
    await untilLeft(run);
    await go();
    await run("run");
    const { code, stdout } = await run("wait", "a");
    assert.deepEqual([code, stdout.split("\n")[0]], [0, "a: completed, the story passes"]);
  });
});

Deno.test("a session whose worker is killed goes on by itself", async () => {
  await withTasks({}, async ({ run, go, queued, begun }) => {
    await run("run", "a", "b");
    const workerPid = await begun();
    Deno.kill(workerPid, "SIGKILL");
    const next = async () => {
      const [row] = JSON.parse((await run("status", "--json")).stdout);
      return row.workerPid !== null && row.workerPid !== workerPid;
    };
    await until(next, { what: "another worker" });
    await go();
    assert.equal((await run("wait", "b")).code, 0);
    assert.deepEqual(await queued(), ["a completed", "b completed"]);
  });
});

Deno.test("a session that was asked to end, as at a shutdown, keeps the queue from going on by itself", async () => {
  await withTasks({}, async ({ run, go, queued, begun }) => {
    await run("run", "a", "b");
    Deno.kill(await begun(), "SIGTERM");
    await untilLeft(run);
    assert.deepEqual(await queued(), ["a failed", "b queued"]);
    await go();
    await run("run", "a");
    assert.equal((await run("wait", "b")).code, 0);
    assert.deepEqual(await queued(), ["a completed", "b completed"]);
  });
});

Deno.test("a task that runs already is waited for, wherever it stands in the queue", async () => {
  await withTasks({}, async ({ run, go, queued, project, ralph }) => {
    const alone = ralph.start(["run", "c", "--foreground"], { cwd: project.root });
    await until(async () => (await queued()).includes("c running"), { what: "its session" });
    const taken = await run("run", "a");
    assert.equal(taken.code, 5);
    assert.match(taken.stderr, /at work in the same working tree[^]*ralph run \S+\/c a/);
    assert.equal((await run("run", "a", "c")).code, 0);
    await go();
    assert.equal((await alone.output()).code, 0);
    assert.equal((await run("wait", "a")).code, 0);
    assert.deepEqual(await queued(), ["a completed", "c completed"]);
    const sessions = JSON.parse((await run("status", "--sessions", "--json")).stdout);
    assert.equal(sessions.length, 2, "each task has one session");
  });
});

Deno.test("what does not go together is refused, and a queue takes each task once", async () => {
  await withTasks({ dependsOn: { b: ["x"], c: ["a"] } }, async ({ run, go, queued }) => {
    const refused = async (...args: string[]) => {
      const { code, stderr } = await run(...args);
      return `${code} ${stderr.split("\n")[0]}`;
    };
    assert.equal(
      await refused("run", "a", "b"),
      "2 error: `b` depends on `x`, and there is no such task here",
    );
    assert.match(await refused("run", "--all", "a"), /^2 .*no task is named beside it$/);
    assert.match(await refused("run", "a", "c", "--only", "US-001"), /^2 .*--only is for one task/);
    assert.match(await refused("run", "--parallel", "2"), /^2 .*nothing is queued here$/);
    assert.match(
      await refused("run", "a", "--parallel", "2", "--only", "US-001"),
      /^2 .*for one task/,
    );
    assert.match(await refused("run", "a", "--fail-fast"), /^2 .*is for several tasks$/);
    await run("run", "a", "c");
    const again = JSON.parse((await run("run", "c", "a", "--json")).stdout);
    assert.deepEqual(again.tasks.map(({ task }: { task: string }) => task), ["a", "c"]);
    await go();
    assert.equal((await run("wait", "c")).code, 0);
    assert.deepEqual(await queued(), ["a completed", "c completed"]);
  });
});
