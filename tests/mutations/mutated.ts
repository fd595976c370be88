import type { Mutation } from "./mutations.ts";

/** The text of a mutation's file with its edits. Throws when one is not to be made exactly once. */
export function mutated(text: string, { name, file, edits }: Mutation): string {
  return edits.reduce((before, edit) => {
    const found = before.split(edit.old).length - 1;
    if (found !== 1) throw new Error(`${name}: ${found} times in ${file}: ${edit.old}`);
    return before.replace(edit.old, () => edit.new);
  }, text);
}
