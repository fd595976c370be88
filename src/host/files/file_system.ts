/** What kind of file system a folder is on, and how much room is left. */
import { statfsSync } from "node:fs";
import type { Clock } from "../../clock.ts";
import { readProc } from "../process/proc.ts";

/** Free for this user, in bytes; undefined when it is not known. */
export function freeBytes(folder: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

/** `ext4`, `nfs4`, `fuse.sshfs`, …; undefined where that is not known. */
export async function fileSystemType(folder: string, clock: Clock): Promise<string | undefined> {
  const table = await readProc(["/proc/self/mountinfo"], clock);
  return table === undefined ? undefined : typeFrom(table, folder);
}

/** The type of the mount that holds `folder`: the deepest, and of those the last (proc(5)). */
export function typeFrom(mountinfo: string, folder: string): string | undefined {
  let best: { point: string; type: string } | undefined;
  for (const line of mountinfo.split("\n")) {
    const [before, after] = line.split(" - ");
    const point = before.split(" ")[4]?.replaceAll(
      /\\([0-7]{3})/g,
      (_, octal) => String.fromCharCode(parseInt(octal, 8)),
    );
    if (point === undefined || after === undefined) continue;
    const holds = point === "/" || folder === point || folder.startsWith(`${point}/`);
    if (holds && point.length >= (best?.point.length ?? 0)) {
      best = { point, type: after.split(" ")[0] };
    }
  }
  return best?.type;
}

/** Those where locks and SQLite's shared memory cannot be relied on. */
export function isNetworkFileSystem(type: string): boolean {
  return /^(nfs\d?|cifs|smb\w*|9p|afs|ceph|glusterfs|lustre|beegfs|gpfs|fuse\.(sshfs|s3fs|rclone|glusterfs|ceph.*))$/
    .test(type);
}
