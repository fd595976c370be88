/**
 * What the kernel tells about processes (proc(5)). Deno lets only a program with every permission
 * read it, which this one has not (2.7.11, 2.9.6, measured): `cat` and `find` do it.
 */
import type { Clock } from "../../clock.ts";
import { ask } from "./ask.ts";

/** The kernel answers at once; starting `cat` takes its time while a machine boots. */
const PROC_MS = 5_000;

/** The text of these files, one after the other; undefined when none can be read. */
export async function readProc(
  files: readonly string[],
  clock: Clock,
): Promise<string | undefined> {
  const answer = await ask(["cat", ...files], { clock, timeoutMs: PROC_MS });
  return answer.kind === "ended" && answer.stdout !== "" ? answer.stdout : undefined;
}

/** Whether a process is suspended, as by SIGSTOP or Ctrl-Z: it does nothing then. */
export async function isSuspended(pid: number, clock: Clock): Promise<boolean> {
  return (await suspendedOf([pid], clock)).has(pid);
}

/** The same for several: those that are. */
export async function suspendedOf(
  pids: readonly number[],
  clock: Clock,
): Promise<ReadonlySet<number>> {
  const stats = await readProc(pids.map((pid) => `/proc/${pid}/stat`), clock) ?? "";
  // The state follows the program's name, which may hold anything, a line end too.
  const found = stats.split(/\n(?=\d+ \()/).map((stat) => ({
    pid: Number.parseInt(stat),
    state: stat.charAt(stat.lastIndexOf(")") + 2),
  }));
  return new Set(found.filter(({ state }) => /^[Tt]$/.test(state)).map(({ pid }) => pid));
}

/**
 * Whether a process lives, which one that has ended and was not collected yet does not. True as well
 * where that is not known.
 */
export async function isLiving(pid: number, clock: Clock): Promise<boolean> {
  return !["Z", "X"].includes(await stateOf(pid, clock) ?? "");
}

/**
 * One letter, which follows the program's name, which may hold anything (proc(5)); X where there is no
 * such process, undefined where that cannot be told.
 */
async function stateOf(pid: number, clock: Clock): Promise<string | undefined> {
  const answer = await ask(["cat", `/proc/${pid}/stat`], { clock, timeoutMs: PROC_MS });
  if (answer.kind !== "ended") return undefined;
  return answer.stdout === "" ? "X" : answer.stdout.charAt(answer.stdout.lastIndexOf(")") + 2);
}

/** More programs than that do not stand between this one and its shell. */
const ANCESTORS_MAX = 10;

/**
 * Whether a shell would see that this program is suspended, and could let it go on: somebody who started its
 * process group is in its session, and in another group (setpgid(2)). True where that cannot be told.
 */
export async function hasJobControl(clock: Clock): Promise<boolean> {
  const own = await familyOf(Deno.pid, clock);
  let parent = own?.parent;
  for (let i = 0; own && parent && i < ANCESTORS_MAX; i++) {
    const family = await familyOf(parent, clock);
    if (!family || family.session !== own.session) return false;
    if (family.group !== own.group) return true;
    parent = family.parent;
  }
  return own === undefined;
}

/** Whether a process is of the group that its terminal belongs to. False where that is not known. */
export async function hasTerminal(pid: number, clock: Clock): Promise<boolean> {
  const family = await familyOf(pid, clock);
  return family !== undefined && family.group === family.owner;
}

/** Where a process belongs to (proc_pid_stat(5)). `owner`: the group that its terminal belongs to. */
async function familyOf(pid: number, clock: Clock) {
  const stat = await readProc([`/proc/${pid}/stat`], clock);
  if (stat === undefined) return undefined;
  // After the name, which may hold anything: the state, and then these.
  const [, parent, group, session, , owner] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    .map(Number);
  return { parent, group, session, owner };
}

/** A socket that a process has open, and where the kernel shows it: a link (proc(5)). */
export interface OpenSocket {
  readonly inode: string;
  readonly pid: number;
  readonly link: string;
}

/** Where this socket, given by its inode, is open, as far as this user may look. Takes 20 ms. */
export async function openSocket(inode: string, clock: Clock): Promise<OpenSocket | undefined> {
  const answer = await ask(
    // the shell spreads the pattern; its argument is a number
    ["/bin/sh", "-c", `find /proc/[0-9]*/fd -lname "socket:\\[$1\\]" 2>/dev/null`, "sh", inode],
    { clock, timeoutMs: PROC_MS },
  );
  const holder = answer.kind === "ended" ? firstHolder(answer.stdout) : undefined;
  return holder && { inode, ...holder };
}

/**
 * Of the links to one socket, a line each, that of the process with the lowest number: one that it is
 * starting has its sockets, too, until it runs its program (fork(2)).
 */
export function firstHolder(links: string): Pick<OpenSocket, "pid" | "link"> | undefined {
  return [...links.matchAll(/^\/proc\/(\d+)\/fd\/\d+$/gm)]
    .map(([link, pid]) => ({ link, pid: Number(pid) }))
    .toSorted((a, b) => a.pid - b.pid).at(0);
}

/** Whether the same process has it open still: an inode is no other socket's as long as it is. */
export async function isStillOpen({ link, inode }: OpenSocket, clock: Clock): Promise<boolean> {
  const answer = await ask(["readlink", link], { clock, timeoutMs: PROC_MS });
  return answer.kind === "ended" && answer.stdout === `socket:[${inode}]\n`;
}
