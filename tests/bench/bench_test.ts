/** Each bench runs to its end and prints its figures, with the smallest counts. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../support/folder.ts";
import { VERSIONS } from "../support/install.ts";
import { whyNoTestbed } from "../support/testbed.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Runs a program in the project's folder. Returns what it printed. */
async function run(command: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const [program, ...args] = command;
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
  }).output();
  const decoder = new TextDecoder();
  assert.equal(code, 0, `${command.join(" ")}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

const bench = (...names: string[]) =>
  run([Deno.execPath(), "run", "-A", "bench/main.ts", "--smallest", ...names]);

/** Each of these lines is there once after the heading, with a figure above zero. */
function assertFigures(printed: string, heading: string, names: readonly string[]): void {
  const at = printed.indexOf(heading);
  assert(at >= 0, `no "${heading}" in:\n${printed}`);
  const [, ...rest] = printed.slice(at).split("\n");
  const end = rest.findIndex((line) => !line.startsWith("  "));
  const lines = rest.slice(0, end);
  const figures = names.map((name) => {
    const [line, more] = lines.filter((line) => line.startsWith(`  ${name}  `));
    assert(line !== undefined && more === undefined, `"${name}" in:\n${printed}`);
    return Number(/ (\d+(\.\d+)?)( |$)/.exec(line.slice(name.length + 2))?.[1]);
  });
  assert(figures.every((figure) => figure > 0), `${figures} in:\n${printed}`);
  assert.equal(lines.length, names.length, printed);
}

Deno.test({
  name: "bench start, store and watch measure the binary",
  // .ci/denort.mjs has a runtime for nothing else.
  ignore: Deno.build.target !== "x86_64-unknown-linux-gnu",
  async fn() {
    using folder = temporaryFolder();
    const deno = ["npx", "-y", "deno@2.7.11"];
    const env = {
      DENORT_BIN: (await run(["node", ".ci/denort.mjs"])).trim(),
      DENO_TLS_CA_STORE: "system",
      RALPH_BINARY: `${folder.path}/ralph`,
    };
    await run([...deno, "task", "compile", folder.path], env);
    const printed = await run(
      [...deno, "task", "bench", "start", "store", "watch", "--smallest"],
      env,
    );
    assertFigures(printed, "start,", ["empty", "--help", "--version", "status", "size"]);
    assertFigures(printed, "store, 10 sessions, 100 iterations", [
      "empty",
      "status",
      "status task",
      "tasks",
      "completion",
      "history",
    ]);
    const figures = ["--help", "first paint", "CPU", "sent"];
    assertFigures(printed, "watch, 30 sessions at work", figures);
  },
});

Deno.test("bench loop measures iterations beside a bare script's turns, and memory", async () => {
  const names = ["bare script", "ralph", "ratio", "own CPU", "memory"];
  assertFigures(await bench("loop"), "loop, 1 rounds of 2 iterations", names);
});

Deno.test("bench stop measures a stop in each state, on both versions", async () => {
  const printed = await bench("stop");
  for (const version of VERSIONS) {
    assertFigures(printed, `stop, OpenCode ${version}`, [
      "agent writes",
      "rate limited",
      "shell command that ignores signals",
      "gate that ignores signals",
      "server suspended",
      "worker suspended, --force",
    ]);
  }
});

Deno.test("bench tree measures git's state, the census, and one file", async () => {
  const names = ["state", "state CPU", "census", "census CPU", "one file"];
  assertFigures(await bench("tree"), "tree, 10 tracked files, 100 tests in a file", names);
});

Deno.test("bench load runs sessions at once, and finds all of them on record", async () => {
  const names = [
    "wall time",
    "dead time",
    "ralph CPU",
    "server CPU",
    "workers PSS",
    "workers RSS",
    "server RSS",
    "write waits",
    "model peak",
  ];
  const apart = await bench("load");
  for (const count of [1, 2]) {
    assertFigures(apart, `load, ${count} sessions of 2 iterations`, names);
  }
  const parallel = await bench("load", "--parallel", "1");
  assertFigures(parallel, "load, 2 sessions of 2 iterations", names);
  assert.match(parallel, /^load, 2 sessions .*, --parallel, one process$/m);
});

Deno.test("bench doctor measures doctor under a systemd, or says why not", async () => {
  const printed = await bench("doctor");
  const reason = whyNoTestbed();
  if (reason !== undefined) {
    assert.equal(printed, `doctor: not measured (${reason})\n`);
    return;
  }
  assertFigures(printed, "doctor, 1 times", ["--version", "all is well", "server hangs"]);
});
