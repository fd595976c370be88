/** Keys as they are pressed, in a terminal whose input is raw. */
import { closeSync, constants, openSync, readSync } from "node:fs";
import type { Clock } from "../../clock.ts";
import { keyReader } from "./key_names.ts";

/** Soon enough for who types, and 0.1 % of a core. */
const LOOK_MS = 30;
const BYTES_MAX = 1024;
const NEWLINE = "\n".charCodeAt(0);

interface Keyboard {
  start(): void;
  stop(): void;
  /** Resolves once Enter was pressed, where the terminal makes lines of its input. */
  line(): Promise<void>;
  close(): void;
}

/**
 * Keys are read from a descriptor of our own that does not block: a read that waits could not be
 * called off, and would take the first key from a program that the terminal is handed to.
 */
export function openKeyboard(
  clock: Clock,
  { onKey, onGone }: { onKey: (key: string) => void; onGone: () => void },
): Keyboard {
  const keys = keyReader();
  const keyboard = openSync("/dev/tty", constants.O_RDONLY | constants.O_NONBLOCK);
  let isOn = false;
  let cancel = () => {};

  function look(): void {
    cancel = clock.after(LOOK_MS, look);
    const bytes = pressed(keyboard);
    if (bytes === "gone") return onGone();
    const names = bytes === undefined ? keys.late() : keys.read(bytes);
    for (const name of names) if (isOn) onKey(name);
  }

  return {
    start() {
      isOn = true;
      look();
    },
    stop() {
      isOn = false;
      cancel();
    },
    async line() {
      for (;;) {
        const bytes = pressed(keyboard);
        if (bytes === "gone" || bytes?.includes(NEWLINE)) return;
        await new Promise<void>((resolve) => clock.after(LOOK_MS, resolve));
      }
    },
    close: () => closeSync(keyboard),
  };
}

/** Undefined when nothing was; `gone`: the terminal is. */
function pressed(keyboard: number): Uint8Array | undefined | "gone" {
  const bytes = new Uint8Array(BYTES_MAX);
  try {
    const count = readSync(keyboard, bytes, 0, BYTES_MAX, null);
    return count === 0 ? "gone" : bytes.subarray(0, count);
  } catch (error) {
    return (error as { code?: string }).code === "EAGAIN" ? undefined : "gone";
  }
}
