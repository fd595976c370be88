import assert from "node:assert/strict";
import {
  agentProcesses,
  endLeftProcesses,
  leftProcesses,
} from "../../../../src/host/process/agent_processes.ts";
import type { Clock } from "../../../../src/clock.ts";
import { systemClock } from "../../../../src/host/system/clock.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { openPty } from "../../../support/pty.ts";
import { until } from "../../../support/wait.ts";

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
function shell(cwd: string, line: string, { mark = true, name = "OPENCODE" } = {}) {
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", line],
    cwd,
    env: mark ? { [name]: "1" } : {},
    detached: true,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const pids = () => {
    try {
      // Whole lines: a file that is just made is empty, and would be process 0.
      return Deno.readTextFileSync(`${cwd}/pids`).split("\n").slice(0, -1).map(Number);
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

async function inTree(root: string, since = 0) {
  const found = await agentProcesses({ root, since }, systemClock);
  assert(found, "the look ended in time");
  return found;
}

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

test("the mark of OpenCode 2 is known, and what a person started in OpenCode's terminal is left", async () => {
  using dir = temporaryFolder();
  const root = Deno.realPathSync(dir.path);
  await using person = await openPty("echo $$ >> pids; exec sleep 307", {
    cwd: root,
    env: { OPENCODE: "1", OPENCODE_TERMINAL: "1" },
  });
  const name = "OPENCODE_TERMINAL";
  await using agent = shell(root, `echo $$ >> pids; exec sleep 308`, { name });
  await agent.written(2);
  await until(async () => (await inTree(root)).length > 0, { what: "the agent's to be found" });
  const found = (await inTree(root)).filter(({ command }) => command.startsWith("sleep"));
  assert.deepEqual(found.map(({ pid }) => pid), [agent.pid]);
  await endLeftProcesses(root, systemClock);
  assert.deepEqual((await inTree(root)).filter(({ command }) => command === "sleep 308"), []);
  Deno.kill(person.pid, "SIGCONT");
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

/** A program that listens on a port of its choice, which it writes to `port`. */
const LISTEN = `${Deno.execPath()} eval 'const l = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  Deno.writeTextFileSync("port", String(l.addr.port)); setTimeout(() => {}, 1e6)'`;

test("the port that one holds is told, and ending ends those that nobody waits for", async () => {
  using dir = temporaryFolder();
  const root = Deno.realPathSync(dir.path);
  // the second one ignores that it is asked
  await using sh = shell(
    root,
    `sh -c 'echo $$ >> pids; exec ${LISTEN.replaceAll("'", `'"'"'`)}' &
     sh -c 'trap "" TERM; echo $$ >> pids; while :; do sleep 1; done' &
     while [ "$(wc -l < pids)" -lt 2 ] || [ ! -s port ]; do sleep 0.1; done`,
  );
  const pids = await sh.written(2);
  const held = await until(async () => {
    const found = await inTree(root);
    return found.find(({ pid, ports }) => pid === pids[0] && ports.length > 0) ??
      found.find(({ pid, ports }) => pid === pids[1] && ports.length > 0);
  }, { what: "the port" });
  assert.deepEqual(held.ports, [Number(Deno.readTextFileSync(`${root}/port`))]);
  assert.equal(held.atWork, false);
  await until(async () => (await inTree(root)).every(({ pid }) => pid !== sh.pid), {
    what: "the shell to be gone",
  });
  const { ended, left } = await endLeftProcesses(root, systemClock);
  assert.deepEqual(left, []);
  for (const pid of pids) assert(ended.some((one) => one.pid === pid), `process ${pid}`);
  assert.deepEqual(await inTree(root), []);
});

test("a command that its server waits for is at work, and is not ended", async () => {
  using dir = temporaryFolder();
  const root = Deno.realPathSync(dir.path);
  // a copy of the shell stands for the server: the program's name tells it
  const server = `${root}/opencode`;
  Deno.copyFileSync(Deno.realPathSync("/bin/sh"), server);
  await using sh = shell(
    root,
    `"${server}" -c 'OPENCODE=1 setsid -w sh -c "echo \\$\\$ >> pids; sleep 306; :"; :'`,
    { mark: false },
  );
  const [command] = await sh.written(1);
  const atWork = (await inTree(root)).filter((one) => one.atWork).map(({ pid }) => pid);
  assert(atWork.includes(command), `${atWork}`);
  assert.deepEqual(await endLeftProcesses(root, systemClock), { ended: [], left: [] });
  assert((await inTree(root)).some(({ pid }) => pid === command));
});

Deno.test("a look that does not end in time has seen nothing, and says so", async () => {
  const clock: Clock = {
    ...systemClock,
    after(_ms, callback) {
      queueMicrotask(callback);
      return () => {};
    },
  };
  assert.equal(await leftProcesses("/", clock), undefined);
  assert.deepEqual(await endLeftProcesses("/", clock), { ended: [] });
});
