/** What a worker must remember beside the database, so that the next one can go on: whole files. */
import * as path from "node:path";
import { replaceFile } from "./atomic_write.ts";
import { readFileIfAny, STORED_MAX } from "./read_file.ts";
import { makePrivateFolder, makeTaskFolder, requireRealFolder } from "./paths.ts";

export interface SessionFolder {
  readonly path: string;
  /** Undefined when it was never written. */
  read(name: string): Uint8Array | undefined;
  /** Atomically, and so that it outlives a power cut. */
  write(name: string, bytes: Uint8Array): void;
  /** Removes all that is in it but these. */
  clear(kept?: readonly string[]): void;
}

/**
 * A private folder, made when it is missing. Throws `RalphError` (`state`) when it cannot be, and where
 * a link is in its place.
 */
export function sessionFolder(folder: string): SessionFolder {
  makeTaskFolder(folder);
  return {
    path: folder,
    read: (name) =>
      readFileIfAny(path.join(folder, name), STORED_MAX, { kind: "state", own: true }),
    write(name, bytes) {
      const file = path.join(folder, name);
      makeTaskFolder(folder); // an agent may have removed it
      makePrivateFolder(path.dirname(file));
      replaceFile(file, bytes, { durable: true });
    },
    clear(kept = []) {
      makeTaskFolder(folder);
      for (const { name } of [...Deno.readDirSync(folder)]) {
        if (!kept.includes(name)) removeIfAny(path.join(folder, name));
      }
    },
  };
}

/**
 * Removes all but the `count` entries of a folder that were changed last; nothing where it is missing.
 * Throws `RalphError` (`state`) where something else is: a link may lead to anybody's files.
 */
export function pruneFolder(folder: string, count: number): void {
  requireRealFolder(folder);
  const entries = namesIn(folder).map((name) => {
    const file = path.join(folder, name);
    return { file, changedAt: Deno.lstatSync(file).mtime?.getTime() ?? 0 };
  });
  entries.sort((a, b) => b.changedAt - a.changedAt);
  for (const { file } of entries.slice(count)) removeIfAny(file);
}

function namesIn(folder: string): readonly string[] {
  try {
    return Array.from(Deno.readDirSync(folder), ({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function removeIfAny(file: string): void {
  try {
    Deno.removeSync(file, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
