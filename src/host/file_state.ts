/** What a file is: enough to see later whether it is still the same, and to put it back. */
import { createHash } from "node:crypto";
import * as path from "node:path";
import type { Clock } from "../clock.ts";

export type FileState =
  | {
    readonly kind: "file";
    readonly hash: string;
    readonly executable: boolean;
    readonly modifiedMs: number;
    /** See `fileKey`. */
    readonly key?: string;
  }
  | { readonly kind: "link"; readonly target: string }
  /** A folder, a device, a file that is not readable or too big to be kept. */
  | { readonly kind: "other" }
  | { readonly kind: "absent" };

const FILE_BYTES_MAX = 256 * 1024 ** 2;

/**
 * A mark that changes whenever the file's content does. Undefined while that cannot be promised: a
 * change within the second of the last one may leave no trace, as Deno reads the time of the last
 * change in whole seconds (2.7.11, 2.9.6, measured).
 */
export function fileKey(info: Deno.FileInfo, clock: Clock): string | undefined {
  const changedMs = info.ctime?.getTime();
  if (changedMs === undefined || changedMs + 1000 > clock.now()) return undefined;
  return [info.ino, info.size, info.mtime?.getTime(), changedMs].join(":");
}

/** What is at `file`, links not followed. `known` spares reading a file whose key is unchanged. */
export function fileState(
  file: string,
  { clock, known }: { clock: Clock; known?: FileState },
): FileState {
  let info: Deno.FileInfo;
  try {
    info = Deno.lstatSync(file);
  } catch {
    return { kind: "absent" };
  }
  if (info.isSymlink) return { kind: "link", target: Deno.readLinkSync(file) };
  if (!info.isFile || info.size > FILE_BYTES_MAX) return { kind: "other" };
  const key = fileKey(info, clock);
  const about = {
    kind: "file",
    executable: ((info.mode ?? 0) & 0o100) !== 0,
    modifiedMs: info.mtime?.getTime() ?? 0,
    key,
  } as const;
  if (known?.kind === "file" && key !== undefined && known.key === key) {
    return { ...about, hash: known.hash };
  }
  try {
    const hash = createHash("sha256").update(Deno.readFileSync(file)).digest("hex");
    return { ...about, hash };
  } catch {
    return { kind: "other" };
  }
}

/**
 * The bytes of a file, links followed. Undefined when there is none, and for what is no file or too
 * big: a device may give bytes without end. A file of no size is empty, whatever is read from it:
 * those in /proc may make the reader wait (proc(5)).
 */
export function readRegularFile(file: string): Uint8Array | undefined {
  try {
    const { isFile, size } = Deno.statSync(file);
    if (!isFile || size > FILE_BYTES_MAX) return undefined;
    return size === 0 ? new Uint8Array() : Deno.readFileSync(file);
  } catch {
    return undefined;
  }
}

/**
 * Where a link has to lead in a copy of `root` at `target`, `file` being its path in both: what
 * leads into the project leads into the copy, and what leads out of it still gets there.
 */
export function linkInCopy(
  led: string,
  { file, root, target }: { file: string; root: string; target: string },
): string {
  const inside = path.relative(root, path.resolve(root, path.dirname(file), led));
  if (inside === ".." || inside.startsWith("../")) return path.join(root, inside);
  return path.isAbsolute(led) ? path.join(target, inside) : led;
}

/**
 * Makes `file`, in a copy of `root` at `target`, what it was: a file gets `content`. Links on the way
 * to it become folders first, so that nothing outside the copy is written.
 */
export function putBack(
  { root, target, file, state, content }: {
    root: string;
    target: string;
    file: string;
    state: FileState;
    content: Uint8Array;
  },
): void {
  const to = path.join(target, file);
  let folder = target;
  for (const name of path.dirname(file).split("/")) {
    folder = path.join(folder, name);
    makeRealFolder(folder);
  }
  removeAny(to);
  if (state.kind === "link") Deno.symlinkSync(linkInCopy(state.target, { file, root, target }), to);
  if (state.kind !== "file") return;
  Deno.writeFileSync(to, content, { mode: state.executable ? 0o755 : 0o644 });
  Deno.utimeSync(to, state.modifiedMs / 1000, state.modifiedMs / 1000);
}

/** A folder with links to what the link led to, in place of a link; an empty one in place of a file. */
function makeRealFolder(folder: string): void {
  const info = attempt(() => Deno.lstatSync(folder));
  if (info?.isDirectory) return;
  const led = info?.isSymlink ? attempt(() => Deno.realPathSync(folder)) : undefined;
  if (info) Deno.removeSync(folder);
  Deno.mkdirSync(folder);
  if (led === undefined) return;
  for (const { name } of attempt(() => [...Deno.readDirSync(led)]) ?? []) {
    Deno.symlinkSync(path.join(led, name), path.join(folder, name));
  }
}

function removeAny(file: string): void {
  if (attempt(() => Deno.lstatSync(file))) Deno.removeSync(file, { recursive: true });
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
