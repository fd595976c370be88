/**
 * The other files of a task that an agent may delete with what it takes for litter: `progress.txt`
 * and `prompt.md`. They are the agent's or a person's to change; one that is gone comes back, and so does
 * what earlier rounds wrote in a `progress.txt` that was written over.
 */
import * as path from "node:path";
import { withOlderInFront } from "../../task/progress.ts";
import { besidePrd, progressPath, type Task } from "../../task/task_files.ts";
import { plain } from "../../terminal/plain.ts";
import { attempt, foldersAbove, lstat, makeFolders } from "./prd_files.ts";
import { type PrdFiles, putFile, readUpTo } from "./prd_files.ts";

/** A longer one is no longer what a prompt is made of, and is not kept. */
const BYTES_MAX = 5_000_000;
export const COMPANIONS = ["progress.txt", "prompt.md"] as const;

/** Where copies outlive the worker. */
interface Copies {
  read(name: string): Uint8Array | undefined;
  write(name: string, bytes: Uint8Array): void;
}

interface Copy {
  bytes: Uint8Array;
  mode: number;
  /** Tells that the file is as it was. */
  mark: string;
}

export interface Companions {
  /** Keeps them as they are before a turn. Throws what `copies` throws, and `RalphError` (`failed`). */
  keep(): void;
  /** Puts those back that are gone. Returns what was done, in clauses. Throws `RalphError` (`failed`). */
  putBack(): readonly string[];
}

/** `interrupted`: a turn broke off with an earlier worker. */
export function keepCompanions(
  { files, task, copies, interrupted }: {
    files: PrdFiles;
    task: Task;
    copies: Copies;
    interrupted: boolean;
  },
): Companions {
  const { dir, projectRoot } = task;
  const kept = new Map<string, Copy>();
  if (interrupted) {
    for (const name of COMPANIONS) {
      const bytes = copies.read(name);
      if (bytes) kept.set(name, { bytes, mode: 0o644, mark: "" });
    }
  }
  return {
    keep() {
      for (const name of COMPANIONS) {
        const copy = attempt(`keep ${name} of ${plain(dir)}`, () => copyOf(name));
        if (copy && copy.mark !== kept.get(name)?.mark) copies.write(name, copy.bytes);
        if (copy) kept.set(name, copy);
        else kept.delete(name);
      }
    },
    putBack() {
      const folders = foldersAbove(progressPath(task), projectRoot);
      const isElsewhere = folders.some((folder) => lstat(files, folder)?.isDirectory === false);
      if (isElsewhere) return [];
      return Array.from(kept).flatMap(([name, { bytes, mode }]) => {
        const file = besidePrd(task, name);
        if (lstat(files, file)) return name === "progress.txt" ? olderInFront(name, bytes) : [];
        attempt(`put ${plain(file)} back`, () => {
          makeFolders(files, folders);
          putFile(files, { path: file, bytes, mode });
        });
        return [`${plain(path.basename(file), 80)} was deleted or moved, and was put back`];
      });
    },
  };

  function olderInFront(name: (typeof COMPANIONS)[number], before: Uint8Array): readonly string[] {
    const file = besidePrd(task, name);
    return attempt(`put back what was in ${plain(file)}`, () => {
      const now = copyOf(name);
      if (!now || now === kept.get(name)) return [];
      const [older, newer] = [before, now.bytes].map((bytes) => new TextDecoder().decode(bytes));
      const both = withOlderInFront(older, newer);
      if (both === undefined) return [];
      putFile(files, { path: file, bytes: new TextEncoder().encode(both), mode: now.mode });
      return [
        `${
          plain(path.basename(file), 80)
        } was written over, and what earlier rounds wrote there was put ` +
        "in front again",
      ];
    });
  }

  /** That of before while the file is as it was; undefined for what is not kept. */
  function copyOf(name: string): Copy | undefined {
    const file = besidePrd(task, name);
    const info = lstat(files, file);
    if (!info?.isFile || info.size > BYTES_MAX) return undefined;
    const mark = [info.ino, info.size, info.mtime?.getTime(), info.ctime?.getTime()].join();
    const known = kept.get(name);
    if (known?.mark === mark) return known;
    return { bytes: readUpTo(files, file, BYTES_MAX), mode: (info.mode ?? 0o644) & 0o777, mark };
  }
}
