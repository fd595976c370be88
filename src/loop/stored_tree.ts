import type { TreeState } from "../host/git.ts";

/** The state of a work tree as JSON text. */
export function storeTree({ changed, ...rest }: TreeState): string {
  return JSON.stringify({ ...rest, changed: [...changed] });
}

/** The state that `storeTree` made the text of. */
export function storedTree(text: string): TreeState {
  const { changed, ...rest } = JSON.parse(text);
  return { ...rest, changed: new Map(changed) };
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
