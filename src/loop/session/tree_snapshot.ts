import * as z from "zod";
import { RalphError } from "../../error.ts";
import type { TreeState } from "../../host/git/tree_state.ts";
import { parseStored } from "../../stored_json.ts";
import type { KeptTree } from "../context.ts";

const treeSchema = z.object({
  head: z.string().optional(),
  branch: z.string().optional(),
  changed: z.array(z.tuple([
    z.string(),
    z.object({ committed: z.string().optional(), now: z.string(), mark: z.string() }),
  ])),
  repositories: z.array(z.string()).optional(),
  tips: z.array(z.string()).optional(),
  remotes: z.array(z.string()).optional(),
  at: z.number().optional(),
});

/** The state of a work tree as JSON text. */
export function serializeTree({ changed, ...rest }: TreeState): string {
  return JSON.stringify({ ...rest, changed: [...changed] });
}

/**
 * The state that `serializeTree` made the text of. `what` names the text, to complete `cannot read …`.
 * Throws `RalphError` (`state`) for any other text.
 */
export function parseTree(text: string, what: string): TreeState {
  const { changed, ...rest } = parseStored(text, { schema: treeSchema, what });
  return { ...rest, changed: new Map(changed) };
}

/** Names of what `keptTree` keeps: the tree before a turn, and as a reviewer was shown it. */
export const KEPT_TREES = { turn: "tree.json", review: "reviewed.json" } as const;

/**
 * Where a tree as it was before what is done next outlives its worker. One that git could not tell does not,
 * and what cannot be read counts as such a one: then nobody knows what was changed since.
 */
export function keptTree(
  folder: {
    read(name: string): Uint8Array | undefined;
    write(name: string, bytes: Uint8Array): void;
  },
  name: string,
): KeptTree {
  return {
    keep: (tree) => folder.write(name, new TextEncoder().encode(tree ? serializeTree(tree) : "")),
    kept() {
      const text = new TextDecoder().decode(folder.read(name));
      try {
        return text === "" ? undefined : parseTree(text, name);
      } catch (error) {
        if (error instanceof RalphError) return undefined;
        throw error;
      }
    },
  };
}
