import { uptime } from "node:os";
import type { Clock } from "../clock.ts";

/** When this machine was started, in epoch milliseconds. */
export function bootedAt(clock: Clock): number {
  return clock.now() - uptime() * 1_000;
}
