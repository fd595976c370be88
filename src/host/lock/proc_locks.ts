/** The kernel's own list of the locks that are held (proc(5), /proc/locks): Linux has it. */
import { statSync } from "node:fs";
import type { Clock } from "../../clock.ts";
import { readProc } from "../process/proc.ts";

export interface HeldLock {
  /** `FLOCK`, `POSIX`, `OFDLCK`, `LEASE`. */
  kind: string;
  /** `READ`, `WRITE`, `UNLCK`. */
  access: string;
  /** Not above 0 where it is not one process's, or that of one outside of this container. */
  pid: number;
  file: FileNumber;
}

export interface FileNumber {
  /** Major and minor number in hex, as in `fe:00`. */
  device: string;
  inode: string;
}

/** Undefined where there is no such list. */
export async function heldLocks(clock: Clock): Promise<readonly HeldLock[] | undefined> {
  const table = await readProc(["/proc/locks"], clock);
  return table === undefined ? undefined : locksFrom(table);
}

/** Reads `1: POSIX  ADVISORY  WRITE 1234 08:01:5678 120 120`. Who waits has an arrow, and no lock. */
export function locksFrom(table: string): readonly HeldLock[] {
  const lines = table.matchAll(
    /^\d+: +(\w+) +\w+ +(\w+) +(-?\d+) +([0-9a-f]+:[0-9a-f]+):(\d+) /gm,
  );
  return [...lines].map(([, kind, access, pid, device, inode]) => ({
    kind,
    access,
    pid: Number(pid),
    file: { device, inode },
  }));
}

/** Undefined for a file that is not there. */
export function fileNumber(path: string): FileNumber | undefined {
  const facts = statSync(path, { throwIfNoEntry: false, bigint: true });
  if (!facts) return undefined;
  // How Linux packs both numbers into one (makedev(3)).
  const major = (facts.dev >> 8n) & 0xfffn;
  const minor = (facts.dev & 0xffn) | ((facts.dev >> 12n) & 0xfff00n);
  const hex = (number: bigint) => number.toString(16).padStart(2, "0");
  return { device: `${hex(major)}:${hex(minor)}`, inode: String(facts.ino) };
}

/**
 * The locks on that file. An inode's number alone is not enough: each file system has its own 5678.
 * But the list names the device of the whole file system, and stat(2) on btrfs one that each subvolume
 * has for itself: to compare the two would find no lock there, ever. Both are numbers without a disk
 * behind them (major 0), so that two of those may be the same; where one on the very device is in the
 * list, only such ones are meant.
 */
export function locksOn(file: FileNumber, locks: readonly HeldLock[]): readonly HeldLock[] {
  const sameInode = locks.filter((lock) => lock.file.inode === file.inode);
  const sameDevice = sameInode.filter((lock) => lock.file.device === file.device);
  if (sameDevice.length > 0 || !isWithoutDisk(file)) return sameDevice;
  return sameInode.filter((lock) => isWithoutDisk(lock.file));
}

const isWithoutDisk = ({ device }: FileNumber) => device.startsWith("00:");
