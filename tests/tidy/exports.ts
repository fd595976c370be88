/** What a file exports and nobody needs. */
import { importsOf } from "./imports.ts";
import { at, type Source, visit } from "./source.ts";

interface Export {
  name: string;
  node: Deno.lint.Node;
  usedInside: boolean;
}

/**
 * Exports of the program that no other file of it imports. One that is exported for its test, and
 * used in its own file, is none of them. Whole modules (`import *`, `export *`, a dynamic import
 * without names) are refused, since what is used of them cannot be seen.
 */
export function unusedExports(program: readonly Source[], tests: readonly Source[]): string[] {
  const byProgram = program.flatMap(importsOf);
  const byTests = tests.flatMap(importsOf);
  const isIn = (imports: typeof byProgram, file: string, name: string) =>
    imports.some((one) => one.to === file && one.name === name);
  const files = new Set(program.map(({ file }) => file));
  const whole = [...byProgram, ...byTests]
    .filter(({ name, to }) => name === "*" && files.has(to))
    .map((one) => `${one.at} takes the whole of ${one.to}: name what it needs`);
  const unused = program.flatMap((source) =>
    exportsOf(source).filter(({ name }) => !isIn(byProgram, source.file, name))
      .flatMap(({ name, node, usedInside }) => {
        const isTested = isIn(byTests, source.file, name);
        if (isTested && usedInside) return [];
        return [
          `${at(source, node)} ${name} is used by ${isTested ? "tests alone" : "nobody else"}`,
        ];
      })
  );
  return [...whole, ...unused];
}

function exportsOf(source: Source): Export[] {
  const found: Export[] = [];
  const identifiers: Deno.lint.Identifier[] = [];
  const add = (name: string, node: Deno.lint.Node) => {
    found.push({ name, node, usedInside: false });
  };
  visit(source, {
    ExportNamedDeclaration(node) {
      for (const { exported } of node.specifiers) {
        add(exported.type === "Identifier" ? exported.name : exported.value, node);
      }
      for (const name of declaredBy(node.declaration)) add(name, node);
    },
    ExportDefaultDeclaration: (node) => add("default", node),
    Identifier: (node) => {
      if (!isProperty(node)) identifiers.push(node);
    },
  });
  for (const one of found) {
    one.usedInside = identifiers.some(({ name, range }) =>
      name === one.name && (range[0] < one.node.range[0] || range[0] > one.node.range[1])
    );
  }
  return found;
}

function declaredBy(node: Deno.lint.ExportNamedDeclaration["declaration"]): string[] {
  if (!node) return [];
  if (node.type !== "VariableDeclaration") {
    return "id" in node && node.id?.type === "Identifier" ? [node.id.name] : [];
  }
  return node.declarations.map(({ id }) => {
    if (id.type !== "Identifier") throw new Error("export each name by itself");
    return id.name;
  });
}

/** In `a.name` and `{ name: 1 }`, `name` refers to no variable. */
function isProperty(node: Deno.lint.Identifier): boolean {
  const { parent } = node;
  return parent.type === "MemberExpression" && parent.property === node && !parent.computed ||
    parent.type === "Property" && parent.key === node && !parent.shorthand ||
    parent.type === "TSPropertySignature" && parent.key === node;
}
