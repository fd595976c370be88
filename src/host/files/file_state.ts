/** What a file is: enough to see later whether it is still the same, and to put it back. */
import { createHash } from "node:crypto";
import * as path from "node:path";
import type { Clock } from "../../clock.ts";
import { openFile, readWhole } from "./read_file.ts";

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
const CHUNK_BYTES = 1024 ** 2;

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
  if (info.isSymlink) {
    // It may have become something else since.
    const target = attempt(() => Deno.readLinkSync(file));
    return target === undefined ? { kind: "other" } : { kind: "link", target };
  }
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
  const hash = attempt(() => hashOf(file, info.size));
  return hash === undefined ? { kind: "other" } : { ...about, hash };
}

/** In pieces, so that files of any size take no more memory than one. */
function hashOf(file: string, size: number): string | undefined {
  using open = openFile(file);
  if (!open) return undefined;
  const hash = createHash("sha256");
  for (let at = 0; at < size; at += CHUNK_BYTES) {
    hash.update(open.readAt(at, Math.min(CHUNK_BYTES, size - at)));
  }
  return hash.digest("hex");
}

/**
 * The bytes of a file, links followed. Undefined when there is none, and for what is no file or has
 * more than `maxBytes`: a device may give bytes without end.
 */
export function readRegularFile(file: string, maxBytes = FILE_BYTES_MAX): Uint8Array | undefined {
  return attempt(() => readWhole(file, maxBytes));
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
