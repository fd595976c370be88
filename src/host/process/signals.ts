/** The signals that ask a program to end: Ctrl-C, `kill`, and the terminal going away. */

const ENDING = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
export type EndingSignal = typeof ENDING[number];

interface Ending extends Disposable {
  /** Aborts at the first of them. */
  readonly signal: AbortSignal;
  /** The one that came. */
  readonly name: EndingSignal | undefined;
}

/** For work that one of them ends: `onEndingSignal` as an abort signal, until it is disposed. */
export function untilEnded(onSignal: () => void = () => {}): Ending {
  const stop = new AbortController();
  let came: EndingSignal | undefined;
  const stopListening = onEndingSignal((name) => {
    came = name;
    stop.abort();
    onSignal();
  });
  return {
    signal: stop.signal,
    get name() {
      return came;
    },
    [Symbol.dispose]: stopListening,
  };
}

/**
 * Calls `onSignal` at the first of them. A second one ends the process at once, as if nobody had
 * listened; so does the first one when `onSignal` throws. `once`: that one may come again without that,
 * as where a scheduler sends it to each process of a job and these pass it on. Returns a function that
 * stops listening.
 */
export function onEndingSignal(
  onSignal: (name: EndingSignal) => void,
  { once }: { once?: EndingSignal } = {},
): () => void {
  let seen: EndingSignal | undefined;
  const isHeard = (name: EndingSignal) => {
    try {
      onSignal(name);
      return true;
    } catch {
      return false;
    }
  };
  const listeners = ENDING.map((name) => {
    const listener = () => {
      if (seen !== undefined && seen === name && name === once) return;
      if (seen === undefined) {
        seen = name;
        if (isHeard(name)) return;
      }
      remove();
      Deno.kill(Deno.pid, name);
    };
    Deno.addSignalListener(name, listener);
    return { name, listener };
  });
  const remove = () => {
    for (const { name, listener } of listeners) Deno.removeSignalListener(name, listener);
  };
  return remove;
}
