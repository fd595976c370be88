/** A real OpenCode server on loopback, with a home of its own, that talks to a scripted model. */
import { dirname, join } from "node:path";
import { opencodeBinary, type ServerVersion } from "./install.ts";
import type { ScriptedModel } from "./scripted_model.ts";
import { until } from "./wait.ts";

export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly version: ServerVersion;
  /** Of the process that was started last. */
  readonly pid: number;
  /** HOME and the parent of every XDG folder of the server: temporary. */
  readonly home: string;
  /** What the server has printed so far, over all its starts. */
  log(): string;
  /** Ends the process (default SIGKILL) and resolves when it is gone. Its tools' children stay. */
  kill(signal?: Deno.Signal): Promise<void>;
  /**
   * Starts it again after `kill`, same port and home, and resolves when it is healthy. From then on
   * it is of `version`, where that is given.
   */
  start(options?: { version?: ServerVersion }): Promise<void>;
}

export interface ServerOptions {
  readonly version: ServerVersion;
  readonly model: ScriptedModel;
  /** Asked for on every request, with the user name `opencode`. OpenCode 2 always has one. */
  readonly password?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Settings that replace, or join, those at the top level of `opencode.json`. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Default: any free port. */
  readonly port?: number;
}

/** A cold 1.18.33 takes 3 s on an idle machine (measured), and tests share theirs. */
const START_TIMEOUT_MS = 60_000;
/** A request that reaches 1.18.33 while it starts may never be answered (measured). */
const HEALTH_TIMEOUT_MS = 1_000;
/** SIGTERM takes up to 2 s (1.1.53 and 1.18.33, measured). */
const TERM_TIMEOUT_MS = 5_000;

/**
 * Starts OpenCode and resolves when it is healthy. Throws with the end of its log when it is not
 * within a minute. However this process ends, nothing of the server is left: see `guard`.
 */
export async function startServer(options: ServerOptions): Promise<TestServer> {
  const { model, password } = options;
  let { version } = options;
  const home = await Deno.realPath(await Deno.makeTempDir({ prefix: "ralph-opencode-" }));
  const guardian = guard(home);
  const logFile = join(home, "server.log");
  const port = options.port ?? freePort();
  const url = `http://127.0.0.1:${port}`;
  let child: Deno.ChildProcess | undefined;

  const log = () => Deno.readTextFileSync(logFile);

  async function start(other: { version?: ServerVersion } = {}) {
    version = other.version ?? version;
    const binary = await opencodeBinary(version);
    child = new Deno.Command("/bin/sh", {
      // Deno cannot give a child a file to write to
      args: ["-c", 'exec "$@" >>"$0" 2>&1', logFile, binary, "serve", "--hostname=127.0.0.1"]
        .concat(`--port=${port}`, version === "2" ? [] : ["--print-logs"]),
      cwd: home,
      clearEnv: true,
      env: { ...environment(home), ...passwordOf(password), ...options.env },
      stdin: "null",
      detached: true, // Ctrl-C is for the program under test, and for the guardian to notice
    }).spawn();
    await guardian.watch(child.pid);
    let ended = false;
    child.status.then(() => ended = true);
    try {
      await until(async () => {
        if (ended) throw new Error("it ended");
        return await healthy(url, { version, password });
      }, { what: `OpenCode ${version} to be healthy`, timeoutMs: START_TIMEOUT_MS });
    } catch (error) {
      throw new Error(`OpenCode ${version} did not start. Its log ends:\n${log().slice(-2000)}`, {
        cause: error,
      });
    }
  }

  async function kill(signal: Deno.Signal = "SIGKILL") {
    if (!child) return;
    const { status } = child;
    try {
      child.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended by itself
    }
    await status;
    await guardian.watch(undefined);
  }

  async function dispose() {
    const timer = setTimeout(() => kill("SIGKILL"), TERM_TIMEOUT_MS);
    await kill("SIGTERM");
    clearTimeout(timer);
    await guardian.release();
  }

  try {
    const config = version === "2" ? configOf2(model) : configOf(model);
    await writeConfig(home, { ...config, ...options.config });
    await start();
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    url,
    port,
    get version() {
      return version;
    },
    get pid() {
      return child?.pid ?? 0;
    },
    home,
    log,
    kill,
    start,
    [Symbol.asyncDispose]: dispose,
  };
}

/**
 * A shell that waits for the end of this process (its end of the pipe closes then, also at
 * kill -9) or for `release`, then kills the server and removes `home`, and on Linux also kills what
 * names `home` in its environment: what the server's tools left running.
 */
