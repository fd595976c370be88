import assert from "node:assert/strict";
import {
  type BoundedOptions,
  killCommandsOf,
  runBounded,
} from "../../../../src/host/process/bounded_process.ts";
import { systemClock } from "../../../../src/host/system/clock.ts";
import { textOf } from "../../../../src/host/files/read_file.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { GENEROUS_MS, until } from "../../../support/wait.ts";

const SOURCE = new URL("../../../../src/host/", import.meta.url).href;
const PATH = Deno.env.get("PATH") ?? "";
const onLinux = Deno.build.os === "linux";

/** With the rights of the compiled program (tools/compile.ts), which may not read /proc. */
function test(name: string, fn: () => Promise<void>, { ignore = false } = {}) {
  const permissions = { read: true, write: true, env: true, sys: true, run: true } as const;
  Deno.test({ name: `bounded process: ${name}`, permissions, ignore, fn });
}

async function run(command: readonly string[], options: Partial<BoundedOptions> = {}) {
  const begun = performance.now();
  const defaults = { cwd: "/", env: { PATH }, timeoutMs: 30_000, clock: systemClock };
  const result = await runBounded(command, { ...defaults, ...options });
  return { ...result, totalMs: performance.now() - begun };
}

const shell = (line: string, options?: Partial<BoundedOptions>) =>
  run(["/bin/sh", "-c", line], options);

/** What `ps` says of a process; undefined when it is gone, or dead and only not yet collected. */
async function ps(field: string, pid: string | number): Promise<string | undefined> {
  assert.match(String(pid), /^\d+$/);
  const args = ["-o", `stat=,${field}=`, "-p", String(pid)];
  const { stdout } = await new Deno.Command("ps", { args }).output();
  const [stat = "Z", value] = new TextDecoder().decode(stdout).trim().split(/\s+/);
  return stat === "" || stat.startsWith("Z") ? undefined : value;
}

async function assertGone(pid: string): Promise<void> {
  await until(async () => await ps("pid", pid) === undefined, { what: `the end of ${pid}` });
}

test("the exit code, and both outputs in order", async () => {
  const { ending, output } = await shell("echo a; echo b >&2; echo c; exit 3");
  assert.deepEqual(ending, { how: "exited", code: 3 });
  assert.equal(output, "a\nb\nc\n");
});

test("arguments reach the program as they are", async () => {
  const words = ["", "a b", "$(exit)", "'", "é\n", "-n", "--"];
  const { output } = await run(["printf", "%s|", ...words]);
  assert.equal(output, words.map((word) => `${word}|`).join(""));
});

test(
  "a session and group of its own, no terminal, no input, only the given variables",
  async () => {
    const { output } = await shell(
      `cat; (: </dev/tty) 2>/dev/null && echo terminal; echo $$; ps -o pgid=,sid= -p $$; env`,
      { env: { PATH, GIVEN: "x" } },
    );
    const [pid, groups, ...variables] = output.trimEnd().split("\n");
    const [group, session] = groups.trim().split(/\s+/);
    assert.match(pid, /^\d+$/);
    assert.equal(group, session);
    assert.notEqual(session, await ps("sid", Deno.pid));
    // The shell itself sets PWD, and some shells more.
    const names = variables.map((line) => line.split("=")[0]);
    const others = names.filter((name) => !/^(PWD|OLDPWD|SHLVL|_)$/.test(name)).sort();
    assert.deepEqual(others, ["BOUNDED_PROCESS", "GIVEN", "PATH"]);
  },
  { ignore: !onLinux },
);

test("one that hangs ends at its limit, after a chance to clean up", async () => {
  const { ending, output, durationMs, totalMs } = await shell(
    "trap 'echo cleaned; exit 0' TERM; echo begun; sleep 120 & wait",
    { timeoutMs: 300 },
  );
  assert.deepEqual(ending, { how: "timed_out" });
  assert.equal(output, "begun\ncleaned\n");
  assert(durationMs >= 300 && totalMs < GENEROUS_MS, `${durationMs} ${totalMs}`);
});

test("one that ignores SIGTERM is killed", async () => {
  const { ending, output, totalMs } = await shell(
    "trap '' TERM INT HUP; echo $$; while :; do sleep 0.1; done",
    { timeoutMs: 300 },
  );
  assert.deepEqual(ending, { how: "timed_out" });
  await assertGone(output.trim());
  assert(totalMs < GENEROUS_MS, `${totalMs}`);
});

test("children that hang and hold the output end with their parent", async () => {
  // The last one has no mark in its environment; it is in the group.
  const { ending, output, totalMs } = await shell(
    `sleep 120 & echo $!; (sleep 120; :) & echo $!; sleep=$(command -v sleep)
     env -i "$sleep" 120 & echo $!; exit 0`,
  );
  assert.deepEqual(ending, { how: "exited", code: 0 });
  const pids = output.trim().split("\n");
  assert.equal(pids.length, 3);
  for (const pid of pids) await assertGone(pid);
  assert(totalMs < GENEROUS_MS, `${totalMs}`);
});

