import assert from "node:assert/strict";
import { agentProcesses } from "../../../src/host/agent_processes.ts";
import { systemClock } from "../../../src/host/clock.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { until } from "../../support/wait.ts";

/** With the rights of the compiled program (tools/compile.ts), which may not read /proc. */
function test(name: string, fn: () => Promise<void>) {
  const permissions = { read: true, write: true, env: true, sys: true, run: true } as const;
  const ignore = Deno.build.os !== "linux";
  Deno.test({ name: `agent processes: ${name}`, permissions, ignore, fn });
}

/**
 * A shell that OpenCode might have started, in a session of its own; it starts `line`, and each
 * process that is started by it writes its pid to `pids`. Ends all of them when disposed.
 */
function shell(cwd: string, line: string, { mark = true } = {}) {
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", line],
    cwd,
    env: mark ? { OPENCODE: "1" } : {},
    detached: true,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const pids = () => {
    try {
      return Deno.readTextFileSync(`${cwd}/pids`).trim().split(/\s+/).map(Number);
    } catch {
      return [];
    }
  };
  return {
    pid: child.pid,
    written: (count: number) =>
      until(() => pids().length === count && pids(), { what: `${count} processes` }),
    async [Symbol.asyncDispose]() {
      for (const pid of [...pids(), child.pid]) {
        try {
          Deno.kill(pid, "SIGKILL");
        } catch {
          // it has ended
        }
      }
      await child.status;
    },
  };
}

const inTree = (root: string, since = 0) => agentProcesses({ root, since }, systemClock);

test("what left its shell's session, and what outlived its shell, is found with its command", async () => {
  using dir = temporaryFolder();
  const root = Deno.realPathSync(dir.path);
  Deno.mkdirSync(`${root}/sub`);
  await using sh = shell(
    root,
    `setsid sh -c 'echo $$ >> pids; exec sleep 301' &
     sh -c 'echo $$ >> pids; cd sub; exec sleep 302' &
     while [ "$(wc -l < pids)" -lt 2 ]; do :; done`,
  );
  await sh.written(2);
  await until(async () => (await inTree(root)).length === 2, { what: "the shell to be gone" });
  const found = (await inTree(root)).map(({ command }) => command).sort();
  assert.deepEqual(found, ["sleep 301", "sleep 302"]);
});

test("those of other folders, without the mark, or from before are not", async () => {
  using dir = temporaryFolder();
  using other = temporaryFolder();
  const root = Deno.realPathSync(dir.path);
  const line = "echo $$ >> pids; exec sleep 303";
  await using theirs = shell(Deno.realPathSync(other.path), line);
  await using unmarked = shell(root, line, { mark: false });
  await Promise.all([theirs.written(1), unmarked.written(1)]);
  assert.deepEqual(await inTree(root), []);
  assert.deepEqual(await inTree(root.slice(0, -1)), []);
  await using marked = shell(root, line);
  await marked.written(2);
  assert.deepEqual((await inTree(root)).map(({ pid }) => pid), [marked.pid]);
  assert.deepEqual(await inTree(root, Date.now() + 60_000), []);
});

test("what shares the session of an unmarked process, as the server's own do, is not", async () => {
  using dir = temporaryFolder();
  const root = Deno.realPathSync(dir.path);
  await using server = shell(
    root,
    `OPENCODE=1 sh -c 'echo $$ >> pids; exec sleep 304' & wait`,
    { mark: false },
  );
  await server.written(1);
  assert.deepEqual(await inTree(root), []);
});

test("a command line that holds anything is handed over as it is", async () => {
  using dir = temporaryFolder();
  const root = `${Deno.realPathSync(dir.path)}/a b\n'c`;
  Deno.mkdirSync(root);
  await using sh = shell(root, `echo $$ >> pids; exec sh -c 'sleep 305; :' "a\nb" 'c"d'`);
  await sh.written(1);
  const command = `sh -c sleep 305; : a\nb c"d`;
  await until(async () => (await inTree(root)).some((one) => one.command === command), {
    what: "the command",
  });
});
