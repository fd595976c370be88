/** What is shown over the whole screen: its lines go on in further rows, so that nothing is cut. Pure. */
import { folded } from "./lines.ts";
import type { Body } from "./task_panel.ts";

interface Folded {
  body: Body;
  /** The first row of a line. */
  rowOf: (line: number) => number;
}

/** The first row of each line, and the number of all rows at the end; of what has thousands of lines. */
const known = new WeakMap<object, { columns: number; starts: Uint32Array }>();

export function foldedBody(body: Body, columns: number): Folded {
  const { of } = body;
  const before = of && known.get(of);
  const starts = before?.columns === columns ? before.starts : startsOf(body, columns);
  if (of) known.set(of, { columns, starts });
  const line = (row: number) => {
    const index = lineAt(starts, row);
    return rowsOf(body, index, columns)[row - starts[index]];
  };
  return { body: { length: starts[body.length], line }, rowOf: (index) => starts[index] };
}

function rowsOf({ line, hang }: Body, index: number, columns: number) {
  const whole = line(index);
  return folded(whole, columns, hang?.(whole));
}

function startsOf(body: Body, columns: number): Uint32Array {
  const starts = new Uint32Array(body.length + 1);
  for (let i = 0; i < body.length; i++) starts[i + 1] = starts[i] + rowsOf(body, i, columns).length;
  return starts;
}

/** The last line that begins at that row or above. */
function lineAt(starts: Uint32Array, row: number): number {
  let [low, high] = [0, starts.length - 2];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (starts[middle] <= row) low = middle;
    else high = middle - 1;
  }
  return low;
}
