/** The terminal as a screen with keys, put back as it was on every way out. */
import type { Clock } from "../../clock.ts";
import { type EndingSignal, onEndingSignal } from "../../host/process/signals.ts";
import { setRawInput, type Stream, unread } from "../output/streams.ts";
import { openKeyboard } from "./keyboard.ts";
import { createPainter } from "./paint.ts";
import type { Size } from "./screen.ts";

/** The other screen, without a cursor, and without lines that go on in the next one. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l";
/** Ends a half-sent update, too. */
const LEAVE = "\x1b[?2026l\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";
/** What comes before the end of a program that nobody has called to an end. */
const LAST_EVENTS = ["error", "unhandledrejection", "unload"];

interface Handlers {
  onKey(key: string): void;
  /** What is shown may be gone, or the size another: it is to be shown again. */
  onDamage(): void;
  /** A signal, or a terminal that is gone. */
  onEnd(signal: EndingSignal): void;
}

export interface Terminal {
  size(): Size;
  /** Sends what differs from what is shown. */
  show(lines: readonly string[]): unknown;
  /** Takes what is shown for unknown. */
  forget(): void;
  /** Hands the terminal over for the time of `work`, as it was found. */
  lend<T>(work: (lent: { line: () => Promise<void> }) => Promise<T>): Promise<T>;
  /** Stops this program and its group, as Ctrl-Z does elsewhere. */
  suspend(): void;
  close(): void;
}

/** Takes the terminal over at once. */
export function openTerminal(stream: Stream, clock: Clock, handlers: Handlers): Terminal {
  const out = unread(stream);
  const { onKey, onEnd, onDamage } = handlers;
  const keyboard = openKeyboard(clock, { onKey, onGone: () => onEnd("SIGHUP") });
  const painter = createPainter(out.write);
  let isOn = false;
  let isSuspended = false;
  let stopSignals = () => {};

  function enter(): void {
    isOn = true;
    painter.forget();
    setRawInput(true);
    out.write(ENTER);
    Deno.addSignalListener("SIGTSTP", suspend);
    stopSignals = onEndingSignal(onEnd);
    keyboard.start();
  }

  function leave(): void {
    if (!isOn) return;
    isOn = false;
    keyboard.stop();
    stopSignals();
    Deno.removeSignalListener("SIGTSTP", suspend);
    out.write(LEAVE);
    cooked();
  }

  function suspend(): void {
    leave();
    isSuspended = true;
    Deno.kill(0, "SIGTSTP");
  }

  /** Also after a SIGSTOP, before which nothing could be put back: the shell may have done so. */
  function goOn(): void {
    if (isOn) leave();
    else if (!isSuspended) return;
    isSuspended = false;
    enter();
    onDamage();
  }

  const stopListening = listen({ onResize: () => isOn && onDamage(), goOn, onLast: leave });
  enter();

  return {
    size: consoleSize,
    show: (lines) => isOn && painter.show(lines, consoleSize().columns),
    forget: painter.forget,
    async lend(work) {
      leave();
      try {
        return await withoutCtrlC(() => work(keyboard));
      } finally {
        enter();
        onDamage();
      }
    },
    suspend,
    close() {
      leave();
      stopListening();
    },
  };
}

/** Until what it returns is called. */
function listen(
  { onResize, goOn, onLast }: { onResize: () => void; goOn: () => void; onLast: () => void },
): () => void {
  Deno.addSignalListener("SIGWINCH", onResize);
  Deno.addSignalListener("SIGCONT", goOn);
  for (const event of LAST_EVENTS) globalThis.addEventListener(event, onLast);
  return () => {
    Deno.removeSignalListener("SIGWINCH", onResize);
    Deno.removeSignalListener("SIGCONT", goOn);
    for (const event of LAST_EVENTS) globalThis.removeEventListener(event, onLast);
  };
}

/** Ctrl-C is for the program that has the terminal meanwhile. */
async function withoutCtrlC<T>(work: () => Promise<T>): Promise<T> {
  const ignore = () => {};
  Deno.addSignalListener("SIGINT", ignore);
  try {
    return await work();
  } finally {
    Deno.removeSignalListener("SIGINT", ignore);
  }
}

/** Of a terminal that is gone nothing is known, and what is drawn is dropped. */
function consoleSize(): Size {
  try {
    const { columns, rows } = Deno.consoleSize();
    return { columns, rows };
  } catch {
    return { columns: 80, rows: 24 };
  }
}

/** A terminal that is gone has no mode. */
function cooked(): void {
  try {
    setRawInput(false);
  } catch {
    // There is nothing to put back.
  }
}
