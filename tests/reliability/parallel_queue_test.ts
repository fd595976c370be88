/** Several tasks at once, by the commands. All is done already, so that only gates and setup run. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { until } from "../support/wait.ts";
import { type Here, withTasks } from "./queued_tasks.ts";

const runs = ({ queued }: Here, ...names: string[]) =>
  until(async () => {
    const now = await queued();
    return names.every((name) => now.includes(`${name} running`));
  }, { what: `${names.join(" and ")} to run` });

Deno.test("so many run at once as is said, a number that may change, and stop --all stops them all", async () => {
  await withTasks({}, async (here) => {
    const { run, queued } = here;
    await run("run", "a", "b", "--parallel", "1");
    await runs(here, "a");
    assert.deepEqual(await queued(), ["a running", "b queued"]);
    const added = await run("run", "c", "--parallel", "3");
    assert.match(added.stdout, /^3 tasks queued, 3 at once, each in a worktree of its own:$/m);
    await runs(here, "a", "b", "c");
    const { code, stdout } = await run("stop", "--all", "--json");
    assert.equal(code, 0);
    const stopped = stdout.trim().split("\n").map((line) => JSON.parse(line).task);
    assert.deepEqual(stopped.sort(), ["a", "b", "c"]);
    assert.deepEqual(await queued(), ["a stopped", "b stopped", "c stopped"]);
  });
});

Deno.test("a task at home runs beside those in worktrees, and others at home after it", async () => {
  await withTasks({}, async (here) => {
    const { run, go, queued } = here;
    await run("run", "a", "--parallel", "3");
    await run("run", "b", "c");
    await runs(here, "a", "b");
    assert.match((await run("status", "c")).stdout, /now: +after `b`/);
    await go();
    assert.equal((await run("wait", "c")).code, 0);
    assert.equal((await run("wait", "a")).code, 0);
    assert.deepEqual(await queued(), ["a completed", "b completed", "c completed"]);
  });
});

Deno.test("Ctrl-C in the foreground stops all that are at work; each line says whose it is", async () => {
  await withTasks({}, async (here) => {
    const { ralph, project, queued } = here;
    const typed = ["run", "a", "b", "c", "--parallel", "2", "--foreground"];
    const child = ralph.start(typed, { cwd: project.root });
    await runs(here, "a", "b");
    child.kill("SIGINT");
    const { code, stdout } = await child.output();
    const told = new TextDecoder().decode(stdout);
    assert.equal(code, 130, told);
    assert.match(told, /^a: .*session \d/m);
    assert.match(told, /^b: .*session \d/m);
    assert.match(told, /\n +c +taken out by a person\n/);
    assert.deepEqual(await queued(), ["a stopped", "b stopped"]);
  });
});

Deno.test("one that fails lets the others go on, and with --fail-fast none starts any more", async () => {
  await withTasks({}, async ({ run, ralph, go, queued }) => {
    await Deno.writeTextFile(join(ralph.home, "fails"), "");
    await go();
    const typed = ["run", "a", "b", "c", "--parallel", "2", "--fail-fast", "--foreground"];
    assert.equal((await run(...typed, "--json")).code, 1);
    const [a, b, c] = await queued();
    assert.deepEqual([a, b], ["a stopped", "b stopped"]);
    assert.match(c, /^c skipped: `[ab]` failed, and --fail-fast ends the others$/);
  });
});

/** Both are preparing their worktrees until `prepared` is called. */
async function whilePreparing(
  body: (here: Here & { prepared: () => Promise<void> }) => Promise<void>,
): Promise<void> {
  await withTasks({}, async (here) => {
    const { project, ralph, run } = here;
    const file = join(ralph.home, "prepared");
    const setup = [{ name: "deps", shell: `until [ -e ${file} ]; do sleep 0.05; done` }];
    await project.write("ralph.json", JSON.stringify({ verify: [["true"]], setup }));
    await run("run", "a", "b", "c", "--parallel", "2");
    const arePreparing = async () => {
      const { stderr } = await run("status");
      return ["a", "b"].every((name) =>
        stderr.includes(`\`${name}\` has not begun yet: preparing`)
      );
    };
    await until(arePreparing, { what: "both to prepare their worktrees" });
    await body({ ...here, prepared: () => Deno.writeTextFile(file, "") });
  });
}

Deno.test("one that is stopped while its worktree is prepared is not begun again, and the other goes on", async () => {
  await whilePreparing(async ({ run, prepared, queued }) => {
    assert.match((await run("stop", "a")).stdout, /^stopped `a` before its session had begun/);
    await prepared();
    for (const name of ["b", "c"]) assert.equal((await run("wait", name)).code, 0);
    assert.deepEqual(await queued(), ["a failed", "b completed", "c completed"]);
  });
});

Deno.test("a worker that is killed while it prepares a worktree is started again", async () => {
  await whilePreparing(async ({ run, ralph, prepared, queued }) => {
    const pid = await preparing(ralph.home, "a");
    Deno.kill(pid, "SIGKILL");
    await until(async () => ![0, pid].includes(await preparing(ralph.home, "a")), {
      what: "another one",
    });
    await prepared();
    for (const name of ["a", "b", "c"]) assert.equal((await run("wait", name)).code, 0);
    assert.deepEqual(await queued(), ["a completed", "b completed", "c completed"]);
  });
});

Deno.test("workers that are asked to end while they prepare, as at a shutdown, leave all for the next run", async () => {
  await whilePreparing(async ({ run, ralph, prepared, queued }) => {
    for (const name of ["a", "b"]) Deno.kill(await preparing(ralph.home, name), "SIGTERM");
    const isLeft = async () => /nobody works/.test((await run("status", "c")).stdout);
    await until(isLeft, { what: "the end of the queue's process" });
    await prepared();
    await run("run");
    for (const name of ["a", "b", "c"]) assert.equal((await run("wait", name)).code, 0);
    assert.deepEqual(await queued(), ["a completed", "b completed", "c completed"]);
  });
});

/** The process that prepares the worktree of a task; 0: none does. */
async function preparing(home: string, task: string): Promise<number> {
  const locks = `${home}/.local/share/ralph/locks`;
  for await (const { name } of Deno.readDir(locks)) {
    const text = await Deno.readTextFile(`${locks}/${name}`);
    const note = text === "" ? {} : JSON.parse(text);
    if (note.task === task && note.doing !== undefined) return note.pid;
  }
  return 0;
}
