/** Who listens on a TCP port of this machine (Linux, from proc(5)). */
import type { Clock } from "../clock.ts";
import { ownerOfSocket, readProc } from "./proc.ts";

export interface Listener {
  /** As in `127.0.0.1`, `0.0.0.0`, `::1`. */
  address: string;
  uid: number;
  /** Undefined for a process of another user, which only root can name. */
  pid?: number;
  /** Its command line, words parted by spaces. Foreign text. */
  command?: string;
  /** The control group, which names the systemd unit that it belongs to. */
  controlGroup?: string;
}

/** Undefined where it cannot be told: not on Linux. */
export async function listenersOn(
  port: number,
  clock: Clock,
): Promise<readonly Listener[] | undefined> {
  if (Deno.build.os !== "linux") return undefined;
  const table = await readProc(["/proc/net/tcp", "/proc/net/tcp6"], clock);
  if (table === undefined) return undefined;
  return await Promise.all(
    listeningSockets(table, port).map(async ({ address, uid, inode }) => {
      const pid = await ownerOfSocket(inode, clock);
      if (pid === undefined) return { address, uid };
      const [command, groups] = await Promise.all([
        readProc([`/proc/${pid}/cmdline`], clock),
        readProc([`/proc/${pid}/cgroup`], clock),
      ]);
      return {
        address,
        uid,
        pid,
        command: command?.replaceAll("\0", " ").trim(),
        controlGroup: groups === undefined ? undefined : controlGroupFrom(groups),
      };
    }),
  );
}

/** That of systemd, among those of other controllers where there are several (cgroups(7)). */
export function controlGroupFrom(groups: string): string | undefined {
  return /^(?:0::|\d+:name=systemd:)(.+)$/m.exec(groups)?.[1];
}

/** The lines of a table of sockets that are in state LISTEN (0A) on this port. */
export function listeningSockets(
  table: string,
  port: number,
): readonly { address: string; uid: number; inode: string }[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  return table.split("\n").flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const [hexAddress = "", hexPort] = (fields[1] ?? "").split(":");
    if (hexPort !== wanted || fields[3] !== "0A") return [];
    return [{ address: addressFrom(hexAddress), uid: Number(fields[7]), inode: fields[9] }];
  });
}

/** `::ffff:0:0/96` in the kernel's words. */
const MAPPED = "0000000000000000FFFF0000";

/** Each 32-bit word is written in the byte order of the machine: little-endian wherever Deno runs. */
function addressFrom(hex: string): string {
  const words = hex.match(/.{8}/g) ?? [];
  const bytes = words.flatMap((word) =>
    (word.match(/../g) ?? []).reverse().map((byte) => parseInt(byte, 16))
  );
  if (bytes.length === 4) return bytes.join(".");
  // An IPv4 address as IPv6 writes it (RFC 4291, 2.5.5.2).
  if (hex.startsWith(MAPPED)) return bytes.slice(12).join(".");
  if (bytes.every((byte) => byte === 0)) return "::";
  if (bytes.slice(0, 15).every((byte) => byte === 0) && bytes[15] === 1) return "::1";
  const groups = Array.from(
    { length: 8 },
    (_, i) => ((bytes[2 * i] << 8) | bytes[2 * i + 1]).toString(16),
  );
  return groups.join(":");
}
