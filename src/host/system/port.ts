/** Who listens on a TCP port of this machine (Linux, from proc(5)). */
import type { Clock } from "../../clock.ts";
import { accountName } from "./accounts.ts";
import { openSocket, readProc } from "../process/proc.ts";

export interface Listener {
  /** As in `127.0.0.1`, `0.0.0.0`, `::1`. */
  address: string;
  uid: number;
  /** The name of another user, where this machine knows it. */
  user?: string;
  /** Undefined for a process of another user, which only root can name. */
  pid?: number;
  /** Its command line, words parted by spaces. Foreign text. */
  command?: string;
  /** The control group, which names the systemd unit that it belongs to. */
  controlGroup?: string;
}

/** A socket that listens, as the kernel's table has it. */
interface Socket {
  address: string;
  uid: number;
  inode: string;
}

/** Undefined where it is not known: not on Linux. */
export async function listenersOn(
  port: number,
  clock: Clock,
): Promise<readonly Listener[] | undefined> {
  const sockets = await socketsOn(port, clock);
  return sockets && await Promise.all(sockets.map((socket) => withProcess(socket, clock)));
}

/** The unit of this user's systemd that listens there, as its control group says. */
export async function unitOn(port: number, clock: Clock): Promise<string | undefined> {
  const [listener] = await listenersOn(port, clock) ?? [];
  return userUnitOf(listener?.controlGroup ?? "");
}

/** Of a unit that is the system's, and of none, undefined. */
export function userUnitOf(controlGroup: string): string | undefined {
  return /\/user@\d+\.service\/(?:.*\/)?([\w.@:-]+\.service)(?:\/|$)/.exec(controlGroup)?.[1];
}

/** The sockets of this user that listen there, by inode: another server has others. */
export async function ownSockets(port: number, clock: Clock): Promise<readonly string[]> {
  const sockets = await socketsOn(port, clock) ?? [];
  return sockets.filter(({ uid }) => uid === Deno.uid()).map(({ inode }) => inode);
}

/** Who answers at an address of this machine, as far as the kernel says. */
type Answerer =
  | { who: "unknown" | "nobody" | "own" }
  /** Another user of this machine. */
  | { who: "foreign"; listener: Listener };

/** Looks whose the sockets are that a request to `url` may reach. It takes some 3 ms. */
export async function whoAnswers(url: string, clock: Clock): Promise<Answerer> {
  const sockets = await socketsOn(portOf(url), clock);
  if (sockets === undefined) return { who: "unknown" };
  const foreign = sockets.find((socket) => isForeign(socket, { url, uid: Deno.uid() ?? 0 }));
  if (foreign) return { who: "foreign", listener: await withProcess(foreign, clock) };
  return { who: sockets.some(({ address }) => mayAnswer(address, url)) ? "own" : "nobody" };
}

/**
 * Whether a request to `url` may reach this listener, and it belongs to another user than `uid`. What
 * is root's is not counted as foreign: root reads every file and all memory here, so that nothing can
 * be kept from it, and what forwards a port into a container is often root's.
 */
export function isForeign(
  listener: Pick<Listener, "address" | "uid">,
  { url, uid }: { url: string; uid: number },
): boolean {
  return listener.uid !== uid && listener.uid !== 0 && mayAnswer(listener.address, url);
}

export function portOf(url: string): number {
  return Number(new URL(url).port) || 80;
}

/** Where a name of this machine leads; `::` takes IPv4 as well, unless told otherwise (ipv6(7)). */
const IPV4 = ["127.0.0.1", "0.0.0.0", "::"];
const IPV6 = ["::1", "::"];
const ANSWERING: Readonly<Record<string, readonly string[]>> = {
  "127.0.0.1": IPV4,
  "[::1]": IPV6,
  localhost: [...IPV4, ...IPV6],
};

function mayAnswer(address: string, url: string): boolean {
  return ANSWERING[new URL(url).hostname]?.includes(address) ?? true;
}

async function socketsOn(port: number, clock: Clock): Promise<readonly Socket[] | undefined> {
  if (Deno.build.os !== "linux") return undefined;
  const table = await readProc(["/proc/net/tcp", "/proc/net/tcp6"], clock);
  return table === undefined ? undefined : listeningSockets(table, port);
}

async function withProcess({ address, uid, inode }: Socket, clock: Clock): Promise<Listener> {
  const pid = (await openSocket(inode, clock))?.pid;
  const user = uid === Deno.uid() ? undefined : accountName(uid);
  if (pid === undefined) return { address, uid, user };
  const [command, groups] = await Promise.all([
    readProc([`/proc/${pid}/cmdline`], clock),
    readProc([`/proc/${pid}/cgroup`], clock),
  ]);
  return {
    address,
    uid,
    user,
    pid,
    command: command?.replaceAll("\0", " ").trim(),
    controlGroup: groups === undefined ? undefined : controlGroupFrom(groups),
  };
}

/**
 * That of systemd, among those of other controllers where there are several (cgroups(7)); of its two
 * trees, that which it does not use has all in its root.
 */
export function controlGroupFrom(groups: string): string | undefined {
  const found = [...groups.matchAll(/^(?:0::|\d+:name=systemd:)(.+)$/gm)].map(([, group]) => group);
  return found.find((group) => group !== "/") ?? found.at(0);
}

/** The lines of a table of sockets that are in state LISTEN (0A) on this port. */
export function listeningSockets(
  table: string,
  port: number,
): readonly Socket[] {
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
