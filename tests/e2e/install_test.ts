/** `install.sh` against a release page on loopback, with the tools that a machine may have or lack. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../support/folder.ts";
import { ARCHIVE, MARK, playReleases, type ReleasePage, TARGET } from "../support/release_page.ts";
import { until } from "../support/wait.ts";

const SCRIPT = fileURLToPath(new URL("../../install.sh", import.meta.url));
/** All that the script needs beside a program that downloads. */
const TOOLS = [
  "sh",
  "basename",
  "cat",
  "chmod",
  "grep",
  "gzip",
  "head",
  "mkdir",
  "mktemp",
  "mv",
  "readlink",
]
  .concat([
    "readlink",
    "rm",
    "sed",
    "tar",
    "uname",
    "sha256sum",
    "shasum",
    "ldd",
    "env",
    "perl",
    "sleep",
  ]);

interface World extends AsyncDisposable {
  readonly page: ReleasePage;
  readonly home: string;
  /** `~/.local/bin/ralph`. */
  readonly program: string;
  /** Makes the script find this program, or one that is a script of `text`. */
  tool(name: string, text?: string): Promise<void>;
  start(args: readonly string[], env?: Record<string, string>): Deno.ChildProcess;
  run(args?: readonly string[], env?: Record<string, string>): Promise<Ran>;
  /** What is in the folder of the program, by name. */
  listed(): readonly string[];
}

interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

async function world({ with: programs = ["curl"] }: { with?: readonly string[] } = {}): Promise<
  World
