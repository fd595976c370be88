/** Programs on a small disk of their own: a tmpfs in a mount namespace, gone when they end. */
import { fileURLToPath } from "node:url";

export interface Mount {
  /** The size of the disk, in KiB. */
  sizeKb: number;
  /** How long the program may take. Default: 60 000. */
  timeoutMs?: number;
}

/**
 * Runs a program of this folder with the disk's folder as its first argument, and returns what it
 * printed. Throws when it fails, and where the kernel refuses a namespace or a mount.
 */
export async function onSmallDisk(
  program: string,
  { sizeKb, timeoutMs = 60_000 }: Mount,
): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "ralph-disk-" });
  const script = fileURLToPath(new URL(program, import.meta.url));
  const userNamespace = Deno.uid() === 0 ? [] : ["--user", "--map-root-user"];
  const child = new Deno.Command("unshare", {
    args: [
      ...userNamespace,
      // However it ends, so does all that it has started.
      ...["--pid", "--fork", "--kill-child", "--mount-proc"],
      ...["--mount", "--propagation", "private", "--", "sh", "-ec"],
      'mount -t tmpfs -o "size=$1k" tmpfs "$2"; exec "$3" run -A --quiet "$4" "$2"',
      ...["sh", String(sizeKb), folder, Deno.execPath(), script],
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
    await Deno.remove(folder);
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
