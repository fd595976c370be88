/** The files that the tests of this folder look at, and what Deno's parser makes of them. */
import assert from "node:assert/strict";
import * as path from "node:path";

/** A file of the project: where it is, seen from the project's root, and what is in it. */
export interface Source {
  file: string;
  text: string;
}

const root = path.join(import.meta.dirname ?? "", "../..");

/** The TypeScript under these files and folders of the project, without `tests/fixtures`. */
export function sourcesIn(...places: readonly string[]): Source[] {
  return places.flatMap((place) => {
    if (place === "tests/fixtures") return [];
    if (place.endsWith(".ts")) {
      return [{ file: place, text: Deno.readTextFileSync(path.join(root, place)) }];
    }
    const entries = [...Deno.readDirSync(path.join(root, place))]
      .filter(({ name, isDirectory }) => isDirectory || name.endsWith(".ts"))
      .map(({ name }) => path.posix.join(place, name));
    return sourcesIn(...entries.sort());
  });
}

/** Calls the visitor with the nodes of the file's syntax tree that its selectors name. */
export function visit({ file, text }: Source, visitor: Deno.lint.LintVisitor): void {
  const plugin = { name: "tidy", rules: { visit: { create: () => visitor } } };
  const diagnostics = Deno.lint.runPlugin(plugin, file, text);
  assert.deepEqual(diagnostics, []);
}

/** `src/a.ts:12`. */
export function at({ file, text }: Source, node: { range: readonly [number, number] }): string {
  return `${file}:${text.slice(0, node.range[0]).split("\n").length}`;
}
