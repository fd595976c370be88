/** When this machine was started, and as which boot. */
import { uptime } from "node:os";
import type { Clock } from "../clock.ts";
import { readProc } from "./proc.ts";

export interface Boot {
  /** The kernel's own id of it (random(4)); undefined where it has none: not on Linux. */
  id?: string;
  /** Epoch milliseconds, by the machine's clock as it is now. */
  at: number;
}

/** The boot that this is. */
export async function thisBoot(clock: Clock): Promise<Boot> {
  const id = await readProc(["/proc/sys/kernel/random/boot_id"], clock);
  return { id: id?.trim(), at: clock.now() - uptime() * 1_000 };
}
