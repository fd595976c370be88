/** JSON with comments and commas at the end, as Deno reads its settings. */
import { getNodeValue, type ParseError, parseTree } from "jsonc-parser";

/**
 * The value of the text; undefined when it is malformed. Of a name that comes twice the last one
 * counts, as in `JSON.parse`.
 */
export function parseJsonc(text: string): unknown {
  const errors: ParseError[] = [];
  try {
    const root = parseTree(text.replace(/^\ufeff/, ""), errors, { allowTrailingComma: true });
    return root && errors.length === 0 ? getNodeValue(root) : undefined;
  } catch (error) {
    // it goes down into each bracket, and the stack has an end
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
