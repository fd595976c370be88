/** Functions that are too long to be read at one look. */
import { at, type Source, visit } from "./source.ts";

const MOST_LINES = 70;

export type AnyFunction =
  | Deno.lint.FunctionDeclaration
  | Deno.lint.FunctionExpression
  | Deno.lint.ArrowFunctionExpression;

/**
 * Functions, methods and arrows with more than 70 lines, from where each starts to its closing
 * brace. What is inside a function counts for it too.
 */
export function longFunctions(source: Source): string[] {
  const found: string[] = [];
  const look = (node: AnyFunction) => {
    const lines = source.text.slice(...node.range).split("\n").length;
    if (lines > MOST_LINES) found.push(`${at(source, node)} ${nameOf(node)} has ${lines} lines`);
  };
  visit(source, {
    FunctionDeclaration: look,
    FunctionExpression: look,
    ArrowFunctionExpression: look,
  });
  return found;
}

/** What a function is called, by itself or by the variable or property that holds it. */
export function nameOf(node: AnyFunction): string {
  const { parent } = node;
  const named = "id" in node && node.id
    ? node.id
    : parent.type === "VariableDeclarator"
    ? parent.id
    : "key" in parent
    ? parent.key
    : undefined;
  return named?.type === "Identifier" ? named.name : "(a function without a name)";
}

export function isFunction(node: Deno.lint.Node): node is AnyFunction {
  return /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type);
}
