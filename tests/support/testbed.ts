/** A real systemd for tests, with users, login sessions and reboots: see `systemd_testbed.sh`. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { opencodeBinary, type Version } from "./install.ts";
import { type Address, startRelay } from "./relay.ts";

const SCRIPT = fileURLToPath(new URL("./systemd_testbed.sh", import.meta.url));
const RELAY = fileURLToPath(new URL("./relay.ts", import.meta.url));
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** A boot takes half a second, and a halt with user managers 2 s (measured); tests share 2 cores. */
const BOOT_TIMEOUT_MS = 90_000;
const EXEC_TIMEOUT_MS = 60_000;

export interface Testbed extends AsyncDisposable {
  /**
   * Runs a command inside, to its end. Throws when it has not ended after `timeoutMs`. A user is
   * created, with a new home, when it is first named.
   */
  exec(command: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** The same for a shell script that has to succeed: its trimmed output, or an error with it. */
  sh(script: string, options?: ExecOptions): Promise<string>;
  /** Logs a user in, until it is disposed. With linger off, the user's units end 10 s later. */
  login(user: string): Promise<AsyncDisposable>;
  /** Ends everything inside as at a shutdown, and boots. /etc, /var and /home stay. */
  reboot(): Promise<void>;
  /** Makes a file or folder of this machine readable at `/run/testbed/<name>`: returns that. */
  share(name: string, path: string): Promise<string>;
  /** Makes 127.0.0.1:`port` inside lead to that port of this machine. For a scripted model. */
  lead(port: number): Promise<void>;
  /** Opens a port of this machine that leads to 127.0.0.1:`port` inside: its URL. */
  reach(port: number): Promise<string>;
}

export interface ExecOptions {
  /** Default: root, without a session. */
  readonly user?: string;
  /** False: without a session, as from cron or sudo. Default: in a login session of its own. */
  readonly session?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** Default: none. */
  readonly stdin?: string;
  /** Default: 60 000. */
  readonly timeoutMs?: number;
}

export interface ExecResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface TestbedOptions {
  /** False: as where polkit is not installed. */
  readonly polkit?: boolean;
  /** True: no /var/log/journal, so that users cannot read what their units log. */
  readonly volatileJournal?: boolean;
}

const reason = probe();

/** Why no testbed can run here, or undefined when one can. Changed nothing on the machine. */
export function whyNoTestbed(): string | undefined {
  return reason;
}

function probe(): string | undefined {
  if (Deno.build.os !== "linux") return "not Linux";
  const { success, stderr } = new Deno.Command(SCRIPT, { args: ["check"] }).outputSync();
  return success ? undefined : new TextDecoder().decode(stderr).trim();
}

/** Registers a test that needs a testbed. Without one it is ignored, and its name says why. */
export function testbedTest(name: string, body: (t: Deno.TestContext) => Promise<void>): void {
  const skipped = reason === undefined ? "" : ` (not run: ${reason})`;
  Deno.test({ name: name + skipped, ignore: reason !== undefined, fn: body });
}

/**
 * Boots a testbed. Several can run at once: they share the file system outside of /etc, /var,
 * /home, /run and /dev with this machine, and nothing else. However this process ends, so does the
 * testbed, and what it kept is removed. Throws when it does not boot.
 */
export async function startTestbed(options: TestbedOptions = {}): Promise<Testbed> {
  await using stack = new AsyncDisposableStack();
  // not in TMPDIR, which may be in one of the folders that the inside replaces
  const state = await Deno.makeTempDir({ dir: "/tmp", prefix: "ralph-testbed-" });
  const machine = await boot(state, options);
  stack.defer(machine.end);
  const shared = new Map<string, string>();

  function spawn(command: readonly string[], options: ExecOptions): Deno.ChildProcess {
    const { user, session = true, env = {} } = options;
    const args = ["exec", state];
    if (user !== undefined) args.push("--user", user);
    if (!session) args.push("--no-session");
    for (const [name, value] of Object.entries(env)) args.push("-E", `${name}=${value}`);
    args.push("--", ...command);
    const pipes = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
    return new Deno.Command(SCRIPT, { args, ...pipes }).spawn();
  }

  async function exec(
    command: readonly string[],
    options: ExecOptions = {},
  ): Promise<ExecResult> {
    const { stdin = "", timeoutMs = EXEC_TIMEOUT_MS } = options;
    const child = spawn(command, options);
    const writer = child.stdin.getWriter();
    const timeout = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      timeout.reject(new Error(`\`${command.join(" ")}\` has not ended after ${timeoutMs} ms`));
    }, timeoutMs);
    try {
      // a command may end without reading what it was given
      writer.write(new TextEncoder().encode(stdin)).then(() => writer.close()).catch(() => {});
      const { code, stdout, stderr } = await Promise.race([child.output(), timeout.promise]);
      const decoder = new TextDecoder();
      return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
    } finally {
      clearTimeout(timer);
    }
  }

  async function sh(script: string, options: ExecOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await exec(["/bin/sh", "-ec", script], options);
    if (code !== 0) throw new Error(`exit ${code} of:\n${script}\n${stdout}${stderr}`);
    return stdout.trim();
  }

  async function mount(name: string): Promise<string> {
    const target = `/run/testbed/${name}`;
    const source = shared.get(name) ?? "";
    await sh(
      `
      mkdir -p /run/testbed
      if [ -d "$SOURCE" ]; then mkdir "$TARGET"; else : >"$TARGET"; fi
      mount --bind -o ro "$SOURCE" "$TARGET"`,
      { env: { SOURCE: source, TARGET: target } },
    );
    return target;
  }

  async function relayInside(from: Address, to: Address): Promise<void> {
    const relay = new Deno.Command("nsenter", {
      args: [`--net=/proc/${machine.pid}/ns/net`, Deno.execPath(), "run", "-A", "--quiet", RELAY]
        .concat(JSON.stringify(from), JSON.stringify(to)),
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const output = relay.stdout.getReader();
    stop.defer(async () => {
      await relay.stdin.close();
      await output.cancel();
      await relay.status;
    });
    if ((await output.read()).done) throw new Error("the relay in the testbed did not start");
  }

  const stop = stack.use(new AsyncDisposableStack());
  const owned = stack.move();
  return {
    exec,
    sh,
    async login(user) {
      const child = spawn(["/bin/sh", "-c", "echo in; exec cat"], { user });
      const output = child.stdout.getReader();
      if ((await output.read()).done) throw new Error(`could not log ${user} in`);
      return {
        async [Symbol.asyncDispose]() {
          await child.stdin.close();
          await Promise.all([output.cancel(), child.stderr.cancel()]);
          await child.status;
        },
      };
    },
    async reboot() {
      await machine.reboot();
      for (const name of shared.keys()) await mount(name);
    },
    share(name, path) {
      shared.set(name, path);
      return mount(name);
    },
    async lead(port) {
      const path = join(state, `lead-${port}.socket`);
      stop.use(await startRelay({ path }, { port }));
      await relayInside({ port }, { path });
    },
    async reach(port) {
      const path = join(state, `reach-${port}.socket`);
      await relayInside({ path }, { port });
      const relay = stop.use(await startRelay({ port: 0 }, { path }));
      return `http://127.0.0.1:${relay.port}`;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The process that keeps the testbed: it ends when its input does. */
async function boot(state: string, options: TestbedOptions) {
  const args = ["run", state];
  if (options.polkit === false) args.push("--no-polkit");
  if (options.volatileJournal) args.push("--volatile-journal");
  const keeper = new Deno.Command(SCRIPT, {
    args,
    stdin: "piped",
    stdout: "piped",
    detached: true, // Ctrl-C is for the test; this one sees the end of its input
  }).spawn();
  const input = keeper.stdin.getWriter();
  const output = keeper.stdout.getReader();

  async function up(): Promise<void> {
    const timer = setTimeout(() => keeper.kill("SIGTERM"), BOOT_TIMEOUT_MS);
    const { done } = await output.read();
    clearTimeout(timer);
    if (done) throw new Error("the testbed did not boot");
  }

  async function end(): Promise<void> {
    await input.close().catch(() => {}); // it may have ended by itself
    await output.cancel();
    const { success } = await keeper.status;
    if (!success) throw new Error(`the testbed in ${state} did not end well`);
  }

  await up();
  return {
    pid: keeper.pid,
    end,
    async reboot() {
      await input.write(new TextEncoder().encode("reboot\n"));
      await up();
    },
  };
}

/**
 * Gives a user of the testbed an OpenCode as its own installer does: `~/.opencode/bin/opencode`,
 * a copy.
 */
export async function installOpencode(
  testbed: Testbed,
  { user, version }: { user: string; version: Version },
): Promise<void> {
  await testbed.exec(["true"], { user, session: false }); // so that the user is there
  await testbed.sh(
    `install -D -m 755 "$BINARY" "/home/$NAME/.opencode/bin/opencode"
     chown -R "$NAME:" "/home/$NAME/.opencode"`,
    { env: { BINARY: await opencodeBinary(version), NAME: user } },
  );
}

/**
 * Makes the program under test (tests/support/ralph.ts) usable by the users of the testbed: its
 * command line, and the environment that it needs.
 */
export async function shareRalph(
  testbed: Testbed,
): Promise<{ command: readonly string[]; env: Readonly<Record<string, string>> }> {
  const binary = Deno.env.get("RALPH_BINARY");
  if (binary) {
    return { command: [await testbed.share("ralph", await Deno.realPath(binary))], env: {} };
  }
  const deno = await testbed.share("deno", Deno.execPath());
  const source = await testbed.share("source", ROOT);
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { denoDir } = JSON.parse(new TextDecoder().decode(stdout));
  return {
    command: [deno, "run", "-A", "--quiet", `${source}/main.ts`],
    env: { DENO_DIR: await testbed.share("cache", denoDir), DENO_NO_UPDATE_CHECK: "1" },
  };
}
