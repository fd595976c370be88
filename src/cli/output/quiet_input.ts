import type { Clock } from "../../clock.ts";
import { hasTerminal } from "../../host/process/proc.ts";
import { echoInput } from "./streams.ts";

/**
 * Has the terminal show nothing of what is typed: an Enter, or the `^C` of a Ctrl-C, would move what is
 * drawn. Signals of keys stay. Returns what undoes it, and may be called again.
 */
export async function quietInput(clock: Clock): Promise<() => Promise<void>> {
  // The kernel would stop a process in the background that asks for this.
  const set = async (echo: boolean) => {
    if (await hasTerminal(Deno.pid, clock)) echoInput(echo);
  };
  await set(false);
  return () => set(true);
}
