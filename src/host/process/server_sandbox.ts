/**
 * Gates run what the agent wrote. Where the server's unit hides files from the agent, its mount
 * namespace is another one than ralph's (mount_namespaces(7)): gates run in that one, too, and git where it
 * runs hooks and filters.
 */
import { type Clock, sleep } from "../../clock.ts";
import { plain } from "../../terminal/plain.ts";
import { ownSockets } from "../system/port.ts";
import { ask } from "./ask.ts";
import { type BoundedOptions, type BoundedRun, runBounded } from "./bounded_process.ts";
import { isStillOpen, type OpenSocket, openSocket } from "./proc.ts";

type Sandbox =
  /** The server sees what ralph sees. */
  | { kind: "none" }
  /** `within` is put before a command, and the folder to run it in, so that it runs there. */
  | { kind: "entered"; within: readonly string[] }
  /** It has one, and it cannot be entered. */
  | { kind: "closed"; why: string }
  /** There is no server of this user's that can be looked at. */
  | { kind: "unknown" };

const ASK_MS = 5_000;
/** systemd starts the server again after 5 s; on a machine with much to do that takes its time. */
const AWAY_MS = 60_000;
const LOOK_MS = 500;
/** Entering a mount namespace leads to its root (setns(2)). */
const IN_FOLDER = ["/bin/sh", "-c", 'cd "$1" && shift && exec "$@"', "sh"];

/** The sandbox of the server that listens on this port of this machine. */
export async function sandboxOf(port: number, clock: Clock): Promise<Sandbox> {
  const socket = await listeningSocket(port, clock);
  return socket ? await sandboxOfProcess(socket.pid, clock) : { kind: "unknown" };
}

async function listeningSocket(port: number, clock: Clock): Promise<OpenSocket | undefined> {
  for (const inode of await ownSockets(port, clock)) {
    const socket = await openSocket(inode, clock);
    if (socket) return socket;
  }
  return undefined;
}

async function sandboxOfProcess(pid: number, clock: Clock): Promise<Sandbox> {
  const links = ["mnt", "user"].flatMap((
    one,
  ) => [`/proc/self/ns/${one}`, `/proc/${pid}/ns/${one}`]);
  const seen = await ask(["readlink", ...links], { clock, timeoutMs: ASK_MS });
  const [ownFiles, files, ownUsers, users] = seen.kind === "ended" ? seen.stdout.split("\n") : [];
  if (users === undefined) return { kind: "unknown" };
  if (files === ownFiles) return { kind: "none" };
  const also = users === ownUsers ? [] : ["--user", "--preserve-credentials"];
  const within = ["nsenter", `--target=${pid}`, "--mount", ...also, "--"];
  const tried = await ask([...within, "true"], { clock, timeoutMs: ASK_MS });
  if (tried.kind === "ended" && tried.code === 0) {
    return { kind: "entered", within: [...within, ...IN_FOLDER] };
  }
  const said = tried.kind === "ended" ? plain(tried.stderr.split("\n")[0], 200) : "";
  return { kind: "closed", why: said || "there is no `nsenter` that does it" };
}

/** What to say when gates do not run where the agent does; undefined when they do. */
export async function whyOutsideSandbox(port: number, clock: Clock): Promise<string | undefined> {
  const sandbox = await sandboxOf(port, clock);
  return sandbox.kind === "closed"
    ? `the server's unit hides files from the agent, but not from gates: ${sandbox.why}`
    : undefined;
}

/**
 * What to put before a command so that it runs in this folder as the server's agent would; nothing where
 * the server sees what ralph sees. `why`: it cannot run there now, in words.
 */
export type EnterSandbox = (
  folder: string,
  signal?: AbortSignal,
) => Promise<readonly string[] | { why: string }>;

/**
 * The way into the sandbox of the server on this port, as far as it can be entered. To be called while the
 * server is there: an agent may end it, and what is to run in its sandbox then waits for it.
 */
export function enterSandbox(port: number, clock: Clock): EnterSandbox {
  let isSandboxed = false;
  let known: { socket: OpenSocket; sandbox: Sandbox } | undefined;
  const begun = look().then(({ kind }) => isSandboxed = kind === "entered");
  begun.catch(() => {}); // thrown to whoever enters

  /** The sockets of all processes are looked through once: 3 ms in place of 25 (measured). */
  async function look(): Promise<Sandbox> {
    if (known && await isStillOpen(known.socket, clock)) return known.sandbox;
    known = undefined;
    const socket = await listeningSocket(port, clock);
    if (!socket) return { kind: "unknown" };
    const sandbox = await sandboxOfProcess(socket.pid, clock);
    if (sandbox.kind !== "unknown") known = { socket, sandbox };
    return sandbox;
  }

  async function here(signal?: AbortSignal): Promise<Sandbox> {
    const end = clock.monotonic() + AWAY_MS;
    for (;;) {
      const sandbox = await look();
      const isAway = sandbox.kind === "unknown" && isSandboxed;
      if (!isAway || signal?.aborted || clock.monotonic() >= end) return sandbox;
      await sleep(clock, LOOK_MS, signal);
    }
  }

  return async (folder, signal) => {
    await begun;
    const sandbox = await here(signal);
    if (sandbox.kind === "unknown" && isSandboxed && !signal?.aborted) {
      return { why: "the OpenCode server is away, in whose sandbox it is to run" };
    }
    isSandboxed = sandbox.kind === "entered";
    return sandbox.kind === "entered" ? [...sandbox.within, folder] : [];
  };
}

/** `runBounded` in the server's sandbox, as `enter` enters it. */
export function runInSandbox(enter: EnterSandbox): typeof runBounded {
  return async (command: readonly string[], options: BoundedOptions): Promise<BoundedRun> => {
    const within = await enter(options.cwd, options.signal);
    if ("why" in within) {
      return { ending: { how: "not_started", why: within.why }, output: "", durationMs: 0 };
    }
    return await runBounded(command, { ...options, within });
  };
}