> {
  const page = playReleases();
  const folder = temporaryFolder("ralph-install-");
  const [home, tools] = [join(folder.path, "home"), join(folder.path, "tools")];
  await Deno.mkdir(home);
  await Deno.mkdir(tools);
  const bin = join(home, ".local/bin");

  async function tool(name: string, text?: string): Promise<void> {
    const path = join(tools, name);
    await Deno.remove(path).catch(() => {});
    if (text !== undefined) return await Deno.writeTextFile(path, text, { mode: 0o755 });
    const found = (Deno.env.get("PATH") ?? "").split(":").map((one) => join(one, name))
      .find((one) => isFile(one));
    if (found !== undefined) await Deno.symlink(found, path);
  }
  for (const name of [...TOOLS, ...programs]) await tool(name);

  const start: World["start"] = (args, env = {}) =>
    new Deno.Command("/bin/sh", {
      args: [SCRIPT, ...args],
      cwd: folder.path,
      clearEnv: true,
      env: { HOME: home, PATH: tools, SHELL: "/bin/bash", RALPH_RELEASES: page.url, ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  return {
    page,
    home,
    program: join(bin, "ralph"),
    tool,
    start,
    async run(args = [], env = {}) {
      const { code, stdout, stderr } = await start(args, env).output();
      const decoder = new TextDecoder();
      return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
    },
    listed: () => [...Deno.readDirSync(bin)].map(({ name }) => name).sort(),
    async [Symbol.asyncDispose]() {
      await page[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

async function versionOf(program: string): Promise<string> {
  const { stdout } = await new Deno.Command(program, { args: ["--version"] }).output();
  return new TextDecoder().decode(stdout).split(" ")[1];
}

for (const downloader of ["curl", "wget"]) {
  Deno.test(`install.sh with ${downloader}: installs, upgrades, goes back, and says what is next`, async () => {
    await using here = await world({ with: [downloader] });
    const { page, program } = here;
    await page.release("0.1.0");
    const first = await here.run();
    assert.equal(first.code, 0, first.stderr);
    assert.deepEqual(first.stdout.split("\n"), [
      `ralph 0.1.0 for ${TARGET}, from ${page.url}`,
      "checked: sha256",
      `installed: ${program}`,
      `${here.home}/.local/bin is not on your PATH. Add it:`,
      first.stdout.split("\n")[4], // tried in the shells, below
      `completions for bash: ${program} completions --help`,
      `next: ${program} doctor`,
      "",
    ]);
    assert.equal(await versionOf(program), "0.1.0");

    await page.release("0.2.0");
    assert.equal((await here.run(["--print-latest"])).stdout, "0.2.0\n");
    const second = await here.run();
    assert.match(second.stdout, /^upgraded from 0\.1\.0: .*\/ralph$/m);
    assert.equal(await versionOf(program), "0.2.0");
    assert.match((await here.run()).stdout, /^installed again: /m);

    const back = await here.run(["--version", "v0.1.0"]);
    assert.equal(back.code, 0, back.stderr);
    assert.equal(await versionOf(program), "0.1.0");
    assert.deepEqual(here.listed(), ["ralph"], "nothing is left over");
  });
}

Deno.test("install.sh --prefix and --into name the folder, relative ones too", async () => {
  await using here = await world();
  await here.page.release("0.1.0");
  assert.equal((await here.run(["--prefix", "opt"])).code, 0);
  assert.equal((await here.run([`--into=${join(here.home, "a b")}`, "--version=0.1.0"])).code, 0);
  assert.equal(await versionOf(join(here.home, "../opt/bin/ralph")), "0.1.0");
  assert.equal(await versionOf(join(here.home, "a b/ralph")), "0.1.0");
});

interface Fault {
  name: string;
  spoil: (here: World) => unknown;
  says: RegExp;
  args?: readonly string[];
  env?: (here: World) => Record<string, string>;
}

const half = () =>
  new ReadableStream({
    start(controller) {
      controller.enqueue(new Uint8Array(1_000));
      controller.error(new Error("the connection breaks"));
    },
  });
/** Nothing listens there. */
const CLOSED = "http://127.0.0.1:9";

const FAULTS: readonly Fault[] = [
  {
    name: "another archive than the release names",
    spoil: ({ page }) => page.spoil(`/download/v0.2.0/${ARCHIVE}`, () => new Response("other")),
    says: /^error: ralph-\S+ is not what the release names: its sha256 is \w{64}, not \w{64}$/m,
  },
  {
    name: "half an archive",
    spoil: ({ page }) =>
      page.spoil(
        `/download/v0.2.0/${ARCHIVE}`,
        () => new Response(half(), { headers: { "content-length": "5000" } }),
      ),
    says: /^error: cannot download .*\.tar\.gz: /m,
  },
  {
    name: "a release without this platform",
    spoil: ({ page }) =>
      page.spoil(`/download/v0.2.0/${ARCHIVE}`, () => new Response("", { status: 404 })),
    says: /^error: there is no .*\.tar\.gz\nhint: see which releases there are: http/m,
  },
  {
    name: "checksums that do not name the archive",
    spoil: ({ page }) =>
      page.spoil("/download/v0.2.0/SHA256SUMS", () => new Response("0  other\n")),
    says: /^error: SHA256SUMS of the release does not name ralph-/m,
  },
  {
    name: "a page that is no release page",
    spoil: ({ page }) => page.spoil("/latest/download/VERSION", () => new Response("<html>")),
    says: /^error: .*\/latest does not say which version it is$/m,
  },
  {
    name: "a version that is none",
    spoil: () => {},
    args: ["--version", "../../etc"],
    says: /^error: `\.\.\/\.\.\/etc` is no version$/m,
  },
  {
    name: "a program that does not run here",
    spoil: ({ page }) =>
      page.release("0.2.0", { text: "#!/bin/sh\necho wrong libc >&2; exit 127\n" }),
    says: /^error: the program does not run here: wrong libc$/m,
  },
  {
    name: "an archive without the program",
    spoil: async (here) => {
      await here.tool("tar", "#!/bin/sh\nexit 2\n");
    },
    says: /^error: cannot unpack `ralph` out of ralph-/m,
  },
  {
    name: "a machine without gzip",
    spoil: ({ home }) => Deno.remove(join(home, "../tools/gzip")),
    says: /^error: there is no gzip to unpack the release with\nhint: install it, for instance: /m,
  },
  {
    name: "what a proxy answers",
    spoil: () => {},
    env: () => ({ http_proxy: CLOSED, HTTPS_PROXY: CLOSED }),
    says: /^error: cannot download .*\nhint: HTTPS_PROXY or ALL_PROXY is set/m,
  },
  {
    name: "a TMPDIR that is not there",
    spoil: () => {},
    env: () => ({ TMPDIR: "/no such folder" }),
    says: /^error: cannot write to \/no such folder\nhint: .*: export TMPDIR=FOLDER\n$/,
  },
  {
    name: "another system",
    spoil: (here) => here.tool("uname", "#!/bin/sh\necho FreeBSD\n"),
    says: /^error: there is no ralph for FreeBSD$/m,
  },
  {
    name: "another processor",
    spoil: (here) =>
      here.tool("uname", "#!/bin/sh\ncase $1 in -s) echo Linux ;; *) echo riscv64 ;; esac\n"),
    says: /^error: there is no ralph for riscv64 processors/m,
  },
  {
    name: "a C library that ralph does not run with",
    spoil: async (here) => {
      await here.tool("uname", "#!/bin/sh\ncase $1 in -s) echo Linux ;; *) echo x86_64 ;; esac\n");
      await here.tool("ldd", "#!/bin/sh\necho 'musl libc (x86_64)' >&2; exit 1\n");
    },
    says: /^error: this system has the C library musl \(as Alpine does\), and ralph needs glibc$/m,
  },
  {
    name: "nothing that downloads",
    spoil: ({ home }) => Deno.remove(join(home, "../tools/curl")),
    says: /^error: there is neither curl nor wget$/m,
  },
  {
    name: "an address without TLS",
    spoil: () => {},
    env: () => ({ RALPH_RELEASES: "http://releases.test" }),
    says: /^error: http:\/\/releases\.test\S* is not an https address$/m,
  },
  {
    name: "`gh` that finds another builder",
    spoil: (here) => here.tool("gh", "#!/bin/sh\ncase $1 in auth) exit 0 ;; *) exit 1 ;; esac\n"),
    says: /^error: `gh attestation verify` does not find that ralph-\S+ was built by /m,
  },
  {
    name: "`cosign` that finds no signature",
    spoil: async (here) => {
      here.page.spoil("/download/v0.2.0/SHA256SUMS.sigstore.json", () => new Response("{}"));
      await here.tool("cosign", "#!/bin/sh\nexit 1\n");
    },
    says: /^error: `cosign verify-blob` does not find that SHA256SUMS was signed by /m,
  },
];

for (const { name, spoil, says, args, env } of FAULTS) {
  Deno.test(`install.sh refuses ${name}, and what was there stays`, async () => {
    await using here = await world();
    const { page } = here;
    await page.release("0.1.0");
    assert.equal((await here.run()).code, 0);
    await page.release("0.2.0");
    await spoil(here);
    const { code, stderr } = await here.run(args, env?.(here));
    assert.equal(code, 1, stderr);
    assert.match(stderr, says);
    assert.equal(await versionOf(here.program), "0.1.0");
    assert.deepEqual(here.listed(), ["ralph"], "nothing is left over");
  });
}

Deno.test("install.sh says where a release was built, by the program that can tell", async () => {
  await using here = await world();
  const { page } = here;
  await page.release("0.1.0");
  page.spoil("/download/v0.1.0/SHA256SUMS.sigstore.json", () => new Response("{}"));
  const seen = join(here.home, "asked");
  await here.tool("cosign", `#!/bin/sh\necho "$*" > '${seen}'\n`);
  assert.match((await here.run()).stdout, /^checked: sha256, and signed by \S+ \(cosign\)$/m);
  assert.match(await Deno.readTextFile(seen), /^verify-blob --bundle \S+ .*SHA256SUMS\n$/);
  await here.tool("gh", `#!/bin/sh\necho "$*" > '${seen}'\n`);
  assert.match((await here.run()).stdout, /^checked: sha256, and built by \S+ \(gh\)$/m);
  assert.match(await Deno.readTextFile(seen), /^attestation verify \S+\.tar\.gz --repo \S+\n$/);
});

Deno.test("install.sh that is ended in the middle leaves the program that was there, and nothing else", async () => {
  await using here = await world();
  const { page } = here;
  await page.release("0.1.0");
  await here.run();
  await page.release("0.2.0");
  const stuck = Promise.withResolvers<void>();
  const never = new ReadableStream({
    start(controller) {
      controller.enqueue(new Uint8Array(100));
      stuck.resolve();
    },
  });
  page.spoil(`/download/v0.2.0/${ARCHIVE}`, () => new Response(never));
  const child = here.start([]);
  await stuck.promise;
  const half = () => here.listed().length > 1;
  await until(half, { what: "a download that has begun" });
  // as from a terminal, to all of its processes
  for (const pid of await childrenOf(child.pid)) end(pid);
  child.kill("SIGTERM");
  const { code } = await child.output();
  assert.notEqual(code, 0);
  assert.equal(await versionOf(here.program), "0.1.0");
  assert.deepEqual(here.listed(), ["ralph"]);
});

/** One that has ended since is as well. */
function end(pid: number): void {
  try {
    Deno.kill(pid, "SIGTERM");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "pid=", "--ppid", `${pid}`] })
    .output();
  const own = new TextDecoder().decode(stdout).trim().split(/\s+/).filter(Boolean).map(Number);
  const below = await Promise.all(own.map(childrenOf));
  return [...below.flat(), ...own];
}

Deno.test("install.sh without leave to write says so, and what to do", async () => {
  await using here = await world();
  await here.page.release("0.1.0");
  await Deno.writeTextFile(join(here.home, "file"), "");
  const { code, stderr } = await here.run(["--prefix", join(here.home, "file")]);
  assert.equal(code, 1);
  assert.equal(
    stderr,
    `error: cannot write to ${here.home}/file/bin\n` +
      "hint: name a folder that you may write to, without sudo: --prefix FOLDER\n",
  );
  await Deno.mkdir(here.program, { recursive: true });
  assert.match((await here.run()).stderr, /^error: .*\/ralph is a folder, which stays$/m);
});

/** What may be there in place of ralph, and how it is called. Each would leave `ran`, were it run. */
const OTHERS: Record<string, { make: (here: World) => unknown; is: string }> = {
  "a script": {
    make: ({ program, home }) => Deno.writeTextFile(program, foreign(home), { mode: 0o755 }),
    is: "another program",
  },
  "bytes": {
    make: ({ program }) => Deno.writeFile(program, new Uint8Array([0x7f, 0x45, 0, 10, 0, 1])),
    is: "another program",
  },
  "a link": {
    make: async ({ program, home }) => {
      await Deno.writeTextFile(join(home, "other"), foreign(home), { mode: 0o755 });
      await Deno.symlink("../../other", program);
    },
    is: "a link to ../../other",
  },
  "a link to nothing": {
    make: ({ program }) => Deno.symlink("/nowhere", program),
    is: "a link to /nowhere",
  },
  "a folder": { make: ({ program }) => Deno.mkdir(program), is: "a folder" },
};
const foreign = (home: string) => `#!/bin/sh\ntouch '${home}/ran'\necho "ralph 9.9 (other)"\n`;

for (const [name, { make, is }] of Object.entries(OTHERS)) {
  Deno.test(`install.sh leaves what is not ralph alone: ${name}`, async () => {
    await using here = await world();
    const { page, program, home } = here;
    await page.release("0.1.0");
    await Deno.mkdir(join(program, ".."), { recursive: true });
    await make(here);
    const before = await Deno.lstat(program);
    const { code, stdout, stderr } = await here.run();
    assert.equal(code, 1, stdout);
    const away = `mv ${program} ${program}.before`;
    assert.equal(
      stderr,
      `error: ${program} is ${is}, which stays\n` +
        "hint: put this one elsewhere: --prefix FOLDER\n" +
        `hint: or move that one away, and try again: ${away}\n`,
    );
    assert.equal((await here.run(["--uninstall"])).code, 1);
    const { ino, mtime } = await Deno.lstat(program);
    assert.deepEqual({ ino, mtime }, { ino: before.ino, mtime: before.mtime });
    await assert.rejects(Deno.stat(join(home, "ran")), Deno.errors.NotFound);
    assert.deepEqual(here.listed(), ["ralph"]);
    await new Deno.Command("/bin/sh", { args: ["-c", away] }).output();
    assert.equal((await here.run()).code, 0);
    assert.equal(await versionOf(program), "0.1.0");
    assert.deepEqual(here.listed(), ["ralph", "ralph.before"]);
  });
}

/** Start-up files that are there, how a shell starts later, and which files the line is added to. */
const SHELLS: readonly { shell: string; there?: string[]; later: string[]; adds: string[] }[] = [
  { shell: "bash", later: ["bash", "-l"], adds: [".bashrc", ".profile"] },
  { shell: "bash", there: [".bashrc"], later: ["bash", "-i"], adds: [".bashrc", ".profile"] },
  {
    shell: "bash",
    there: [".bash_profile", ".bash_login", ".profile"],
    later: ["bash", "-l"],
    adds: [".bash_profile", ".bashrc"],
  },
  {
    shell: "bash",
    there: [".bash_login", ".profile"],
    later: ["bash", "-l"],
    adds: [".bash_login", ".bashrc"],
  },
  { shell: "zsh", later: ["zsh", "-i"], adds: [".zshrc"] },
  { shell: "fish", later: ["fish"], adds: [] },
  { shell: "sh", later: ["sh", "-l"], adds: [".profile"] },
];

for (const { shell, there = [], later, adds } of SHELLS) {
  const with_ = there.length > 0 ? ` that has ${there.join(", ")}` : "";
  Deno.test(`install.sh says what puts ralph on PATH, for ${later.join(" ")}${with_}`, async (t) => {
    if (await which(shell) === undefined) return void console.log(`${t.name}: no ${shell}`);
    await using here = await world();
    await here.page.release("0.1.0");
    const home = join(here.home, "Zo\u00eb O'B");
    await Deno.mkdir(home);
    // without a line feed at its end
    for (const name of there) await Deno.writeTextFile(join(home, name), "A=1");
    const env = { HOME: home, SHELL: `/bin/${shell}`, LANG: "C.UTF-8" };
    const { stdout } = await here.run([], env);
    const line = /is not on your PATH. Add it:\n {2}(.*)\n/.exec(stdout)?.[1] ?? "";
    const inShell = async (args: readonly string[], command: string) => {
      const { stdout } = await new Deno.Command(args[0], {
        args: [...args.slice(1), "-c", command],
        clearEnv: true,
        env: { ...env, PATH: "/usr/bin:/bin", TERM: "dumb" },
        stdin: "null",
        stderr: "null",
      }).output();
      return new TextDecoder().decode(stdout).trim();
    };
    const program = join(home, ".local/bin/ralph");
    assert.equal(await inShell([shell], `${line}; command -v ralph`), program, line);
    const read = () => adds.map((name) => Deno.readTextFileSync(join(home, name)));
    const once = read();
    assert.equal(await inShell(later, "command -v ralph"), program, line);
    await inShell([shell], line);
    assert.deepEqual(read(), once, "twice is once");
    const changed = [...Deno.readDirSync(home)].filter(({ isFile }) => isFile)
      .map(({ name }) => name).filter((name) => Deno.readTextFileSync(join(home, name)) !== "A=1");
    assert.deepEqual(changed.filter((name) => !name.startsWith(".zcomp")).sort(), adds);
  });
}

Deno.test("install.sh names another ralph that comes first on PATH, and then calls this one by its path", async () => {
  await using here = await world();
  const { home, program } = here;
  await here.page.release("0.1.0");
  await here.tool("ralph", foreign(home));
  const other = join(home, "../tools/ralph");
  const PATH = (...before: string[]) => [...before, join(home, "../tools")].join(":");
  const said = async (path: string) =>
    (await here.run([], { PATH: path })).stdout.split("\n").slice(3, -1);
  const both = [
    `\`ralph\` alone runs another program: ${other}`,
    `completions for bash: ${program} completions --help`,
    `next: ${program} doctor`,
  ];
  assert.deepEqual((await said(PATH())).slice(2), both);
  assert.deepEqual(await said(`${PATH()}:${join(program, "..")}`), both);
  assert.deepEqual(await said(PATH(join(program, ".."))), [
    "completions for bash: ralph completions --help",
    "next: ralph doctor",
  ]);
  await assert.rejects(Deno.stat(join(home, "ran")), Deno.errors.NotFound);
});

/** Runs the script where `folder` has a file system of its own, with these options of mount(8). */
async function mounted(here: World, options: string): Promise<Ran | undefined> {
  const folder = join(here.home, ".local");
  await Deno.mkdir(folder);
  const { code, stdout, stderr } = await new Deno.Command("unshare", {
    args: ["--map-root-user", "--mount", "/bin/sh", "-c"].concat(
      'mount -t tmpfs -o "$1" none "$2" || exit 99; PATH=$3; exec sh "$4"',
      ...["sh", options, folder, join(here.home, "../tools"), SCRIPT],
    ),
    env: { HOME: here.home, RALPH_RELEASES: here.page.url },
    stdin: "null",
  }).output().catch(() => ({ code: 99, stdout: new Uint8Array(), stderr: new Uint8Array() }));
  const decoder = new TextDecoder();
  if (code === 99) return void console.log("nothing can be mounted here: skipped");
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("install.sh says that a file system runs no programs, before it downloads one", async () => {
  await using here = await world();
  await here.page.release("0.1.0");
  const ran = await mounted(here, "noexec");
  if (!ran) return;
  const bin = `${here.home}/.local/bin`;
  assert.equal(
    ran.stderr,
    `error: no program runs in ${bin}: this system does not allow it\n` +
      `hint: see how it is mounted (\`noexec\`?): findmnt -T ${bin}\n` +
      "hint: name another folder: --prefix FOLDER\n",
  );
  assert.deepEqual(here.page.asked, ["/latest/download/VERSION"]);
});

for (const [what, size] of [["the download", "1m"], ["the program", "4m"]]) {
  Deno.test(`install.sh says that there is no room for ${what}`, async () => {
    await using here = await world();
    const path = join(here.home, "release");
    // 3 MB of what cannot be compressed
    const bytes = new Uint8Array(3_000_000);
    for (let at = 0; at < bytes.length; at += 60_000) {
      crypto.getRandomValues(bytes.subarray(at, at + 60_000));
    }
    await Deno.writeFile(path, bytes);
    await here.page.release("0.1.0", { path });
    const ran = await mounted(here, `size=${size}`);
    if (!ran) return;
    const bin = `${here.home}/.local/bin`;
    assert.equal(
      ran.stderr,
      `error: there is no room in ${bin}\n` +
        `hint: make some (a release takes 150 MB beside the one that is there): df -h ${bin}\n`,
    );
  });
}

Deno.test("install.sh goes through the proxy that is set", async () => {
  await using here = await world();
  await here.page.release("0.1.0");
  const through: string[] = [];
  await using proxy = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      through.push(request.url);
      return fetch(request.url);
    },
  );
  const { code, stderr } = await here.run([], {
    http_proxy: `http://127.0.0.1:${proxy.addr.port}`,
  });
  assert.equal(code, 0, stderr);
  assert.equal(through.length, 3, through.join());
});

Deno.test("install.sh --uninstall removes the program alone, and says what is left", async () => {
  await using here = await world();
  await here.page.release("0.1.0");
  const none = await here.run(["--uninstall"]);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /^error: there is no .*\/\.local\/bin\/ralph$/m);
  await here.run();
  const data = join(here.home, ".local/share/ralph");
  await Deno.mkdir(data, { recursive: true });
  const { code, stdout } = await here.run(["--uninstall"]);
  assert.equal(code, 0);
  assert.deepEqual(stdout.split("\n"), [
    `removed: ${here.program}`,
    `left alone: ${data} (remove it: rm -r ${data})`,
    "",
  ]);
  assert.deepEqual(here.listed(), []);
  await Deno.writeTextFile(here.program, "#!/bin/sh\necho something else\n", { mode: 0o755 });
  const other = await here.run(["--uninstall"]);
  assert.match(
    other.stderr,
    /^error: .*\/ralph is another program, which stays\nhint: .*: ls -ld /,
  );
  assert.deepEqual(here.listed(), ["ralph"]);
});

/** Of a program that says its version, and which tasks run. */
const working = (version: string) => ({
  text: `#!/bin/sh
${MARK}
case $1 in
  status) printf "my-task\\trunning\\tx\\nold\\tstopped\\tx\\nit's\\trunning\\tx\\n" ;;
  *) echo "ralph ${version} (Deno 2.7.11, SQLite 3.50.2)" ;;
esac
`,
});

Deno.test("install.sh names the tasks that are worked on: an upgrade goes on, an uninstall does not", async () => {
  await using here = await world();
  await here.page.release("0.1.0", working("0.1.0"));
  await here.run();
  await here.page.release("0.2.0", working("0.2.0"));
  const tasks =
    `  my-task: ${here.program} stop my-task\n  it's: ${here.program} stop 'it'\\''s'\n`;
  const upgraded = await here.run();
  assert.equal(upgraded.code, 0, upgraded.stderr);
  assert(
    upgraded.stdout.includes(
      `running, and going on to its end with the program from before:\n${tasks}`,
    ),
    upgraded.stdout,
  );
  const refused = await here.run(["--uninstall"]);
  assert.equal(refused.code, 1);
  assert.equal(
    refused.stderr,
    "error: a worker is running, and without the program nothing would stop it\n" +
      `hint: stop it first, then try again:\n${tasks}`,
  );
  assert.equal(await versionOf(here.program), "0.2.0");
});

Deno.test("install.sh with the wget of busybox, which knows short options alone", async () => {
  await using here = await world({ with: [] });
  const curl = join(here.home, "../curl");
  await Deno.symlink((await which("curl")) ?? "", curl);
  await here.tool(
    "wget",
    `#!/bin/sh
[ "$1 $2 $3 $4" = "-q -T 20 -O" ] || { echo "wget: unrecognized option: $1" >&2; exit 1; }
exec '${curl}' --silent --show-error --fail --output "$5" "$6"
`,
  );
  await here.page.release("0.1.0");
  const { code, stderr } = await here.run();
  assert.equal(code, 0, stderr);
  assert.equal(stderr, "warning: this wget may not look who answers: curl does\n");
  assert.equal(await versionOf(here.program), "0.1.0");
  const missing = await here.run(["--version", "9.9.9"]);
  assert.match(missing.stderr, /^error: there is no .*\.tar\.gz$/m);
});

Deno.test("install.sh in a terminal shows how far the download is", async () => {
  await using here = await world();
  await here.page.release("0.1.0");
  const script = await which("script");
  if (script === undefined) return;
  const { stdout, code } = await new Deno.Command(script, {
    args: ["-qefc", `/bin/sh '${SCRIPT}'`, "/dev/null"],
    env: { HOME: here.home, RALPH_RELEASES: here.page.url },
    stdin: "null",
  }).output();
  const shown = new TextDecoder().decode(stdout);
  assert.equal(code, 0, shown);
  assert.match(shown, /#+ 100\.0%/);
  assert.match(shown, /installed: /);
});

async function which(name: string): Promise<string | undefined> {
  const { stdout } = await new Deno.Command("/bin/sh", { args: ["-c", `command -v ${name}`] })
    .output();
  return new TextDecoder().decode(stdout).trim() || undefined;
}

Deno.test("install.sh that ends too early does nothing", async () => {
  await using here = await world();
  await here.page.release("0.1.0");
  const text = await Deno.readTextFile(SCRIPT);
  for (const part of [0.3, 0.6, 0.95]) {
    const cut = join(here.home, "half.sh");
    await Deno.writeTextFile(cut, text.slice(0, text.length * part));
    const child = new Deno.Command("/bin/sh", {
      args: [cut],
      env: { HOME: here.home, RALPH_RELEASES: here.page.url },
      stdout: "null",
      stderr: "null",
    });
    await child.output();
  }
  assert.deepEqual(here.page.asked, []);
});

Deno.test("install.sh: a wrong argument is an error, and --help is none", async () => {
  await using here = await world();
  const wrong = await here.run(["--vers"]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /^error: unknown argument: --vers\nusage: /);
  assert.equal((await here.run(["--version"])).code, 2);
  const { code, stdout } = await here.run(["--help"]);
  assert.equal(code, 0);
  assert.match(stdout, /^usage: install\.sh /);
});
