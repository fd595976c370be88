/** The tests in a file, read from its text without running it. */
import { readCalls } from "./test_calls.ts";
import { type FoundTest, openTestSource, type TestSource } from "./test_source.ts";
import type { TestLanguage } from "./test_files.ts";

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
      const nameEnd = code.indexOf(code[nameStart], nameStart + 1);
      const bodyEnd = source.closing(at + step[0].indexOf("("));
      return {
        name: `${found[1]} > ${text.slice(nameStart + 1, nameEnd)}`,
        skipped,
        ...sliceOf(source, nameEnd + 1, bodyEnd),
      };
    });
    return [{ ...test, name: found[1], skipped }, ...steps];
  });
}

function readRust(source: TestSource): readonly FoundTest[] {
  const functions = source.code.matchAll(
    /((?:#\[[^\]]*\][ \t\r\n]*)+)(?:pub(?:\([^)]*\))?\s+)?(?:async\s+)?(?:unsafe\s+)?fn\s+(\w+)/g,
  );
  return [...functions].flatMap(({ 0: all, 1: attributes, 2: name, index }) => {
    if (!/#\[\s*(\w+::)*(test|rstest|test_case|quickcheck|wasm_bindgen_test)\b/.test(attributes)) {
      return [];
    }
    const skipped = /#\[\s*(ignore\b|cfg\s*\(|cfg_attr\b[^\]]*\bignore\b)/.test(attributes);
    const test = braced(source, index + all.length);
    const panics = /#\[\s*should_panic\b/.test(attributes) ? "assert_panics();" : "";
    return [{ name, skipped, body: test.body, code: panics + test.code }];
  });
}

function readJvm(source: TestSource): readonly FoundTest[] {
  return readAnnotated(source, {
    annotation: /@(?:\w+\.)*(?:Test|ParameterizedTest|RepeatedTest|TestFactory|Property)\b/g,
    skip: /@(?:\w+\.)*(?:Disabled|Ignore)|\benabled\s*=\s*false/,
    skipAll: /@(?:\w+\.)*(?:Disabled|Ignore)\b(?:\([^)]*\))?[^;{}()]*\b(?:class|object)\b/,
    skipInBody: /\bassume\w*\(|\bAssume\w*\./,
  });
}

function readCsharp(source: TestSource): readonly FoundTest[] {
  return readAnnotated(source, {
    annotation:
      /(?<=[[,]\s*)(?:Fact|Theory|Test|TestMethod|DataTestMethod|TestCase|TestCaseSource)\b/g,
    skip: /\bSkip\s*=|(?<=[[,]\s*)(?:Ignore|Explicit)\b/,
    skipAll: /[[,]\s*(?:Ignore|Explicit)\b[^;{}]*\bclass\b/,
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
  for (const { index } of code.matchAll(annotation)) {
    const method = methodAfter(source, index);
    if (!method) continue;
    const start = Math.max(...[";", "{", "}"].map((sign) => code.lastIndexOf(sign, index))) + 1;
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
 * but behind those of a method come its body, its result or what it throws.
 */
function methodAfter(
  { code, closing }: TestSource,
  index: number,
): { start: number; end: number } | undefined {
  const name = /(`[^`\n]*`|[\w$]+)\s*(?:<[^>(]*>\s*)?\(|[;}]/g;
  name.lastIndex = index;
  for (let found = name.exec(code); found?.[1] !== undefined; found = name.exec(code)) {
    const close = closing(name.lastIndex - 1);
    if (/^\s*(?:\{|=|:|throws\b|where\b)/.test(code.slice(close + 1, close + 200))) {
      return { start: found.index, end: found.index + found[1].length };
    }
    name.lastIndex = close;
  }
  return undefined;
}

function readPhpMethods(source: TestSource): readonly FoundTest[] {
  const { text, code } = source;
  return [...code.matchAll(/\bfunction\s+(\w+)\s*\(/g)].flatMap(({ 0: all, 1: name, index }) => {
    const before = Math.max(...["}", ";", "{"].map((sign) => code.lastIndexOf(sign, index))) + 1;
    const said = text.slice(before, index);
    const isTest = /^test/.test(name) || /#\[[^\]]*\bTest\b|@test\b/.test(said);
    if (!isTest) return [];
    const test = braced(source, index + all.length);
    return [{ ...test, name, skipped: /\bmarkTest(Skipped|Incomplete)\b/.test(test.code) }];
  });
}

/** A test and all behind it that is indented more; classes are groups. */
function readPython(source: TestSource): readonly FoundTest[] {
  const { code } = source;
  const all = /^pytestmark\s*=[^\n]*\bskip|^pytest\.(skip|importorskip)\(/m.test(code);
  const groups: { name: string; end: number; skipped: boolean }[] = [];
  const found: FoundTest[] = [];
  const heads = code.matchAll(/^([ \t]*)(?:async[ \t]+)?(def|class)[ \t]+(\w+)/gm);
  for (const { 0: head, 1: indent, 2: kind, 3: name, index } of heads) {
    const start = index + head.length;
    const end = indentedEnd(source, { start, indent });
    const skipped = /@[\w.]*\b(skip\w*|xfail|expectedFailure)\b/
      .test(decorators(code, { index, indent }));
    const around = groups.filter((group) => index < group.end);
    if (kind === "class") {
      const isOff = /^\s+__test__\s*=\s*False|^\s+pytestmark\s*=[^\n]*\bskip/m;
      groups.push({ name, end, skipped: skipped || isOff.test(code.slice(start, end)) });
    } else if (name.startsWith("test")) {
      const body = code.slice(start, end);
      const skips = /\bpytest\.(skip|xfail)\(|\.skipTest\(|\bSkipTest\b/.test(body);
      found.push({
        name: [...around.map((group) => group.name), name].join(" > "),
        skipped: all || skipped || skips || around.some((group) => group.skipped),
        ...sliceOf(source, start, end),
      });
    }
  }
  return found;
}

/** The lines above a definition that begin with the decorators that are nearest to it. */
function decorators(code: string, { index, indent }: { index: number; indent: string }): string {
  const lines: string[] = [];
  for (const line of code.slice(0, index).split("\n").slice(0, -1).reverse()) {
    if (line.trim() === "" || /^\s*(async\s+)?(def|class)\b/.test(line)) break;
    lines.unshift(line);
  }
  const first = lines.findIndex((line) => line.startsWith(`${indent}@`));
  return first < 0 ? "" : lines.slice(first).join("\n");
}

/** Where the first line begins that is not indented more than `indent`; brackets are one line. */
function indentedEnd(
  { code, closing }: TestSource,
  { start, indent }: { start: number; indent: string },
): number {
  const bracket = code.indexOf("(", start);
  const sign = code.slice(start, bracket < 0 ? start : bracket).trim();
  const from = bracket >= 0 && sign === "" ? closing(bracket) : start;
  const next = new RegExp(`\\n(?=[ \\t]{0,${indent.length}}[^ \\t\\r\\n])`, "g");
  next.lastIndex = from;
  return next.exec(code)?.index ?? code.length;
}

/** A block ends with the `end` that is indented as its first line. */
function readRuby({ text, code }: TestSource): readonly FoundTest[] {
  const heads = code.matchAll(
    /^([ \t]*)(?:(?:RSpec\.)?([xf]?(?:describe|context|feature))|([xf]?(?:it|specify|scenario|example)|test|should|def(?=\s+test_)))\b([^\n]*)/gm,
  );
  const ends = Map.groupBy(code.matchAll(/^([ \t]*)end\b/gm), ([, indent]) => indent);
  const isHead = ({ 2: group, 4: rest }: RegExpExecArray) =>
    group !== undefined || /^\s*\(?\s*(["'{]|do\b)|^\s+test_/.test(rest);
  const blocks = [...heads].filter(isHead).map((found) => {
    const { 0: head, 1: indent, 2: group, 3: test, 4: rest, index } = found;
    const start = index + head.length - rest.length;
    const isOneLine = !/\bdo\b|^\s+test_/.test(rest);
    const close = ends.get(indent)?.find((end) => end.index > index)?.index;
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
  return blocks.filter(({ isGroup }) => !isGroup).map((test) => {
    const around = blocks.filter(({ isGroup, index, end }) =>
      isGroup && index < test.index && test.index < end
    );
    const lineage = [...around, test];
    const bodyCode = code.slice(test.bodyStart, test.end);
    return {
      name: lineage.map(({ name }) => name).join(" > "),
      skipped: lineage.some(({ skipped }) => skipped) || /^\s*(skip|pending)\b/m.test(bodyCode) ||
        isFocused && !lineage.some(({ focused }) => focused),
      body: test.said + text.slice(test.bodyStart, test.end),
      code: code.slice(test.index, test.bodyStart) + bodyCode,
    };
  });
}

/** bats, and functions whose name begins with `test`, as shunit2 has them. */
function readShell({ text, code }: TestSource): readonly FoundTest[] {
  const heads = code.matchAll(
    /^[ \t]*(?:@test[ \t]+([^\n]*?)|(?:function[ \t]+)?(test\w*)[ \t]*\(\))[ \t\n]*\{/gm,
  );
  return [...heads].map(({ 0: head, 1: quoted, 2: named, index }) => {
    const start = index + head.length;
    const close = code.slice(start).search(/^\}/m);
    const end = close < 0 ? code.length : start + close;
    const at = quoted === undefined ? -1 : code.indexOf(quoted, index);
    const name = named ?? text.slice(at, at + quoted.length).replaceAll(/^["']|["']$/g, "");
    const body = code.slice(start, end);
    // each command is an assertion: bats ends a test at the first that fails
    const commands = body.split(/\n|;|&&/).filter((line) =>
      /\S/.test(line) && !/^\s*(:|true|echo|printf|return|exit|#)/.test(line)
    );
    return {
      name,
      skipped: /^\s*(skip|startSkipping)\b/m.test(body),
      body: text.slice(start, end),
      code: commands.map((command) => `assert ${command}`).join("\n"),
    };
  });
}

/** What follows a test's head: its braces, or what stands before `;` where it has none. */
function braced(source: TestSource, start: number) {
  const first = /[{;]/g;
  first.lastIndex = start;
  const found = first.exec(source.code);
  return found?.[0] === "{"
    ? sliceOf(source, found.index, source.closing(found.index))
    : sliceOf(source, start, found?.index ?? source.code.length);
}

function sliceOf({ text, code }: TestSource, start: number, end: number) {
  return { start, body: text.slice(start, end), code: code.slice(start, end) };
}
