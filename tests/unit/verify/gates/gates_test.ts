import assert from "node:assert/strict";
import { type BoundedRun, runBounded } from "../../../../src/host/process/bounded_process.ts";
import { systemClock } from "../../../../src/host/system/clock.ts";
import type { Gate } from "../../../../src/task/gate.ts";
import { gateEnvironment } from "../../../../src/verify/gates/gate_environment.ts";
import { type GateOptions, runGates } from "../../../../src/verify/gates/gates.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { GENEROUS_MS } from "../../../support/wait.ts";

const shell = (line: string, timeoutSeconds?: number): Gate => ({
  name: line,
  run: { shell: line },
  ...timeoutSeconds && { timeoutSeconds },
});

async function run(gates: readonly Gate[], options: Partial<GateOptions> = {}) {
  return await runGates(gates, {
    cwd: "/",
    env: gateEnvironment((name) => Deno.env.get(name)).variables,
    run: runBounded,
    clock: systemClock,
    signal: new AbortController().signal,
    defaultTimeoutMs: 30_000,
    ...options,
  });
}

async function results(gates: readonly Gate[], options: Partial<GateOptions> = {}) {
  const found = await run(gates, options);
  assert(found);
  return found.map(({ gate, passed, why, output }) => ({ name: gate.name, passed, why, output }));
}

Deno.test("gates run in the project root, each once, also after one that fails", async () => {
  using dir = temporaryFolder();
  const started: string[] = [];
  const count = { name: "count", run: { args: ["sh", "-c", "echo x >>count; cat count"] } };
  const found = await results([
    count,
    shell("pwd; exit 3"),
    { ...count, name: "again" },
    shell(":"),
  ], {
    cwd: dir.path,
    onStart: ({ name }) => started.push(name),
  });
  assert.deepEqual(found, [
    { name: "count", passed: true, why: "exit code 0", output: "x" },
    { name: "pwd; exit 3", passed: false, why: "exit code 3", output: dir.path },
    { name: ":", passed: true, why: "exit code 0", output: "" },
  ]);
  assert.deepEqual(started, ["count", "pwd; exit 3", ":"]);
});

Deno.test("a failing gate says why in words", async () => {
  const gates = [
    shell("no-such-program 2>/dev/null"),
    shell("kill -9 $$"),
    shell("sleep 120", 0.2),
    { name: "missing", run: { args: ["no\u001bsuch"] } },
    { name: "folder", run: { args: ["/tmp"] } },
  ];
  assert.deepEqual((await results(gates)).map(({ passed, why }) => [passed, why]), [
    [false, "exit code 127, mostly a program that was not found"],
    [false, "exit code 137, as after SIGKILL"],
    [false, "it took longer than its limit of 0.2 s"],
    [false, "there is no program `no\\x1bsuch` on PATH"],
    [false, "`/tmp` is a folder"],
  ]);
});

Deno.test("the limit is the gate's own, or else the given one", async () => {
  const limits: number[] = [];
  const ended: BoundedRun = { ending: { how: "timed_out" }, output: "", durationMs: 7 };
  const found = await run([shell("a", 90), shell("b"), shell("c", 120)], {
    defaultTimeoutMs: 600_000,
    run: (_, { timeoutMs }) => {
      limits.push(timeoutMs);
      return Promise.resolve(ended);
    },
  });
  assert.deepEqual(limits, [90_000, 600_000, 120_000]);
  assert.deepEqual(found?.map(({ why }) => why.split(" of ")[1]), ["90 s", "10 min", "2 min"]);
  assert.deepEqual(found?.map(({ durationMs }) => durationMs), [7, 7, 7]);
});

Deno.test("aborted gates have no results, and the others do not start", async () => {
  using dir = temporaryFolder();
  const abort = new AbortController();
  const gates = [shell("true"), shell("echo x >begun; sleep 120"), shell("echo x >third")];
  const found = await run(gates, {
    cwd: dir.path,
    signal: abort.signal,
    onStart: ({ name }) => name.includes("begun") && abort.abort(),
  });
  assert.equal(found, undefined);
  assert.deepEqual([...Deno.readDirSync(dir.path)], []);
});

Deno.test("a gate sees that nobody is there, and nothing that is the worker's", async () => {
  const given: Record<string, string> = {
    ...{ HOME: "/h", PATH: Deno.env.get("PATH") ?? "", LC_CTYPE: "C", XDG_CACHE_HOME: "/c" },
    ...{ CARGO_HOME: "/cargo", https_proxy: "http://p", SSL_CERT_FILE: "/s", TERM: "xterm" },
    ...{ OPENCODE_SERVER_PASSWORD: "secret", RALPH_MODEL: "m", GIT_DIR: "/x", FORCE_COLOR: "1" },
    ...{ NODE_OPTIONS: "--inspect", LD_PRELOAD: "/x.so", AWS_SECRET_ACCESS_KEY: "secret" },
  };
  const { variables: env } = gateEnvironment((name) => given[name]);
  assert.deepEqual(env, {
    ...{ HOME: "/h", PATH: given.PATH, LC_CTYPE: "C", XDG_CACHE_HOME: "/c" },
    ...{ CARGO_HOME: "/cargo", https_proxy: "http://p", SSL_CERT_FILE: "/s" },
    ...{ TERM: "dumb", CI: "true", NO_COLOR: "1", GIT_TERMINAL_PROMPT: "0" },
  });
  const [{ output }] = await results([shell("env")], { env });
  assert.doesNotMatch(output, /secret|RALPH_|OPENCODE_/);
  assert.match(output, /^CI=true$/m);
});

Deno.test("a person hands more variables on; the password and what is ralph's never are", () => {
  const given: Record<string, string> = {
    ...{ PATH: "/bin", PWD: "/p", TERM: "xterm", CI: "", DATABASE_URL: "d", GIT_DIR: "/x" },
    ...{ AWS_PROFILE: "a", AWS_REGION: "r", OPENCODE_SERVER_PASSWORD: "secret", RALPH_MODEL: "m" },
  };
  const names = Object.keys(given);
  const handOn = ["DATABASE_URL", "AWS_*", "OPENCODE_*", "RALPH_MODEL", "TERM", "NOT_SET"];
  const { variables, withheld } = gateEnvironment((name) => given[name], { names, handOn });
  assert.deepEqual(variables, {
    ...{ PATH: "/bin", DATABASE_URL: "d", AWS_PROFILE: "a", AWS_REGION: "r" },
    ...{ TERM: "xterm", CI: "true", NO_COLOR: "1", GIT_TERMINAL_PROMPT: "0" },
  });
  assert.deepEqual(withheld, ["GIT_DIR"]);
});

Deno.test("output is shown as a terminal would leave it", async () => {
  const text = String
    .raw`printf '\033]0;title\007\033[1;31mred\033[0m\r\n10%%\r100%%\r\n\tx\000\n\n'`;
  const [{ output }] = await results([shell(text)]);
  assert.equal(output, "red\n100%\n    x\\x00");
});

Deno.test("a flood that is no text is made plain in time", async () => {
  const begun = performance.now();
  const flood = shell("head -c 20000000 /dev/urandom", GENEROUS_MS / 1000);
  const [{ passed, why, output }] = await results([flood]);
  assert(passed, why);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(output, /[\x00-\x09\x0b-\x1f\x7f]/);
  assert(output.length < 1_500_000, `${output.length}`);
  assert(performance.now() - begun < GENEROUS_MS);
});
