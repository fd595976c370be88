/** The signals that ask a program to end: Ctrl-C, `kill`, and the terminal going away. */

const ENDING = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
export type EndingSignal = typeof ENDING[number];

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
