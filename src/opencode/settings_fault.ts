/** What is wrong with a settings file of OpenCode's, and where in it. Pure. */
import {
  findNodeAtLocation,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from "jsonc-parser";
import { z } from "zod";
import { plain } from "../terminal/plain.ts";

/** Of foreign words in a message. */
const WORDS_MAX = 200;

/**
 * `ConfigJsonError` with the parser's words, `ConfigInvalidError` with issues, both with the path
 * (1.1.53 with HTTP 500, 1.18.33 with 400, measured); others of the name are taken as they are.
 */
const failure = z.object({
  name: z.string().regex(/^Config\w*Error$/),
  data: z.object({
    path: z.string().min(1),
    message: z.string().optional().catch(undefined),
    issues: z.array(z.object({
      path: z.array(z.union([z.string(), z.number()])).catch([]),
      keys: z.array(z.string()).optional().catch(undefined),
      message: z.string(),
    })).optional().catch(undefined),
  }),
});

/**
 * `/p/opencode.json, line 4, column 1: CloseBraceExpected`, for the reply to a request that failed by
 * it; safe to show. Undefined for any other reply. The line is found in the file itself where the
 * server does not say it, as far as `readText` can read it.
 */
export function settingsFault(
  reply: unknown,
  readText: (path: string) => string | undefined,
): string | undefined {
  const { data: found } = failure.safeParse(reply);
  if (!found) return undefined;
  const { path, message = "", issues: [issue] = [] } = found.data;
  if (issue) {
    const { keys: [key] = [], path: at } = issue;
    const name = at.length > 0 && key === undefined ? `\`${plain(at.join("."), 80)}\`: ` : "";
    const where = placeOf(readText(path), key === undefined ? at : [...at, key]);
    return `${plain(path)}${where}: ${name}${plain(issue.message, WORDS_MAX)}`;
  }
  const [, what, line, column] = /^(\w+) at line (\d+), column (\d+)$/m.exec(message) ?? [];
  if (what === undefined) return `${plain(path)}: ${plain(message.trim(), WORDS_MAX)}`;
  return `${plain(path)}, line ${line}, column ${column}: ${what}`;
}

/** The same of a file's text; undefined when it is well-formed. */
export function syntaxFault(path: string, text: string): string | undefined {
  const errors: ParseError[] = [];
  treeOf(text, errors);
  const [first] = errors;
  if (!first) return undefined;
  return `${plain(path)}${lineOf(text, first.offset)}: ${printParseErrorCode(first.error)}`;
}

function treeOf(text: string, errors: ParseError[] = []): Node | undefined {
  return parseTree(text, errors, { allowTrailingComma: true, disallowComments: false });
}

function placeOf(text: string | undefined, at: readonly (string | number)[]): string {
  const root = text === undefined ? undefined : treeOf(text);
  const node = root && findNodeAtLocation(root, [...at]);
  return text === undefined || !node ? "" : lineOf(text, (node.parent ?? node).offset);
}

function lineOf(text: string, offset: number): string {
  const before = text.slice(0, offset).split("\n");
  return `, line ${before.length}, column ${before[before.length - 1].length + 1}`;
}
