/**
 * What an agent's shell commands have left running. OpenCode ends a command with its process group
 * (SIGTERM, then SIGKILL after 0.2 s on 1.1.53, 3 s on 1.18.33, measured): what has left that group
 * runs on, and nobody else tells.
 */
import { type Clock, sleep } from "../../clock.ts";
import { ask } from "./ask.ts";
import { bootedAt } from "../system/boot.ts";

export interface AgentProcess {
  pid: number;
  /** Its command line, as it is: not safe to print. */
  command: string;
  /** TCP ports that it listens on. */
  ports: readonly number[];
  /** A command of an agent that the server waits for, or a part of one. */
  atWork: boolean;
}

/** Some 0.1 s; on a machine with far too much work, seconds. */
const LOOK_MS = 5_000;
/** A process that is asked to end has as long as OpenCode gives it. */
const END_MS = 3_000;
/** What is killed is gone at once, unless it waits for a disk. */
const KILLS_MAX = 10;
const END_LOOK_MS = 100;
/** The clock ticks of /proc in a second, on Linux on every machine (USER_HZ, proc(5)). */
const TICKS = 100;
/** The start of a process is exact to a hundredth of a second, the boot less exactly. */
const ROUNDING_MS = 1_000;

/**
 * The processes that carry a mark of OpenCode: `OPENCODE` (1.1.53, 1.18.33, measured), `OPENCODE_TERMINAL`
 * (2, a build of July 2026, measured). Without those that have a terminal: both generations mark what a
 * person starts in OpenCode's own in the same way, and give the agent's commands none. And without those
 * that share the server's session, which are its own: language servers and the like. Each with its start, its folder,
 * the name of the program that started its session's leader if that still runs, the sockets that it
 * holds, the lines of those that are listened on, and its command line, ended by NUL, as a folder may
 * hold anything but that. Deno may not read /proc itself.
 */
const MARKED = `
cd /proc || exit 0
mark='OPENCODE(_TERMINAL)?=1'
grep -lzxE "$mark" [0-9]*/environ 2>/dev/null | while IFS=/ read -r pid _; do
  stat=$(cat "$pid/stat" 2>/dev/null) && folder=$(readlink "$pid/cwd" 2>/dev/null) || continue
  set -- \${stat##*) }
  [ "$5" = 0 ] || continue
  if [ "$4" != "$pid" ] && [ -e "$4" ]; then
    grep -qzxE "$mark" "$4/environ" 2>/dev/null || continue
  fi
  start=\${20} leader=$(cat "$4/stat" 2>/dev/null) starter=
  if [ -n "$leader" ]; then
    set -- \${leader##*) }
    starter=$(cat "$2/comm" 2>/dev/null)
  fi
  sockets=$(ls -l "$pid/fd" 2>/dev/null | sed -n 's/.* socket:\\[\\([0-9]*\\)\\]$/\\1/p')
  listening=$(grep -h ' 0A ' "$pid/net/tcp" "$pid/net/tcp6" 2>/dev/null)
  command=$(tr '\\0' ' ' 2>/dev/null <"$pid/cmdline")
  printf '%s\\0%s\\0%s\\0%s\\0%s\\0%s\\0%s\\0' \\
    "$pid" "$start" "$folder" "$starter" "$sockets" "$listening" "$command"
done`;
const FIELDS = 7;
/** Who waits for the commands of its agents: OpenCode, under all names that it has. */
const SERVER = /opencode|^bun$|^node$/;

/**
 * The processes of agents that were started in `root` since then, and still run: of this session's,
 * and of others' in the same tree. `since` in epoch milliseconds. What left the tree, or cleared its
 * environment, is not found; nothing is found elsewhere than on Linux. Undefined when the look did not
 * end in time.
 */
export async function agentProcesses(
  { root, since }: { root: string; since: number },
  clock: Clock,
): Promise<readonly AgentProcess[] | undefined> {
  const answer = await ask(["/bin/sh", "-c", MARKED], { clock, timeoutMs: LOOK_MS });
  if (answer.kind !== "ended") return undefined;
  const booted = bootedAt(clock);
  const found: AgentProcess[] = [];
  const fields = answer.stdout.split("\0");
  for (let i = 0; i + FIELDS <= fields.length; i += FIELDS) {
    const [pid, ticks, folder, starter, sockets, listening, command] = fields.slice(i, i + FIELDS);
    const startedAt = booted + Number(ticks) * 1_000 / TICKS;
    const isHere = folder === root || folder.startsWith(`${root}/`);
    // One without a command line is ending: its memory is gone already.
    const runs = command.trim() !== "";
    if (runs && isHere && startedAt >= since - ROUNDING_MS) {
      found.push({
        pid: Number(pid),
        command: command.trim(),
        ports: portsOf(listening, sockets.split("\n")),
        atWork: SERVER.test(starter.trim()),
      });
    }
  }
  return found;
}

/** Of lines of /proc/net/tcp (proc(5)): the local address is the second field, the socket the tenth. */
function portsOf(lines: string, sockets: readonly string[]): number[] {
  const ports = lines.split("\n").map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === "0A" && sockets.includes(fields[9]))
    .map(([, address]) => parseInt(address.slice(address.lastIndexOf(":") + 1), 16));
  return [...new Set(ports)].sort((a, b) => a - b);
}

/**
 * What commands of agents have left running in `root`, of whatever session; `since` and what is not found:
 * see `agentProcesses`.
 */
export async function leftProcesses(
  root: string,
  clock: Clock,
  since = 0,
): Promise<readonly AgentProcess[] | undefined> {
  const all = await agentProcesses({ root, since }, clock);
  return all?.filter(({ pid, atWork }) => !atWork && pid !== Deno.pid);
}

/**
 * Ends what commands of agents have left running in `root`: asks, and kills what is still there after
 * 3 s. Hands back what was there, and what still is; `left` is undefined when nobody could look.
 */
export async function endLeftProcesses(
  root: string,
  clock: Clock,
): Promise<{ ended: readonly AgentProcess[]; left?: readonly AgentProcess[] }> {
  const found = await leftProcesses(root, clock);
  if (!found) return { ended: [] };
  let left: readonly AgentProcess[] | undefined = found;
  const asked = clock.monotonic();
  for (const { pid } of found) signal(pid, "SIGTERM");
  for (let kills = 0; left && left.length > 0 && kills < KILLS_MAX;) {
    await sleep(clock, END_LOOK_MS);
    left = await leftProcesses(root, clock);
    if (!left || clock.monotonic() < asked + END_MS) continue;
    // More than once: one that is being killed may start another one meanwhile.
    for (const { pid } of left) signal(pid, "SIGKILL");
    kills++;
  }
  if (!left) return { ended: [] };
  const stays = new Set(left.map(({ pid }) => pid));
  return { ended: found.filter(({ pid }) => !stays.has(pid)), left };
}

/** One that has ended meanwhile, or is another user's, stays as it is. */
function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch (error) {
    const stays = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.PermissionDenied;
    if (!stays) throw error;
  }
}
