import type { TreeState } from "../host/git.ts";

/** The state of a work tree as JSON text. */
export function storeTree({ head, branch, changed }: TreeState): string {
  return JSON.stringify({ head, branch, changed: [...changed] });
}

/** The state that `storeTree` made the text of. */
export function storedTree(text: string): TreeState {
  const { head, branch, changed } = JSON.parse(text);
  return { head, branch, changed: new Map(changed) };
}
