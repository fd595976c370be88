/** Commands that a user is told to paste: what is put into them must be words for the shell. */
import { isFunction, nameOf } from "./functions.ts";
import { at, type Source, visit } from "./source.ts";

/** Functions that other files put into commands: what they return is looked at where they are. */
const RETURNS_COMMAND =
  /^((install|linger|writeUnit|(new|take|type)Password|giveVariable|replace|serve|server|list|next|attach|login|models|agents|filter)Command|commandAfter)$/;
/** Functions that make what they are given fit for a shell. */
const MAKES_WORDS = /^(shellWord|inRoot)$/;
/** Variables that hold numbers, by the names that they go by here. */
const NUMBERS = /^(\w*[pP]id|\w*[pP]ort|uid)$/;
/** What the program itself says: constants, how ralph was called, git's way out of a merge. */
const WRITTEN_HERE = /^([A-Z][A-Z_]*|ralph|abort)$/;

interface Variable {
  name: string;
  value: Deno.lint.Node;
  /** Where it can be seen. */
  scope: readonly [number, number];
}

/**
 * What stands in the command of a hint and might be torn apart or run by the shell. Strings and
 * numbers are let through, `shellWord(…)`, and variables and functions of the same file that hold
 * and return only those; between quotes, numbers alone.
 *
 * It looks at `command` beside `text`, at properties called `…Command` and at what the listed
 * functions return, and at nothing else: not at commands inside sentences. It trusts the names that
 * are listed above to be what they say, and `inRoot` to be given a part of a command.
 */
export function unsafeHints(source: Source): string[] {
  const { commands, variables } = readCommands(source);

  function isSafe(node: Deno.lint.Node): boolean {
    switch (node.type) {
      case "Literal":
        return true;
      case "Identifier": {
        const value = isWritten(node) || valueOf(node, variables);
        return typeof value === "boolean" ? value : value !== undefined && isSafe(value);
      }
      case "MemberExpression":
        return isWritten(node.property);
      case "TemplateLiteral":
        return node.expressions.every((one, i) =>
          isInQuotes(node, i) ? isNumber(one) : isSafe(one)
        );
      case "BinaryExpression":
      case "LogicalExpression":
        return isSafe(node.left) && isSafe(node.right);
      case "ConditionalExpression":
        return isSafe(node.consequent) && isSafe(node.alternate);
      case "AwaitExpression":
        return isSafe(node.argument);
      case "CallExpression":
        return isSafeCall(node);
      default:
        return false;
    }
  }

  /** `shellWord(a)`, or `all.map(shellWord).join(" ")`. */
  function isSafeCall({ callee, arguments: [given] }: Deno.lint.CallExpression): boolean {
    if (callee.type === "Identifier") return isSafeFunction(callee);
    if (callee.type !== "MemberExpression" || callee.property.type !== "Identifier") return false;
    if (callee.property.name === "map") return isSafeFunction(given);
    return callee.property.name === "join" && callee.object.type === "CallExpression" &&
      isSafeCall(callee.object);
  }

  function isSafeFunction(node: Deno.lint.Node): boolean {
    if (node.type === "ArrowFunctionExpression") return isSafe(node.body);
    if (node.type !== "Identifier") return false;
    const value = valueOf(node, variables);
    return MAKES_WORDS.test(node.name) || RETURNS_COMMAND.test(node.name) ||
      value !== undefined && isSafeFunction(value);
  }

  return commands.filter((node) => !isSafe(node)).map((node) =>
    `${at(source, node)} ${source.text.slice(...node.range).replaceAll(/\s+/g, " ")}`
  );
}

function readCommands(source: Source) {
  const commands: Deno.lint.Node[] = [];
  const variables: Variable[] = [];
  visit(source, {
    Property({ key, value, parent }) {
      if (key.type !== "Identifier" || parent.type !== "ObjectExpression") return;
      const isHint = parent.properties.some((one) =>
        one.type === "SpreadElement" || one.key.type === "Identifier" && one.key.name === "text"
      );
      if (/\wCommand$/.test(key.name) || key.name === "command" && isHint) commands.push(value);
    },
    VariableDeclarator(node) {
      if (node.id.type !== "Identifier" || !node.init) return;
      variables.push({ name: node.id.name, value: node.init, scope: node.parent.parent.range });
    },
    ReturnStatement(node) {
      let place: Deno.lint.Node = node;
      while (place.type !== "Program" && !isFunction(place)) place = place.parent;
      const returnsCommand = isFunction(place) && RETURNS_COMMAND.test(nameOf(place));
      if (node.argument && returnsCommand) commands.push(node.argument);
    },
    ArrowFunctionExpression(node) {
      const isBlock = node.body.type === "BlockStatement";
      if (!isBlock && RETURNS_COMMAND.test(nameOf(node))) commands.push(node.body);
    },
  });
  return { commands, variables };
}

/** What the variable begins with; of several by that name, the innermost that can be seen here. */
function valueOf(
  { name, range }: Deno.lint.Identifier,
  variables: readonly Variable[],
): Deno.lint.Node | undefined {
  const [nearest] = variables
    .filter((one) => one.name === name && one.scope[0] <= range[0] && one.scope[1] >= range[1])
    .sort((a, b) => b.scope[0] - a.scope[0]);
  return nearest?.value;
}

function isWritten(node: Deno.lint.Node): boolean {
  return isNumber(node) || node.type === "Identifier" && WRITTEN_HERE.test(node.name);
}

function isNumber(node: Deno.lint.Node): boolean {
  const name = node.type === "MemberExpression" ? node.property : node;
  return name.type === "Identifier" && NUMBERS.test(name.name);
}

/** Whether a quote that was opened before this expression is still open. */
function isInQuotes({ quasis }: Deno.lint.TemplateLiteral, expression: number): boolean {
  let open = "";
  for (const { raw } of quasis.slice(0, expression + 1)) {
    for (const [char] of raw.matchAll(/["']/g)) {
      if (open === "") open = char;
      else if (open === char) open = "";
    }
  }
  return open !== "";
}
