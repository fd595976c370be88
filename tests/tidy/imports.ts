/** Which file imports what of which other file of the project. */
import * as path from "node:path";
import { at, type Source, visit } from "./source.ts";

/** One name that a file takes from another. */
export interface Import {
  from: string;
  to: string;
  /** `*` where the names cannot be told: a whole module. Empty where it is only run. */
  name: string;
  typeOnly: boolean;
  /** `src/a.ts:12`. */
  at: string;
}

/** All imports of the project's own files, those that are exported again and dynamic ones too. */
export function importsOf(source: Source): Import[] {
  const found: Import[] = [];
  function add(
    node: Deno.lint.Node,
    specifier: unknown,
    names: readonly { name: string; typeOnly?: boolean }[],
  ) {
    if (typeof specifier !== "string" || !specifier.startsWith(".")) return;
    const to = path.posix.join(path.posix.dirname(source.file), specifier);
    for (const { name, typeOnly = false } of names) {
      found.push({ from: source.file, to, name, typeOnly, at: at(source, node) });
    }
  }
  visit(source, {
    ImportDeclaration(node) {
      const names = node.specifiers.map((one) => ({
        name: one.type === "ImportSpecifier"
          ? nameOf(one.imported)
          : one.type === "ImportDefaultSpecifier"
          ? "default"
          : "*",
        typeOnly: node.importKind === "type" ||
          one.type === "ImportSpecifier" && one.importKind === "type",
      }));
      add(node, node.source.value, names.length > 0 ? names : [{ name: "" }]);
    },
    ExportNamedDeclaration(node) {
      const names = node.specifiers.map((one) => ({
        name: nameOf(one.local),
        typeOnly: node.exportKind === "type" || one.exportKind === "type",
      }));
      add(node, node.source?.value, names);
    },
    ExportAllDeclaration: (node) => add(node, node.source.value, [{ name: "*" }]),
    ImportExpression(node) {
      if (node.source.type === "Literal") add(node, node.source.value, takenFrom(node));
    },
    TSImportType(node) {
      const of = node.argument.type === "TSLiteralType" ? node.argument.literal : undefined;
      if (of?.type === "Literal") add(node, of.value, [{ name: "*", typeOnly: true }]);
    },
  });
  return found;
}

/**
 * The names that `const { a, b } = await import("…")` takes, also when it awaits several at once, and
 * the one of `(await import("…")).a`.
 */
function takenFrom(node: Deno.lint.ImportExpression): { name: string }[] {
  const { parent } = node;
  const several = parent.type === "ArrayExpression" ? parent : undefined;
  let holder: Deno.lint.Node = several ? several.parent : parent;
  while (holder.type === "AwaitExpression" || holder.type === "CallExpression") {
    holder = holder.parent;
  }
  if (holder.type === "MemberExpression" && holder.property.type === "Identifier") {
    return [holder.property];
  }
  let taken = holder.type === "VariableDeclarator" ? holder.id : undefined;
  if (several && taken?.type === "ArrayPattern") {
    taken = taken.elements[several.elements.indexOf(node)] as typeof taken;
  }
  if (taken?.type !== "ObjectPattern") return [{ name: "*" }];
  return taken.properties.map((one) =>
    one.type === "Property" && one.key.type === "Identifier" ? one.key : { name: "*" }
  );
}

function nameOf(node: Deno.lint.Identifier | Deno.lint.StringLiteral): string {
  return node.type === "Identifier" ? node.name : node.value;
}

/** Each circle of files that import one another, once: `a.ts → b.ts → a.ts`. */
export function circles(imports: readonly Import[]): string[] {
  const next = Map.groupBy(imports, ({ from }) => from);
  const found: string[] = [];
  for (const start of next.keys()) {
    const way = wayBack(start, next);
    // The same circle is met from each of its files: the first by name tells of it.
    if (way?.every((file) => file >= start)) found.push([...way, start].join(" → "));
  }
  return found;
}

/** The files of the shortest circle through this one. */
function wayBack(
  start: string,
  next: ReadonlyMap<string, readonly Import[]>,
): readonly string[] | undefined {
  const ways: string[][] = [[start]];
  const seen = new Set<string>();
  for (const way of ways) {
    for (const { to } of next.get(way[way.length - 1]) ?? []) {
      if (to === start) return way;
      if (!seen.has(to)) ways.push([...way, to]);
      seen.add(to);
    }
  }
}
