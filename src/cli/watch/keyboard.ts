/** Keys as they are pressed, in a terminal whose input is raw. */
import type { Clock } from "../../clock.ts";
import { keyReader } from "./key_names.ts";

/** What of a sequence has not come by then does not come: it was the Escape key. */
const LATE_MS = 50;
const BYTES_MAX = 1024;

interface Keyboard {
  start(): void;
  /** Nothing is read from then on, when it is called by `onKey`. */
  stop(): void;
  /** Resolves once Enter was pressed, where the terminal makes lines of its input. */
  line(): Promise<void>;
}

/**
 * A read that waits cannot be called off, and would take the first key from a program that the terminal
 * is handed to. So none is begun before what the keys of the one before ask for is done.
 */
export function openKeyboard(
  clock: Clock,
  { onKey, onGone }: { onKey: (key: string) => void; onGone: () => void },
): Keyboard {
  const keys = keyReader();
  // Of our own: what the standard input is set to, as not to block, does not count.
  const file = Deno.openSync("/dev/tty", { read: true });
  let isOn = false;
  let isReading = false;
  let cancelLate = () => {};

  const press = (names: readonly string[]) => names.forEach((name) => isOn && onKey(name));

  async function readOn(): Promise<void> {
    if (isReading) return;
    isReading = true;
    while (isOn) {
      const bytes = await read(file);
      if (bytes === undefined) return onGone();
      cancelLate();
      cancelLate = clock.after(LATE_MS, () => press(keys.late()));
      press(keys.read(bytes));
    }
    isReading = false;
  }

  return {
    start() {
      isOn = true;
      void readOn();
    },
    stop() {
      isOn = false;
      cancelLate();
    },
    line: async () => void await read(file),
  };
}

/** Undefined when the terminal is gone. */
async function read(file: Deno.FsFile): Promise<Uint8Array | undefined> {
  const bytes = new Uint8Array(BYTES_MAX);
  try {
    const count = await file.read(bytes);
    return count === null || count === 0 ? undefined : bytes.subarray(0, count);
  } catch {
    return undefined;
  }
}
