/** The packages for npm, installed from their archives: no registry is asked. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { NPM_PACKAGE, VERSION } from "../../src/version.ts";
import { makePackages, PLATFORMS } from "../../tools/npm_packages.ts";
import { temporaryFolder } from "../support/folder.ts";
import { RALPH } from "../support/ralph.ts";
import { until } from "../support/wait.ts";

/** Stands in for the program: says what it gets, and ends as it is told. */
const STAND_IN = `#!/bin/sh
case $1 in
  exit) exit "$2" ;;
  die) kill -KILL $$ ;;
  wait)
    trap 'echo INT >>"$2"' INT
    trap 'echo HUP >>"$2"' HUP
    trap 'echo TERM >>"$2"; exit 9' TERM
    echo "$PPID" >>"$2"
    tries=0
    # in the background, where Ctrl-C is not for it
    while [ $((tries += 1)) -lt 1200 ]; do sleep 0.1 & wait; done ;;
  *) printf '<%s>' "$@"; cat ;;
esac
`;

const isInstalled = (command: string, arg: string) => {
  try {
    return new Deno.Command(command, { args: [arg], stdout: "null" }).outputSync().success;
  } catch {
    return false;
  }
};
const hasNpm = isInstalled("npm", "--version");
const ignore = !hasNpm || Deno.build.os !== "linux" || Deno.build.arch !== "x86_64";
const skipped = ignore ? " (skipped: for npm on linux-x64)" : "";
const hasScript = isInstalled("script", "--version");
/** What npm calls the platform here. */
const HERE = `${NPM_PACKAGE}-linux-x64`;

interface Installed extends Disposable {
  readonly project: string;
  /** The launcher, as npm links it. */
  readonly bin: string;
  npx(...args: string[]): Promise<Deno.CommandOutput>;
  start(args: readonly string[], env?: Record<string, string>): Deno.ChildProcess;
  run(args: readonly string[], env?: Record<string, string>): Promise<Ran>;
}

interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** A project into which the packages were installed; `program`: a file in place of the stand-in. */
async function install(program?: string): Promise<Installed> {
  const folder = temporaryFolder("ralph-npm-");
  const at = (name: string) => join(folder.path, name);
  for (const target of Object.keys(PLATFORMS)) {
    const place = at(`binaries/${target}`);
    await Deno.mkdir(place, { recursive: true });
    const file = join(place, "ralph");
    // a compiled one is large, and only that of this platform is installed
    if (program !== undefined && target === "linux-x64") await Deno.symlink(program, file);
    else await Deno.writeTextFile(file, STAND_IN);
  }
  await makePackages(at("binaries"), at("packages"));
  const project = at("project");
  await Deno.mkdir(project);
  await Deno.writeTextFile(join(project, "package.json"), "{}");
  const env = { HOME: folder.path, npm_config_cache: at("cache"), NO_COLOR: "1" };
  const npm = async (command: string, args: readonly string[], cwd: string) => {
    const result = await new Deno.Command(command, { args: [...args], cwd, env }).output();
    assert(result.success, new TextDecoder().decode(result.stderr));
  };
  for (const place of ["linux-x64", "ralph"]) {
    await npm("npm", ["pack", at(`packages/${place}`)], project);
  }
  await npm("npm", [
    ...["install", "--offline", "--no-audit", "--no-fund"],
    ...[NPM_PACKAGE, HERE].map((name) => `./${name}-${VERSION}.tgz`),
  ], project);
  const bin = join(project, "node_modules/.bin/ralph");
  const start: Installed["start"] = (args, more) =>
    new Deno.Command(bin, {
      args: [...args],
      cwd: project,
      env: { ...env, ...more },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  return {
    project,
    bin,
    start,
    async run(args, more) {
      const { code, stdout, stderr } = await start(args, more).output();
      const decoder = new TextDecoder();
      return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
    },
    npx: (...args) =>
      new Deno.Command("npx", { args: ["--no-install", "ralph", ...args], cwd: project, env })
        .output(),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

Deno.test({
  name: `npm installs the program of this platform, and nothing of it runs meanwhile${skipped}`,
  ignore,
  async fn() {
    using folder = temporaryFolder();
    for (const target of Object.keys(PLATFORMS)) {
      await Deno.mkdir(join(folder.path, "binaries", target), { recursive: true });
      await Deno.writeTextFile(join(folder.path, "binaries", target, "ralph"), target);
    }
    const packages = join(folder.path, "packages");
    await makePackages(join(folder.path, "binaries"), packages);
    const manifest = async (place: string) =>
      JSON.parse(await Deno.readTextFile(join(packages, place, "package.json")));
    const { optionalDependencies, dependencies, scripts, bin } = await manifest("ralph");
    assert.deepEqual({ dependencies, scripts, bin }, {
      dependencies: undefined,
      scripts: undefined,
      bin: { ralph: "ralph.js" },
    });
    assert.equal(Object.keys(optionalDependencies).length, 4);
    for (const target of Object.keys(PLATFORMS)) {
      const { name, os, cpu, libc, version, ...rest } = await manifest(target);
      assert.equal(name, `${NPM_PACKAGE}-${os}-${cpu}`);
      assert.deepEqual(libc, os[0] === "linux" ? ["glibc"] : undefined);
      assert.equal(optionalDependencies[name], version);
      assert(!("scripts" in rest || "dependencies" in rest));
      assert.equal(await Deno.readTextFile(join(packages, target, "bin/ralph")), target);
      assert.equal(`${os}-${cpu}`.replace("darwin", "macos"), target);
    }
  },
});

Deno.test({
  name: `the launcher passes on arguments, input, exit codes and signals${skipped}`,
  ignore,
  async fn() {
    using ralph = await install();
    const npx = await ralph.npx("a b", "--c=$d");
    assert.equal(new TextDecoder().decode(npx.stdout), "<a b><--c=$d>");
    for (const code of [0, 1, 8, 70, 143]) {
      assert.equal((await ralph.run(["exit", String(code)])).code, code);
    }
    assert.equal((await ralph.npx("exit", "7")).code, 7);
    assert.equal((await ralph.start(["die"]).status).signal, "SIGKILL");
    const seen = join(ralph.project, "seen");
    const lines = async () => (await Deno.readTextFile(seen).catch(() => "")).trim().split("\n");
    const launcher = ralph.start(["wait", seen]);
    await until(async () => (await lines())[0] !== "", { what: "the program" });
    for (const [signal, word] of [["SIGINT", "INT"], ["SIGHUP", "HUP"], ["SIGTERM", "TERM"]]) {
      launcher.kill(signal as Deno.Signal);
      await until(async () => (await lines()).at(-1) === word, { what: word });
    }
    assert.equal((await launcher.output()).code, 9);
    assert.deepEqual((await lines()).slice(1), ["INT", "HUP", "TERM"]);
  },
});

Deno.test({
  name: `Ctrl-C at a terminal reaches the program once${
    skipped || hasScript ? skipped : " (skipped: script not installed)"
  }`,
  ignore: ignore || !hasScript,
  async fn() {
    using ralph = await install();
    const seen = join(ralph.project, "seen");
    const lines = async () => (await Deno.readTextFile(seen).catch(() => "")).trim().split("\n");
    const terminal = new Deno.Command("script", {
      args: ["-qfec", `exec ${ralph.bin} wait ${seen}`, "/dev/null"],
      env: { SHELL: "/bin/sh" },
      stdin: "piped",
      stdout: "null",
    }).spawn();
    const keys = terminal.stdin.getWriter();
    await until(async () => (await lines())[0] !== "", { what: "the program" });
    await keys.write(new TextEncoder().encode("\x03"));
    await until(async () => (await lines()).at(-1) === "INT", { what: "INT" });
    // behind whatever else the key has sent
    Deno.kill(Number((await lines())[0]), "SIGTERM");
    assert.equal((await terminal.status).code, 9);
    await keys.close().catch(() => {});
    assert.deepEqual((await lines()).slice(1), ["INT", "TERM"]);
  },
});

Deno.test({
  name: `where the program of the platform is missing, the launcher says what to do${skipped}`,
  ignore,
  async fn() {
    using ralph = await install();
    const pretend = async (name: string, text: string) => {
      const path = join(ralph.project, name);
      await Deno.writeTextFile(path, text);
      return await ralph.run([], { NODE_OPTIONS: `--require=${path}` });
    };
    const other = await pretend(
      "arch.js",
      'Object.defineProperty(process, "arch", { value: "riscv64" });',
    );
    assert.equal(other.code, 1);
    assert.match(
      other.stderr,
      /^error: there is no ralph for linux on riscv64\n\nhint: it runs on/,
    );

    await Deno.remove(join(ralph.project, `node_modules/${HERE}`), { recursive: true });
    const missing = await ralph.run([]);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /^error: the package ralph-loop-linux-x64 is not installed/);
    assert.match(missing.stderr, /^hint: .*npm install --global --include=optional ralph-loop$/m);

    const musl = await pretend("musl.js", "process.report.getReport = () => ({ header: {} });");
    assert.equal(musl.code, 1);
    assert.match(musl.stderr, /^error: this system has the C library musl .* needs glibc$/m);
    assert.equal(missing.stdout + other.stdout + musl.stdout, "");
  },
});

const isBinary = RALPH.length === 1;

Deno.test({
  name: `the compiled program runs as npm installs it, and leaves upgrading to npm${
    isBinary ? skipped : " (skipped: for RALPH_BINARY)"
  }`,
  ignore: ignore || !isBinary,
  async fn() {
    using ralph = await install(RALPH[0]);
    const { code, stdout } = await ralph.npx("--version");
    assert.equal(code, 0);
    assert.match(new TextDecoder().decode(stdout), new RegExp(`^ralph ${VERSION} \\(`));
    assert.equal((await ralph.run(["status", "nowhere"])).code, 4);
    const upgrade = await ralph.run(["upgrade"]);
    assert.equal(upgrade.code, 2);
    assert.match(upgrade.stderr, /npm install --global ralph-loop@latest/);
  },
});
