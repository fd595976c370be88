/**
 * Writing a file atomically: whoever looks finds the whole file, or what was there before. It is
 * made under a name of its own beside its place, and then given that.
 */

/** The operations of the file system that are needed: `Deno`'s. */
type WriteFiles = Pick<typeof Deno, "openSync" | "chmodSync" | "renameSync" | "removeSync">;

/** What is to be in the file: bytes, or what fills the empty file that is there under `path`. */
type Content = Uint8Array | ((path: string) => void);

interface WriteOptions {
  /** Permission bits, whatever the umask. By default the file is its owner's alone. */
  mode?: number;
  /** On the disk before it has its name: a rename may outlive a power cut that the content does not. */
  durable?: boolean;
  /** Default: `Deno`. */
  files?: WriteFiles;
}

const PRIVATE = 0o600;

/** A name beside `path` that no other process, and no other call, uses. */
export function partName(path: string): string {
  return `${path}.${Deno.pid}-${crypto.randomUUID().slice(0, 8)}.part`;
}

/**
 * Puts a file in the place of whatever is at `path`. `part`: its name until then, under which nothing
 * may be. Throws what the file system says; nothing half-made is left then.
 */
export function replaceFile(
  path: string,
  content: Content,
  { part = partName(path), ...options }: WriteOptions & { part?: string } = {},
): void {
  const { files = Deno } = options;
  createFile(part, content, options);
  try {
    files.renameSync(part, path);
  } catch (error) {
    removeIfAny(part, files);
    throw error;
  }
}

/**
 * Puts a file at `path` where nothing is: false when something is there by then. Throws what the file
 * system says, which is also that it knows no second names (`Deno.errors.NotSupported` and others).
 */
export function addFile(path: string, content: Content, options: WriteOptions = {}): boolean {
  const part = partName(path);
  createFile(part, content, options);
  try {
    Deno.linkSync(part, path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw error;
  } finally {
    removeIfAny(part, Deno);
  }
}

/**
 * Makes a file that is not there yet, and removes it again when that fails on the way. Not atomic by
 * itself. Throws what the file system says.
 */
export function createFile(
  path: string,
  content: Content,
  { mode, durable = false, files = Deno }: WriteOptions = {},
): void {
  using file = files.openSync(path, { write: true, createNew: true, mode: PRIVATE });
  try {
    if (typeof content === "function") content(path);
    else for (let at = 0; at < content.length;) at += file.writeSync(content.subarray(at));
    if (mode !== undefined) files.chmodSync(path, mode);
    if (durable) file.syncDataSync();
  } catch (error) {
    removeIfAny(path, files);
    throw error;
  }
}

function removeIfAny(path: string, files: WriteFiles): void {
  try {
    files.removeSync(path);
  } catch {
    // What went wrong before is what counts.
  }
}
