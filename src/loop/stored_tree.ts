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

const KEPT_TREE = "tree.json";

/** Where the tree as it was before a turn outlives its worker. One that git could not tell does not. */
export function keptTree(
  folder: {
    read(name: string): Uint8Array | undefined;
    write(name: string, bytes: Uint8Array): void;
  },
): { keep(tree: TreeState | undefined): void; kept(): TreeState | undefined } {
  return {
    keep: (tree) => folder.write(KEPT_TREE, new TextEncoder().encode(tree ? storeTree(tree) : "")),
    kept() {
      const text = new TextDecoder().decode(folder.read(KEPT_TREE));
      return text === "" ? undefined : storedTree(text);
    },
  };
}