for (const output of ["holds the output", "has let go of the output"]) {
  const redirect = output === "holds the output" ? "" : ">/dev/null 2>&1";
  test(`a child in a session of its own that ${output} is found and killed`, async () => {
    using dir = temporaryFolder();
    const { ending, totalMs } = await shell(
      `setsid sh -c 'echo $$ >pid; exec sleep 120' ${redirect} &
       while ! [ -s pid ]; do sleep 0.01; done`,
      { cwd: dir.path },
    );
    assert.deepEqual(ending, { how: "exited", code: 0 });
    await assertGone(Deno.readTextFileSync(`${dir.path}/pid`).trim());
    assert(totalMs < GENEROUS_MS, `${totalMs}`);
  }, { ignore: !onLinux });
}

test("a child that cannot be found is not waited for, and loses the output", async () => {
  using dir = temporaryFolder();
  const { ending, totalMs } = await shell(
    `env -i PATH="$PATH" setsid sh -c 'echo $$ >pid; while echo x; do sleep 0.01; done' &
     while ! [ -s pid ]; do sleep 0.01; done`,
    { cwd: dir.path },
  );
  assert.deepEqual(ending, { how: "exited", code: 0 });
  assert(totalMs < GENEROUS_MS, `${totalMs}`);
  // Writing where nobody reads ends it (SIGPIPE).
  await assertGone(Deno.readTextFileSync(`${dir.path}/pid`).trim());
}, { ignore: !onLinux });

test("the last words of a child that ends soon are heard", async () => {
  assert.equal((await shell("(sleep 0.05; echo last) & exit 0")).output, "last\n");
});

test("one that closes its output and goes on is waited for", async () => {
  const { ending } = await shell("exec >&- 2>&-; sleep 0.3; exit 4");
  assert.deepEqual(ending, { how: "exited", code: 4 });
});

const SUICIDES: readonly [line: string, ending: unknown, output: RegExp][] = [
  ["kill -SEGV $$", { how: "exited", code: 139 }, /^/],
  ["kill 0; sleep 120", { how: "exited", code: 143 }, /^/],
  ["kill $PPID; kill -INT $PPID; kill -HUP $PPID; echo on; exit 5", {
    how: "exited",
    code: 5,
  }, /^on\n$/],
  ["kill -9 $PPID; sleep 120", { how: "killed", signal: "SIGKILL" }, /^$/],
  ["kill -9 0; sleep 120", { how: "killed", signal: "SIGKILL" }, /^$/],
];
for (const [line, expected, words] of SUICIDES) {
  test(`signals hit neither this process nor the report: ${line}`, async () => {
    const { ending, output, totalMs } = await shell(line);
    assert.deepEqual(ending, expected);
    assert.match(output, words);
    assert(totalMs < GENEROUS_MS, `${totalMs}`);
  });
}

test("what is no program is not started, and it says why", async () => {
  using dir = temporaryFolder();
  Deno.mkdirSync(`${dir.path}/folder`);
  Deno.writeTextFileSync(`${dir.path}/script`, "#!/bin/sh\n", { mode: 0o644 });
  Deno.symlinkSync("loop", `${dir.path}/loop`);
  const cases: readonly [program: string, why: string][] = [
    ["no-such-program", "there is no program `no-such-program` on PATH"],
    // Built into every shell, and no file.
    ["exit", "there is no program `exit` on PATH"],
    ["./gone", "there is no program `./gone`"],
    ["./loop", "there is no program `./loop`"],
    ["./script/x", "there is no program `./script/x`"],
    ["./folder", "`./folder` is a folder"],
    ["./script", "`./script` is not executable"],
  ];
  for (const [program, why] of cases) {
    const { ending } = await run([program], { cwd: dir.path });
    assert.deepEqual(ending, { how: "not_started", why });
  }
  const gone = await run(["true"], { cwd: `${dir.path}/gone` });
  assert(gone.ending.how === "not_started" && /\/gone/.test(gone.ending.why));
  const long = await run(["true", "x".repeat(4_000_000)]);
  assert(long.ending.how === "not_started" && /too long/.test(long.ending.why));
});

test("a program is a file, found from the given folder or PATH", async () => {
  using dir = temporaryFolder();
  const script = (name: string, text: string) =>
    Deno.writeTextFileSync(`${dir.path}/${name}`, text, { mode: 0o755 });
  script("a b", "#!/bin/sh\nexit 6\n");
  script("broken", "#!/no/such/interpreter\n");
  script("echo", "#!/bin/sh\nexit 7\n");
  assert.deepEqual((await run(["./a b"], { cwd: dir.path })).ending, { how: "exited", code: 6 });
  // It is built into the shell, too.
  const own = await run(["echo"], { env: { PATH: `${dir.path}:${PATH}` } });
  assert.deepEqual(own.ending, { how: "exited", code: 7 });
  const { ending } = await run(["./broken"], { cwd: dir.path });
  assert(ending.how === "exited" && [126, 127].includes(ending.code), JSON.stringify(ending));
});