function guard(home: string) {
  const script = `
    while read -r line; do pid=$line; done
    kill -KILL "$pid" 2>/dev/null
    grep -lzF "=$1" /proc/[0-9]*/environ 2>/dev/null |
      while IFS=/ read -r _ _ pid _; do kill -KILL "$pid" 2>/dev/null; done
    for try in 1 2 3 4 5; do rm -rf "$1" && break; sleep 0.1; done`;
  const shell = new Deno.Command("/bin/sh", {
    args: ["-c", script, "guard", home],
    stdin: "piped",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();
  const writer = shell.stdin.getWriter();
  return {
    /** The server to kill: the one that was named last. */
    watch: (pid: number | undefined) => writer.write(new TextEncoder().encode(`${pid ?? ""}\n`)),
    async release() {
      await writer.close();
      await shell.status;
    },
  };
}

/** What the server sees: nothing of this machine but its programs. */
export function environment(home: string): Record<string, string> {
  const identity = { NAME: "Agent", EMAIL: "agent@example.com" };
  return {
    HOME: home,
    XDG_CONFIG_HOME: join(home, ".config"),
    XDG_DATA_HOME: join(home, ".local", "share"),
    XDG_STATE_HOME: join(home, ".local", "state"),
    XDG_CACHE_HOME: join(home, ".cache"),
    PATH: `${dirname(Deno.execPath())}:${Deno.env.get("PATH") ?? "/usr/bin:/bin"}`,
    LANG: "C.UTF-8",
    NO_COLOR: "1",
    DENO_NO_UPDATE_CHECK: "1",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_AUTHOR_NAME: identity.NAME,
    GIT_AUTHOR_EMAIL: identity.EMAIL,
    GIT_COMMITTER_NAME: identity.NAME,
    GIT_COMMITTER_EMAIL: identity.EMAIL,
    HTTPS_PROXY: "http://127.0.0.1:9", // nothing leaves the machine; the model is plain HTTP
    OPENCODE_DISABLE_AUTOUPDATE: "1",
    OPENCODE_DISABLE_DEFAULT_PLUGINS: "1", // 1.1.53 installs one of them from npm
    OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
    OPENCODE_DISABLE_MODELS_FETCH: "1",
  };
}

function passwordOf(password: string | undefined): Record<string, string> {
  return password === undefined ? {} : { OPENCODE_SERVER_PASSWORD: password };
}

/** OpenCode settings by which every model is the scripted one. */
export function configOf(model: ScriptedModel): Record<string, unknown> {
  const base = { tool_call: true, cost: { input: 3, output: 15, cache_read: 0.3, cache_write: 0 } };
  const large = { ...base, limit: { context: 128_000, output: 4096 } };
  return {
    autoupdate: false,
    share: "disabled",
    model: "fake/ok",
    small_model: "fake/ok",
    enabled_providers: ["fake"],
    provider: {
      fake: {
        npm: "@ai-sdk/openai-compatible", // part of OpenCode: nothing is downloaded
        name: "Fake",
        options: { baseURL: model.url, apiKey: "none" },
        models: {
          ok: { ...large, name: "ok" },
          other: { ...large, name: "other" },
          thinking: { ...large, name: "thinking", reasoning: true },
          tiny: { ...base, name: "tiny", limit: { context: 8192, output: 1024 } },
        },
      },
    },
  };
}

/** The same in the words of OpenCode 2: a file that has one key of the old ones is read as those. */
function configOf2(model: ScriptedModel): Record<string, unknown> {
  const base = {
    capabilities: { tools: true, input: ["text"], output: ["text"] },
    cost: { input: 3, output: 15, cache: { read: 0.3, write: 0 } },
    limit: { context: 128_000, output: 4096 },
  };
  const policy = (resource: string, effect: string) => ({
    action: "provider.use",
    resource,
    effect,
  });
  return {
    autoupdate: false,
    share: "disabled",
    model: "fake/ok",
    experimental: { policies: [policy("*", "deny"), policy("fake", "allow")] },
    providers: {
      fake: {
        name: "Fake",
        package: "aisdk:@ai-sdk/openai-compatible",
        settings: { baseURL: model.url, apiKey: "none" },
        models: {
          ok: { ...base, name: "ok" },
          other: { ...base, name: "other" },
          tiny: { ...base, name: "tiny", limit: { context: 8192, output: 1024 } },
        },
      },
    },
  };
}

export async function writeConfig(home: string, config: Record<string, unknown>) {
  const folder = join(home, ".config", "opencode");
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(join(folder, "opencode.json"), JSON.stringify(config, null, 2));
}

async function healthy(
  url: string,
  { version, password }: { version: ServerVersion; password: string | undefined },
): Promise<boolean> {
  const headers: HeadersInit = password === undefined
    ? {}
    : { authorization: `Basic ${btoa(`opencode:${password}`)}` };
  try {
    const signal = AbortSignal.timeout(HEALTH_TIMEOUT_MS);
    if (version !== "2") {
      const response = await fetch(`${url}/global/health`, { headers, signal });
      return (await response.json()).healthy === true;
    }
    // It lists its models a moment later than it is healthy.
    const response = await fetch(`${url}/api/model`, { headers, signal });
    return (await response.json()).data.length > 0;
  } catch {
    return false;
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
