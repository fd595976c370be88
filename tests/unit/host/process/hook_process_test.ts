import assert from "node:assert/strict";
import { join } from "node:path";
import { runHook } from "../../../../src/host/process/hook_process.ts";
import { systemClock } from "../../../../src/host/system/clock.ts";
import { temporaryFolder } from "../../../support/folder.ts";

const PATH = Deno.env.get("PATH") ?? "";
const INPUT = `{"text":"'\\"$(exit) %s\\\\n${"é".repeat(30_000)}"}`;

const run = (command: readonly string[], cwd = "/", clock = systemClock) =>
  runHook(command, { cwd, env: { PATH, RALPH_TASK: "shop" }, input: INPUT, clock });

Deno.test("hook: the input is on its stdin as it is, beside the given variables", async () => {
  await using folder = temporaryFolder("hook-");
  const why = await run(["sh", "-c", "cat > input; env > environment", "x"], folder.path);
  assert.equal(why, undefined);
  assert.equal(Deno.readTextFileSync(join(folder.path, "input")), `${INPUT}\n`);
  const names = Deno.readTextFileSync(join(folder.path, "environment")).split("\n")
    .map((line) => line.split("=")[0]).filter((name) => name !== "");
  const own = ["PWD", "OLDPWD", "SHLVL", "_", "BOUNDED_PROCESS"];
  assert.deepEqual(names.filter((name) => !own.includes(name)).sort(), ["PATH", "RALPH_TASK"]);
});

Deno.test("hook: why it failed", async () => {
  assert.equal(await run(["true"]), undefined, "one that does not read its input");
  assert.equal(
    await run(["sh", "-c", "echo first; echo 'cannot reach it' >&2; exit 22"]),
    "it ended with exit code 22: cannot reach it",
  );
  assert.equal(await run(["no-such-program"]), "there is no program `no-such-program` on PATH");
});

Deno.test("hook: at its deadline it is ended with all that it started", async () => {
  await using folder = temporaryFolder("hook-");
  const hasty: typeof systemClock = {
    ...systemClock,
    after: (ms, callback) => systemClock.after(Math.min(ms, 1_000), callback),
  };
  const line = "sleep 600 & echo $! > child; wait";
  const why = await run(["sh", "-c", line], folder.path, hasty);
  assert.equal(why, "it took longer than 30 s, and was ended");
  const child = Deno.readTextFileSync(join(folder.path, "child")).trim();
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "stat=", "-p", child] }).output();
  // One that is dead may not be collected yet.
  assert.match(new TextDecoder().decode(stdout), /^(Z|$)/);
});
