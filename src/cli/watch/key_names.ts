/** What a terminal sends for keys, as names of keys. */

/** After ESC `[` or ESC `O`, as xterm and those like it send them. */
const SEQUENCES: Readonly<Record<string, string>> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  H: "home",
  F: "end",
  Z: "shift-tab",
  "1~": "home",
  "4~": "end",
  "5~": "page-up",
  "6~": "page-down",
  "7~": "home",
  "8~": "end",
};

const CONTROLS: Readonly<Record<string, string>> = {
  "\x03": "ctrl-c",
  "\x0c": "ctrl-l",
  "\x1a": "ctrl-z",
  "\t": "tab",
  "\r": "enter",
  "\n": "enter",
  "\x7f": "backspace",
  "\b": "backspace",
  " ": "space",
};

// deno-lint-ignore no-control-regex
const WHOLE = /^\x1b(?:\[([\d;?]*[@-~])|O([@-~]))/;
// deno-lint-ignore no-control-regex
const BEGUN = /^\x1b(?:\[[\d;?]*|O)?$/;

/**
 * Reads keys out of what arrives. A sequence may come in parts, so that one that is not whole is kept
 * until more comes: `late` says that nothing more has come, and what was kept was the Escape key.
 * Characters are their own names; a sequence that is not known is dropped.
 */
export function keyReader(): { read(bytes: Uint8Array): string[]; late(): string[] } {
  const decoder = new TextDecoder();
  let kept = "";

  function take(text: string): string[] {
    const keys: string[] = [];
    let rest = text;
    while (rest !== "") {
      if (BEGUN.test(rest)) break;
      const sequence = WHOLE.exec(rest);
      const [first] = rest;
      if (sequence) {
        const name = SEQUENCES[sequence[1] ?? sequence[2]];
        if (name !== undefined) keys.push(name);
        rest = rest.slice(sequence[0].length);
        continue;
      }
      rest = rest.slice(first.length);
      if (first === "\x1b") keys.push("escape");
      else if (first in CONTROLS) keys.push(CONTROLS[first]);
      else if (first >= " ") keys.push(first);
    }
    kept = rest;
    return keys;
  }

  return {
    read: (bytes) => take(kept + decoder.decode(bytes, { stream: true })),
    late() {
      if (kept === "") return [];
      const rest = kept.slice(1);
      kept = "";
      return ["escape", ...take(rest)];
    },
  };
}