test("output that is no text does no harm", async () => {
  const { output } = await shell(String.raw`printf 'a\000\377\033[31mb\303'`);
  assert.equal(output, "a\0\ufffd\x1b[31mb\ufffd");
});

test("of a long output the start and the end are kept, in whole lines", async () => {
  const { output } = await shell("i=0; while [ $i -lt 60000 ]; do i=$((i+1)); echo line $i; done");
  const lines = output.trimEnd().split("\n");
  const gap = lines.findIndex((line) => line.startsWith("…"));
  assert.equal(lines[gap], "… the middle is left out, of 648,894 bytes in all …");
  assert.deepEqual(lines.slice(0, gap), lines.slice(0, gap).map((_, i) => `line ${i + 1}`));
  const after = lines.slice(gap + 1);
  const first = 60_000 - after.length + 1;
  assert.deepEqual(after, after.map((_, i) => `line ${first + i}`));
  assert(output.length > 250_000 && output.length < 257 * 1024, `${output.length}`);
});

for (
  const [what, line] of [["that obeys", "sleep 120"], [
    "that does not",
    "trap '' TERM; sleep 120; sleep 120",
  ]]
) {
  test(`aborting ends a command ${what} soon`, async () => {
    using dir = temporaryFolder();
    const abort = new AbortController();
    const running = shell(`echo $$ >pid; ${line}`, { cwd: dir.path, signal: abort.signal });
    const pid = await until(() => textOf(`${dir.path}/pid`)?.trim(), { what: "the command" });
    const begun = performance.now();
    abort.abort();
    assert.deepEqual((await running).ending, { how: "aborted" });
    const ms = performance.now() - begun;
    assert(ms < GENEROUS_MS, `${ms} ms`);
    await assertGone(pid);
  });
}

test("nothing starts when it is aborted before", async () => {
  using dir = temporaryFolder();
  const { ending } = await run(["touch", "x"], { cwd: dir.path, signal: AbortSignal.abort() });
  assert.deepEqual(ending, { how: "aborted" });
  assert.deepEqual([...Deno.readDirSync(dir.path)], []);
});

/** Another Deno that runs a command, says when it has ended, and then what memory that took. */
function otherProcess(line: string): Deno.ChildProcess {
  const code = `
    import { runBounded } from "${SOURCE}process/bounded_process.ts";
    import { systemClock } from "${SOURCE}system/clock.ts";
    const { ending, output } = await runBounded(["/bin/sh", "-c", ${JSON.stringify(line)}], {
      cwd: "/", env: { PATH: Deno.env.get("PATH") }, timeoutMs: 60_000, clock: systemClock,
    });
    const [peak] = /VmHWM.*/.exec(Deno.readTextFileSync("/proc/self/status"));
    console.log(JSON.stringify({ ending, length: output.length, peak }));`;
  return new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", code],
    stdout: "piped",
  }).spawn();
}

test("a gigabyte takes no memory", async () => {
  const peakOf = async (line: string) => {
    const { stdout } = await otherProcess(line).output();
    const { ending, length, peak } = JSON.parse(new TextDecoder().decode(stdout));
    assert.deepEqual(ending, { how: "exited", code: 0 });
    return { length, megabytes: parseInt(peak.replace(/\D+/, "")) / 1024 };
  };
  const nothing = await peakOf("true");
  const gigabyte = await peakOf("head -c 1000000000 /dev/zero");
  assert.equal(nothing.length, 0);
  assert(gigabyte.length > 250_000 && gigabyte.length < 300_000, `${gigabyte.length}`);
  const more = gigabyte.megabytes - nothing.megabytes;
  assert(more < 100, `${more} MB more than for no output`);
}, { ignore: !onLinux });

test("it dies with the process that started it, however that ends", async () => {
  using dir = temporaryFolder();
  const pidFile = `${dir.path}/pid`;
  const other = otherProcess(`echo $$ >'${pidFile}'; trap '' TERM; sleep 120; sleep 120`);
  const pid = await until(() => textOf(pidFile)?.trim(), { what: "the command" });
  assert(await ps("pid", pid));
  other.kill("SIGKILL");
  await other.output();
  await assertGone(pid);
});

test(
  "what the commands of a dead process left outside of their group is found and killed",
  async () => {
    using dir = temporaryFolder();
    const other = otherProcess(
      `cd '${dir.path}'; setsid sh -c 'echo $$ >pid; exec sleep 120' & sleep 120`,
    );
    const pid = await until(() => textOf(`${dir.path}/pid`)?.trim(), { what: "the command" });
    other.kill("SIGKILL");
    await other.output();
    // Not this process's own: tests that run beside this one are of the same process.
    const third = otherProcess("true");
    await third.output();
    await killCommandsOf(third.pid);
    assert(await ps("pid", pid), "it is another process's");
    await killCommandsOf(other.pid);
    await assertGone(pid);
  },
  { ignore: !onLinux },
);
