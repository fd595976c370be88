/** What a worker leaves in its locks, for those who find them taken. */
import { noteIn } from "../host/lock/lock.ts";

export interface LockNote {
  pid: number;
  task: string;
  taskDir: string;
  projectRoot: string;
  /** Epoch milliseconds. */
  since: number;
  /** What it waits for before its session has begun, in words. */
  doing?: string;
}

export const lockNote = (note: LockNote): string => JSON.stringify(note);

/** Undefined where none was left, or none that can be read. It is of who held the lock last. */
export function readLockNote(path: string): LockNote | undefined {
  try {
    const note = JSON.parse(noteIn(path) ?? "null");
    const isWhole = ["task", "taskDir", "projectRoot"].every((key) =>
      typeof note[key] === "string"
    ) &&
      ["pid", "since"].every((key) => Number.isSafeInteger(note[key])) &&
      !isNaN(new Date(note.since).getTime()) && ["string", "undefined"].includes(typeof note.doing);
    return isWhole ? note : undefined;
  } catch {
    return undefined;
  }
}
