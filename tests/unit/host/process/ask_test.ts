import assert from "node:assert/strict";
import process from "node:process";
import { type Answer, ask, type AskOptions } from "../../../../src/host/process/ask.ts";
import { systemClock as clock } from "../../../../src/host/system/clock.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { until } from "../../../support/wait.ts";

const sh = (script: string, options: Partial<AskOptions> = {}): Promise<Answer> =>
  ask(["/bin/sh", "-c", script], { clock, timeoutMs: 20_000, ...options });

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

Deno.test("an answer has the exit code, and both outputs without their last line ends", async () => {
  assert.deepEqual(await sh("echo '  out '; echo; echo err >&2; exit 3"), {
    kind: "ended",
    code: 3,
    stdout: "  out",
    stderr: "err",
  });
});

Deno.test("bytes that are not UTF-8 do not break an answer", async () => {
  const answer = await sh(`printf 'a\\377b'`);
  assert(answer.kind === "ended");
  assert.equal(answer.stdout, "a\ufffdb");
});

Deno.test("a program gets no input, a locale of its own, and the variables that are added", async () => {
  const answer = await sh('cat; echo "$LC_ALL $ADDED $HOME"', { env: { ADDED: "yes" } });
  assert(answer.kind === "ended");
  assert.equal(answer.stdout, `C.UTF-8 yes ${Deno.env.get("HOME") ?? ""}`.trim());
});

Deno.test("a long answer is read whole", async () => {
  const answer = await sh("head -c 300000 /dev/zero | tr '\\0' x");
  assert(answer.kind === "ended");
  assert.equal(answer.stdout.length, 300_000);
});

Deno.test("a program that is not there is missing, whatever its arguments", async () => {
  assert.deepEqual(
    await ask(["no-such-program-anywhere", "x"], { clock, timeoutMs: 20_000 }),
    { kind: "missing" },
  );
});

Deno.test("a program that does not end in time is killed, and what it has started", async () => {
  using folder = temporaryFolder();
  const file = `${folder.path}/pids`;
  const answer = await sh(`echo $$ > ${file}; sleep 600 & echo $! >> ${file}; wait`, {
    timeoutMs: 500,
  });
  assert.deepEqual(answer, { kind: "late" });
  const pids = Deno.readTextFileSync(file).trim().split("\n").map(Number);
  assert.equal(pids.length, 2);
  await until(() => !pids.some(isAlive), { what: "both to be gone" });
});

Deno.test("a program that has ended is not waited for because of what it has left behind", async () => {
  using folder = temporaryFolder();
  const file = `${folder.path}/pid`;
  const answer = await sh(`echo all of it; sleep 600 & echo $! > ${file}; exit 3`);
  Deno.kill(Number(Deno.readTextFileSync(file)), "SIGKILL");
  assert.deepEqual(answer, { kind: "ended", code: 3, stdout: "all of it", stderr: "" });
});

Deno.test("what a program said that was ended by a signal is no answer", async () => {
  assert.deepEqual(await sh("echo half; kill -TERM $$"), { kind: "killed", signal: "SIGTERM" });
});

Deno.test("a signal to this process's group does not reach a program", async () => {
  // signal 0 to the group that a process leads: it is there (kill(2))
  const answer = await sh("kill -0 -$$ && echo leads");
  assert.deepEqual(answer, { kind: "ended", code: 0, stdout: "leads", stderr: "" });
});

Deno.test("what a program leaves behind with its pipes keeps nobody waiting", async () => {
  using folder = temporaryFolder();
  const file = `${folder.path}/pid`;
  const module = (name: string) => new URL(`../../../../src/host/${name}.ts`, import.meta.url).href;
  const code = `
    import { ask } from "${module("process/ask")}";
    import { systemClock as clock } from "${module("system/clock")}";
    const script = "setsid sleep 600 & echo $! > ${file}; exit 0";
    const answer = await ask(["/bin/sh", "-c", script], { clock, timeoutMs: 500 });
    console.log(answer.kind);`;
  // to its end: this process must end although the sleeper holds the pipes
  const { stdout, code: exitCode } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", code],
  }).output();
  const sleeper = Number(Deno.readTextFileSync(file));
  const livesOn = isAlive(sleeper);
  if (livesOn) process.kill(sleeper, "SIGKILL");
  assert.equal(new TextDecoder().decode(stdout), "late\n");
  assert.equal(exitCode, 0);
  assert(livesOn, "the sleeper had ended before: nothing was shown");
});

Deno.test("a program that ends while this one is held up is late, and no error", async () => {
  const answers = Array.from(
    { length: 8 },
    () => sh("trap '' TERM; sleep 0.9", { timeoutMs: 100 }),
  );
  const began = performance.now();
  // Not in a timer: the end of the grace and that of the programs are then seen at once.
  while (performance.now() - began < 450) await Deno.stat(".");
  while (performance.now() - began < 1_500);
  const kinds = (await Promise.all(answers)).map(({ kind }) => kind);
  assert.deepEqual(new Set(kinds), new Set(["late"]));
});
