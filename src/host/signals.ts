/** The signals that ask a program to end: Ctrl-C, `kill`, and the terminal going away. */

const ENDING = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
export type EndingSignal = typeof ENDING[number];

/**
 * Calls `onSignal` at the first of them. A second one ends the process at once, as if nobody had
 * listened. Returns a function that stops listening.
 */
export function onEndingSignal(onSignal: (name: EndingSignal) => void): () => void {
  let seen = false;
  const listeners = ENDING.map((name) => {
    const listener = () => {
      if (!seen) {
        seen = true;
        onSignal(name);
        return;
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
