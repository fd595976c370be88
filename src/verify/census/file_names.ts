/** Which files hold tests, by their names and folders, and in which language. */
import * as path from "node:path";

export type TestLanguage =
  | "javascript"
  | "python"
  | "go"
  | "rust"
  | "jvm"
  | "csharp"
  | "ruby"
  | "php"
  | "shell";

const LANGUAGES: Readonly<Record<string, TestLanguage>> = {
  ".py": "python",
  ".go": "go",
  ".rs": "rust",
  ".java": "jvm",
  ".kt": "jvm",
  ".cs": "csharp",
  ".rb": "ruby",
  ".php": "php",
  ".bats": "shell",
  ".sh": "shell",
  ".bash": "shell",
};
/** A whole part of the path: `tests/a.ts`, `a.test.ts`, `a_spec.rb`, `test_a.py`, `__tests__/a.js`. */
const PART = /(^|[/._-])(tests?|specs?|e2e|cypress)([/._-]|$)/i;
/** As names in CamelCase have it: `CartTest.java`, `TestCart.java`, `CartIT.java`, `Shop.Tests/a.cs`. */
const CAMEL = /(^|[a-z0-9/.])(Tests?|Specs?|IT|TestCase)(\.\w+$|\/)|(^|\/)Tests?[A-Z]/;

/**
 * The language of a file that may hold tests; undefined for all other files. In Rust tests stand
 * beside what they test, so that every file may.
 */
export function testLanguage(file: string): TestLanguage | undefined {
  const extension = path.posix.extname(file);
  const language = /^\.[cm]?[jt]sx?$/.test(extension) ? "javascript" : LANGUAGES[extension];
  return language === "rust" || extension === ".bats" || isTestPath(file) ? language : undefined;
}

/** Whether a path says, by a folder or a name, that it belongs to the tests. */
export function isTestPath(file: string): boolean {
  return PART.test(file) || CAMEL.test(file);
}
