/** When this machine was started, and as which boot. */
import { uptime } from "node:os";
import type { Clock } from "../../clock.ts";
import { readProc } from "../process/proc.ts";

interface Boot {
  /** Undefined where the kernel has no id of it: not on Linux. */
  id?: string;
  /** Epoch milliseconds, by the machine's clock as it is now. */
  at: number;
}

/** When this machine was started, in epoch milliseconds, by its clock as it is now. */
export function bootedAt(clock: Clock): number {
  return clock.now() - uptime() * 1_000;
}

/** The boot that this is. */
export async function thisBoot(clock: Clock): Promise<Boot> {
  const told = await readProc(["/proc/sys/kernel/random/boot_id", "/proc/1/stat"], clock);
  return { id: told && bootIdFrom(told), at: bootedAt(clock) };
}

/**
 * The kernel's own id of its boot (random(4)), and when its first process began (proc(5)): a
 * container restarts under the same kernel.
 */
export function bootIdFrom(told: string): string {
  const [id, stat = ""] = told.split("\n");
  // Its name may hold anything, and is in brackets; the 20th field after it is the time.
  const began = stat.slice(stat.lastIndexOf(")") + 2).split(" ").at(19);
  return began === undefined ? id : `${id} ${began}`;
}
