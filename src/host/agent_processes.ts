/**
 * What an agent's shell commands have left running. OpenCode ends a command with its process group
 * (SIGTERM, then SIGKILL after 0.2 s on 1.1.53, 3 s on 1.18.33, measured): what has left that group
 * runs on, and nobody else tells.
 */
import type { Clock } from "../clock.ts";
import { ask } from "./ask.ts";
import { bootedAt } from "./boot.ts";

export interface AgentProcess {
  pid: number;
  /** Its command line, as it is: not safe to print. */
  command: string;
}

const LOOK_MS = 2_000;
/** The clock ticks of /proc in a second, on Linux on every machine (USER_HZ, proc(5)). */
const TICKS = 100;
/** The start of a process is told to a hundredth of a second, the boot less exactly. */
const ROUNDING_MS = 1_000;

/**
 * The processes that carry OpenCode's mark (1.1.53, 1.18.33, measured), without those that share the
 * server's session, which are its own: language servers and the like. Each with its folder, start and
 * command line, ended by NUL, as a folder may hold anything but that. Deno may not read /proc itself.
 */
const MARKED = `
cd /proc || exit 0
grep -lzxF OPENCODE=1 [0-9]*/environ 2>/dev/null | while IFS=/ read -r pid _; do
  stat=$(cat "$pid/stat" 2>/dev/null) && folder=$(readlink "$pid/cwd" 2>/dev/null) || continue
  set -- \${stat##*) }
  if [ "$4" != "$pid" ] && [ -e "$4" ]; then
    grep -qzxF OPENCODE=1 "$4/environ" 2>/dev/null || continue
  fi
  command=$(tr '\\0' ' ' 2>/dev/null <"$pid/cmdline")
  printf '%s\\0%s\\0%s\\0%s\\0' "$pid" "\${20}" "$folder" "$command"
done`;

/**
 * The processes of agents that were started in `root` since then, and still run: of this session's,
 * and of others' in the same tree. `since` in epoch milliseconds. What left the tree, or cleared its
 * environment, is not found; nothing is found elsewhere than on Linux.
 */
export async function agentProcesses(
  { root, since }: { root: string; since: number },
  clock: Clock,
): Promise<readonly AgentProcess[]> {
  const answer = await ask(["/bin/sh", "-c", MARKED], { clock, timeoutMs: LOOK_MS });
  if (answer.kind !== "ended") return [];
  const booted = bootedAt(clock);
  const found: AgentProcess[] = [];
  const fields = answer.stdout.split("\0");
  for (let i = 0; i + 4 <= fields.length; i += 4) {
    const [pid, ticks, folder, command] = fields.slice(i, i + 4);
    const startedAt = booted + Number(ticks) * 1_000 / TICKS;
    const isHere = folder === root || folder.startsWith(`${root}/`);
    if (isHere && startedAt >= since - ROUNDING_MS) {
      found.push({ pid: Number(pid), command: command.trim() });
    }
  }
  return found;
}
