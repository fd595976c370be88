/** Programs in namespaces of their own: on a small disk, or without root's rights. */
import { fileURLToPath } from "node:url";

/** Those of the compiled program (tools/compile.ts). */
const PERMISSIONS = [
  ...["--no-prompt", "--allow-read", "--allow-write", "--allow-env", "--allow-sys", "--allow-run"],
  "--allow-net=127.0.0.1,localhost,[::1]",
];

interface Run {
  /** After the folder. */
  args?: readonly string[];
  /** How long it may take. Default: 60 000. */
  timeoutMs?: number;
  /** True: every one. Default: those of the compiled program, in which SQLite can do less. */
  everyPermission?: boolean;
}

/**
 * Runs a program of this folder with the folder of a tmpfs of `sizeKb` KiB as its first argument, and
 * returns what it printed. Throws when it fails, and where the kernel refuses a namespace or a mount.
 */
export async function onSmallDisk(
  program: string,
  { sizeKb, ...run }: Run & { sizeKb: number },
): Promise<string> {
  const asRoot = Deno.uid() === 0 ? [] : ["--user", "--map-root-user"];
  return await inNamespace(program, {
    ...run,
    unshare: [...asRoot, "--mount", "--propagation", "private", "--mount-proc"],
    before: `mount -t tmpfs -o size=${sizeKb}k tmpfs "$1"`,
  });
}

/**
 * Runs a program of this folder with a temporary folder as its first argument, where the modes of
 * files count for root, too. Throws as `onSmallDisk` does.
 */
export async function withoutRootsRights(program: string, run: Run): Promise<string> {
  return await inNamespace(program, { ...run, unshare: ["--user"], before: ":" });
}

async function inNamespace(
  program: string,
  { unshare, before, args = [], timeoutMs = 60_000, everyPermission }: Run & {
    unshare: readonly string[];
    /** Shell, with the folder as $1. */
    before: string;
  },
): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "ralph-disk-" });
  const script = fileURLToPath(new URL(program, import.meta.url));
  const command = [
    ...[Deno.execPath(), "run", "--quiet", ...(everyPermission ? ["-A"] : PERMISSIONS)],
    ...[script, folder, ...args],
  ];
  const child = new Deno.Command("unshare", {
    args: [
      ...unshare,
      // However it ends, so does all that it has started.
      ...["--pid", "--fork", "--kill-child", "--", "sh", "-ec"],
      ...[`${before}; shift; exec "$@"`, "sh", folder, ...command],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
  try {
    const { success, stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    if (!success) throw new Error(`${program}: ${decoder.decode(stdout)}${decoder.decode(stderr)}`);
    return decoder.decode(stdout);
  } finally {
    clearTimeout(timer);
    await Deno.remove(folder, { recursive: true });
  }
}

/** Fills a disk until so many KiB are left. Disposing it makes room again. */
export function fill(folder: string, { leaveKb = 0 } = {}): Disposable {
  const path = `${folder}/filling`;
  using file = Deno.openSync(path, { write: true, create: true });
  const page = new Uint8Array(4096);
  let written = 0;
  try {
    for (;;) written += file.writeSync(page);
  } catch (error) {
    if (!String(error).includes("No space left")) throw error;
  }
  file.truncateSync(Math.max(0, written - leaveKb * 1024));
  return { [Symbol.dispose]: () => Deno.removeSync(path) };
}
