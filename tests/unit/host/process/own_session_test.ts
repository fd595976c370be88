import assert from "node:assert/strict";
import { inOwnSession, signalSession } from "../../../../src/host/process/own_session.ts";

function start(command: readonly string[]): Deno.ChildProcess {
  const { program, args, detached } = inOwnSession(command);
  const streams = { stdin: "null", stdout: "piped", stderr: "null" } as const;
  return new Deno.Command(program, { args: [...args], detached, ...streams }).spawn();
}

Deno.test("a program in a session of its own leads it, and is the process that was started", async () => {
  // The sixth field is the session's id (proc(5)).
  const child = start(["sh", "-c", "echo $$; cut -d ' ' -f 6 /proc/$$/stat"]);
  const { stdout } = await child.output();
  const [pid, session] = new TextDecoder().decode(stdout).trim().split("\n").map(Number);
  assert.deepEqual([pid, session], [child.pid, child.pid]);
});

Deno.test("a signal reaches it from the very start", async () => {
  const children = Array.from({ length: 10 }, () => {
    const child = start(["sleep", "600"]);
    signalSession(child, "SIGTERM");
    return child;
  });
  for (const child of children) assert.equal((await child.output()).signal, "SIGTERM");
});

Deno.test("one that is not there is told as Deno tells it", () => {
  for (const command of ["no-such-program-anywhere", "/no/such/program"]) {
    assert.throws(() => start([command]), Deno.errors.NotFound);
  }
});
