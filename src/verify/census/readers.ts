/** The tests in a file, read from its text without running it. */
import { readCalls } from "./calls.ts";
import { placesOf, sortedPlaces } from "./places.ts";
import {
  DEPTH_MAX,
  type FoundTest,
  joinNames,
  openTestSource,
  type TestSource,
} from "./source_text.ts";
import type { TestLanguage } from "./file_names.ts";

type Reader = (source: TestSource) => readonly FoundTest[];

const READERS: Readonly<Record<TestLanguage, Reader>> = {
  javascript: readCalls,
  python: readPython,
  go: readGo,
  rust: readRust,
  jvm: readJvm,
  csharp: readCsharp,
  ruby: readRuby,
  php: (source) => [...readPhpMethods(source), ...readCalls(source)],
  shell: readShell,
};

/** The tests in a file, in their order. */
export function readTests(text: string, language: TestLanguage): readonly FoundTest[] {
  return READERS[language](openTestSource(text, language));
}

function readGo(source: TestSource): readonly FoundTest[] {
  const { text, code } = source;
  const isExcluded = /^\/\/(go:build|[ \t]*\+build)\b/m.test(text);
  return [...code.matchAll(/^func[ \t]+((?:Test|Fuzz|Example)\w*)[ \t]*\(/gm)].flatMap((found) => {
    const test = braced(source, found.index);
    const skipped = isExcluded || /\b\w+\.Skip(f|Now)?\(/.test(test.code);
    const steps = [...test.code.matchAll(/\b\w+\.Run\([ \t\n]*(?=["`])/g)].map((step) => {
      const at = test.start + step.index;
      const nameStart = at + step[0].length;
      const bodyEnd = source.closing(at + step[0].indexOf("("));
      const close = code.indexOf(code[nameStart], nameStart + 1);
      const nameEnd = close < 0 ? bodyEnd : close;
      return {
        name: joinNames([found[1], text.slice(nameStart + 1, nameEnd)]),
        skipped,
        ...source.part(nameEnd + 1, bodyEnd),
      };
    });
    return [{ ...test, name: found[1], skipped }, ...steps];
  });
}

function readRust(source: TestSource): readonly FoundTest[] {
  const { code } = source;
  const head = /(?:pub(?:\([^)]{0,200}\))?\s+)?(?:async\s+)?(?:unsafe\s+)?fn\s+(\w+)/y;
  // No attribute has the beginning of another one in it.
  const attributed = code.matchAll(/(?:#\[(?:(?!#\[)[^\]])*\][ \t\r\n]*)+/g);
  return [...attributed].flatMap(({ 0: attributes, index }) => {
    head.lastIndex = index + attributes.length;
    const name = head.exec(code)?.[1];
    if (name === undefined) return [];
    if (!/#\[\s*(\w+::)*(test|rstest|test_case|quickcheck|wasm_bindgen_test)\b/.test(attributes)) {
      return [];
    }
    const skipped = /#\[\s*(ignore\b|cfg\s*\(|cfg_attr\b[^\]]*\bignore\b)/.test(attributes);
    const test = braced(source, head.lastIndex);
    const panics = /#\[\s*should_panic\b/.test(attributes) ? "assert_panics();" : "";
    return [{ name, skipped, body: test.body, code: panics + test.code }];
  });
}

function readJvm(source: TestSource): readonly FoundTest[] {
  return readAnnotated(source, {
    annotation: /@(?:\w+\.)*(?:Test|ParameterizedTest|RepeatedTest|TestFactory|Property)\b/g,
    skip: /@(?:\w+\.)*(?:Disabled|Ignore)|\benabled\s*=\s*false/,
    skipAll:
      /@(?:\w+\.){0,9}(?:Disabled|Ignore)\b(?:\([^)]{0,500}\))?[^;{}()]{0,500}\b(?:class|object)\b/,
    skipInBody: /\bassume\w*\(|\bAssume\w*\./,
  });
}

function readCsharp(source: TestSource): readonly FoundTest[] {
  return readAnnotated(source, {
    annotation:
      /\b(?:Fact|Theory|Test|TestMethod|DataTestMethod|TestCase|TestCaseSource)\b(?<=[[,]\s*\w+)/g,
    skip: /\bSkip\s*=|\b(?:Ignore|Explicit)\b(?<=[[,]\s*\w+)/,
    skipAll: /[[,]\s*(?:Ignore|Explicit)\b[^;{}]{0,500}\bclass\b/,
    skipInBody: /\bAssert\.(?:Ignore|Inconclusive)\b|\bSkip\.(?:If|Unless)\b/,
  });
}

/** Methods with an annotation that makes them tests. */
function readAnnotated(
  source: TestSource,
  { annotation, skip, skipAll, skipInBody }: Readonly<
    Record<"annotation" | "skip" | "skipAll" | "skipInBody", RegExp>
  >,
): readonly FoundTest[] {
  const { text, code } = source;
  const all = skipAll.test(code);
  const found = new Map<number, FoundTest>();
  let looked = 0;
  for (const { index } of code.matchAll(annotation)) {
    // One more of what the last one belongs to.
    if (index < looked) continue;
    const method = methodAfter(source, index);
    looked = method.start;
    if (!method.isMethod) continue;
    const start = source.statements.lastBefore(index) + 1;
    const test = braced(source, method.end);
    found.set(method.start, {
      ...test,
      name: text.slice(method.start, method.end),
      skipped: all || skip.test(code.slice(start, method.start)) || skipInBody.test(test.code),
    });
  }
  return [...found.values()];
}

/**
 * The name of the method that annotations from `index` on belong to: annotations have brackets too,
 * but behind those of a method come its body, its result or what it throws. Where there is none, where
 * the search for it ended.
 */
function methodAfter(
  { code, closing }: TestSource,
  index: number,
): { start: number; end: number; isMethod: boolean } {
  const name = /(`[^`\n]*`|(?<![\w$])[\w$]+)\s*(?:<[^>(]{0,200}>\s*)?\(|[;}]/g;
  name.lastIndex = index;
  let found = name.exec(code);
  for (; found?.[1] !== undefined; found = name.exec(code)) {
    const close = closing(name.lastIndex - 1);
    if (/^\s*(?:\{|=|:|throws\b|where\b)/.test(code.slice(close + 1, close + 200))) {
      return { start: found.index, end: found.index + found[1].length, isMethod: true };
    }
    name.lastIndex = close;
  }
  const stop = found?.index ?? code.length;
  return { start: stop, end: stop, isMethod: false };
}

function readPhpMethods(source: TestSource): readonly FoundTest[] {
  const { code } = source;
  return [...code.matchAll(/\bfunction\s+(\w+)\s*\(/g)].flatMap(({ 0: all, 1: name, index }) => {
    const said = source.part(source.statements.lastBefore(index) + 1, index).body;
    const isTest = /^test/.test(name) || /#\[(?:(?!#\[)[^\]])*\bTest\b|@test\b/.test(said);
    if (!isTest) return [];
    const test = braced(source, index + all.length);
    return [{ ...test, name, skipped: /\bmarkTest(Skipped|Incomplete)\b/.test(test.code) }];
  });
}

/** A test and all behind it that is indented more; classes are groups. */
function readPython(source: TestSource): readonly FoundTest[] {
  const { code } = source;
  const all = /^pytestmark\s*=[^\n]*\bskip|^pytest\.(skip|importorskip)\(/m.test(code);
  let around: { group?: string; end: number; skipped: boolean }[] = [];
  const found: FoundTest[] = [];
  const heads = code.matchAll(/^([ \t]*)(?:async[ \t]+)?(def|class)[ \t]+(\w+)/gm);
  for (const { 0: head, 1: indent, 2: kind, 3: name, index } of heads) {
    around = around.filter(({ end }) => index < end);
    if (around.length > DEPTH_MAX) continue;
    const start = index + head.length;
    const end = indentedEnd(source, { start, indent });
    const part = source.part(start, end);
    const skipped = /@[\w.]*\b(skip\w*|xfail|expectedFailure)\b/
      .test(decorators(code, { index, indent }));
    if (kind === "class") {
      const isOff = /^[ \t]+__test__\s*=\s*False|^[ \t]+pytestmark\s*=[^\n]*\bskip/m;
      around.push({ group: name, end, skipped: skipped || isOff.test(part.code) });
      continue;
    }
    if (name.startsWith("test")) {
      const skips = /\bpytest\.(skip|xfail)\(|\.skipTest\(|\bSkipTest\b/.test(part.code);
      found.push({
        name: joinNames([...around.flatMap(({ group }) => group ?? []), name]),
        skipped: all || skipped || skips || around.some((one) => one.skipped),
        ...part,
      });
    }
    around.push({ end, skipped: false });
  }
  return found;
}

/** The lines above a definition that begin with the decorators that are nearest to it. */
function decorators(code: string, { index, indent }: { index: number; indent: string }): string {
  let first = index;
  for (let next = index; next > 0;) {
    const start = next < 2 ? 0 : code.lastIndexOf("\n", next - 2) + 1;
    const line = code.slice(start, next);
    if (line.trim() === "" || /^\s*(async\s+)?(def|class)\b/.test(line)) break;
    if (line.startsWith(`${indent}@`)) first = start;
    next = start;
  }
  return code.slice(first, index);
}

/** Where the first line begins that is not indented more than `indent`; brackets are one line. */
function indentedEnd(
  { code, closing }: TestSource,
  { start, indent }: { start: number; indent: string },
): number {
  const bracket = /\s*\(/y;
  bracket.lastIndex = start;
  const from = bracket.test(code) ? closing(bracket.lastIndex - 1) : start;
  const next = new RegExp(`\\n(?=[ \\t]{0,${indent.length}}[^ \\t\\r\\n])`, "g");
  next.lastIndex = from;
  return next.exec(code)?.index ?? code.length;
}

/** A block ends with the `end` that is indented as its first line. */
function readRuby(source: TestSource): readonly FoundTest[] {
  const { text, code } = source;
  const heads = code.matchAll(
    /^([ \t]*)(?:(?:RSpec\.)?([xf]?(?:describe|context|feature))|([xf]?(?:it|specify|scenario|example)|test|should|def(?=\s+test_)))\b([^\n]*)/gm,
  );
  const endsByIndent = Map.groupBy(code.matchAll(/^([ \t]*)end\b/gm), ([, indent]) => indent);
  const ends = new Map(
    [...endsByIndent].map(([indent, found]) => [
      indent,
      sortedPlaces(found.map(({ index }) => index)),
    ]),
  );
  const isHead = ({ 2: group, 4: rest }: RegExpExecArray) =>
    group !== undefined || /^\s*\(?\s*(["'{]|do\b)|^\s+test_/.test(rest);
  const blocks = [...heads].filter(isHead).map((found) => {
    const { 0: head, 1: indent, 2: group, 3: test, 4: rest, index } = found;
    const start = index + head.length - rest.length;
    const isOneLine = !/\bdo\b|^\s+test_/.test(rest);
    const close = ends.get(indent)?.firstFrom(index + 1);
    const end = isOneLine || close === undefined ? index + head.length : close;
    const said = text.slice(start, index + head.length);
    const name = /["']([^"']*)["']|(\w[\w:]*)/.exec(said);
    const isPending = test !== undefined && isOneLine && !/\{/.test(rest);
    const isSkipped = /^x/.test(group ?? test) || /:(skip|pending)\b|\b(skip|pending):/.test(said);
    return {
      index,
      end,
      isGroup: group !== undefined,
      name: name?.[1] ?? name?.[2] ?? "",
      skipped: isPending || isSkipped,
      focused: /^f/.test(group ?? test) || /:focus\b|\bfocus:/.test(said),
      bodyStart: index + head.length,
      said,
    };
  });
  const isFocused = blocks.some(({ focused }) => focused);
  let around: typeof blocks = [];
  return blocks.flatMap((block) => {
    around = around.filter(({ end }) => block.index < end);
    if (around.length > DEPTH_MAX) return [];
    if (block.isGroup) {
      around.push(block);
      return [];
    }
    const lineage = [...around, block];
    const part = source.part(block.bodyStart, block.end);
    return [{
      name: joinNames(lineage.map(({ name }) => name)),
      skipped: lineage.some(({ skipped }) => skipped) ||
        /^[ \t]*(skip|pending)\b/m.test(part.code) ||
        isFocused && !lineage.some(({ focused }) => focused),
      body: block.said + part.body,
      code: code.slice(block.index, block.bodyStart) + part.code,
    }];
  });
}

/** bats, and functions whose name begins with `test`, as shunit2 has them. */
function readShell(source: TestSource): readonly FoundTest[] {
  const { text, code } = source;
  const closings = placesOf(code, /^\}/gm);
  const heads = code.matchAll(
    /^[ \t]*(?:@test[ \t]+([^\s{](?:[^\n{]*[^\s{])?)|(?:function[ \t]+)?(test\w*)[ \t]*\(\))[ \t\n]*\{/gm,
  );
  return [...heads].map(({ 0: head, 1: quoted, 2: named, index }) => {
    const start = index + head.length;
    const end = code[start] === "}" ? start : closings.firstFrom(start) ?? code.length;
    const at = quoted === undefined ? -1 : code.indexOf(quoted, index);
    const name = named ?? text.slice(at, at + quoted.length).replaceAll(/^["']|["']$/g, "");
    const part = source.part(start, end);
    return {
      name,
      skipped: /^[ \t]*(skip|startSkipping)\b/m.test(part.code),
      body: part.body,
      code: commandsAsserted(part.code),
    };
  });
}

/** Each command is an assertion: bats ends a test at the first that fails. */
function commandsAsserted(code: string): string {
  return code.split(/\n|;|&&/)
    .filter((line) => /\S/.test(line) && !/^\s*(:|true|echo|printf|return|exit|#)/.test(line))
    .map((command) => `assert ${command}`).join("\n");
}

/**
 * A file that is one test, run from its beginning to its end: a shell script, or a program that
 * asserts outside of any test and gives nothing to others. Undefined for all other files.
 */
export function readScript(
  text: string,
  { name, language }: { name: string; language: TestLanguage },
): FoundTest | undefined {
  const { code, part } = openTestSource(text, language);
  const whole = { name, skipped: false, ...part(0, code.length) };
  switch (language) {
    case "shell":
      return HELPER.test(name) ? undefined : { ...whole, code: commandsAsserted(whole.code) };
    case "python":
      return /^assert\b/m.test(code) ? whole : undefined;
    case "javascript":
      return /^(?:await )?assert\b/m.test(code) && !/\bexports?\b/.test(code) ? whole : undefined;
    default:
      return undefined;
  }
}

/** Scripts for other scripts. */
const HELPER = /^(?:_|(?:lib|common|helpers?|utils?|functions|setup|teardown|env)\b)/i;

/** What follows a test's head: its braces, or what stands before `;` where it has none. */
function braced({ code, blocks, closing, part }: TestSource, start: number) {
  const first = blocks.firstFrom(start);
  return first !== undefined && code[first] === "{"
    ? part(first, closing(first))
    : part(start, first ?? code.length);
}
