/**
 * Tests that are calls: `Deno.test("name", …)`, `describe`, `it` and `test` of Jest, Vitest, Mocha,
 * node:test, Playwright, and Pest.
 */
import { DEPTH_MAX, type FoundTest, joinNames, type TestSource } from "./source_text.ts";

interface Call {
  readonly start: number;
  readonly end: number;
  readonly name: string;
  readonly isGroup: boolean;
  readonly skipped: boolean;
  readonly focused: boolean;
  /** Where what comes behind the name begins. */
  readonly bodyStart: number;
}

const HEAD =
  /(?<![\w$.>]|\bfunction\s)((?:Deno\.|QUnit\.|t\.|ctx\.)?(?:test|it|specify|describe|context|suite|step|[xf](?:it|test|describe|context|specify)))((?:\s*\.\s*\w+){0,8})\s*(?=[(`])/g;
/** What may stand between the name and the bracket; anything else is not a test. */
const MODIFIERS: ReadonlySet<string> = new Set(
  `skip only todo ignore fixme each for concurrent sequential serial parallel shuffle fails failing
  skipIf runIf if describe configure`.split(/\s+/),
);
/** Those that are called before the test is: `test.each(table)("name", …)`. */
const TAKES_ARGUMENTS: ReadonlySet<string> = new Set(["each", "for", "skipIf", "runIf", "if"]);
const SKIPS: ReadonlySet<string> = new Set(["skip", "todo", "ignore", "fixme", "skipIf", "runIf"]);
const SKIP_OPTION = /\b(?:skip|ignore|todo|fixme)\s*:\s*(?!false\b)[^\s,}]/;
const SKIP_IN_BODY = /\b(?:this|t|ctx|context|test)\.(?:skip|todo|fixme)\(/;

/** The tests among the calls; a test that only others leave out (`.only`) counts as skipped. */
export function readCalls(source: TestSource): readonly FoundTest[] {
  const calls = [...source.code.matchAll(HEAD)].flatMap((head) => readCall(source, head) ?? []);
  const isFocused = calls.some(({ focused }) => focused);
  const focusedEnds = firstFocusedEnds(calls);
  const found: FoundTest[] = [];
  const around: Call[] = [];
  for (const [i, call] of calls.entries()) {
    while (around.length > 0 && around[around.length - 1].end <= call.start) around.pop();
    around.push(call);
    if (call.isGroup || around.length > DEPTH_MAX) continue;
    const { body, code } = source.part(call.bodyStart, call.end);
    const focuses = around.some(({ focused }) => focused) || focusedEnds[i + 1] < call.end;
    found.push({
      name: joinNames(around.map(({ name }) => name)),
      skipped: around.some(({ skipped }) => skipped) || SKIP_IN_BODY.test(code) ||
        isFocused && !focuses,
      body,
      code,
    });
  }
  return found;
}

/** For each call, and behind the last: the first end of a focused one among it and those that follow. */
function firstFocusedEnds(calls: readonly Call[]): readonly number[] {
  const ends = [Infinity];
  for (const { focused, end } of calls.toReversed()) {
    const first = ends[ends.length - 1];
    ends.push(focused ? Math.min(end, first) : first);
  }
  return ends.reverse();
}

function readCall(source: TestSource, head: RegExpExecArray): Call | undefined {
  const { code } = source;
  const [all, callee, dotted] = head;
  const modifiers = dotted.split(".").map((word) => word.trim()).filter(Boolean);
  // a bare `step(…)` is anybody's function
  if (callee === "step" || modifiers.some((word) => !MODIFIERS.has(word))) return undefined;
  let open = head.index + all.length;
  if (modifiers.some((word) => TAKES_ARGUMENTS.has(word))) {
    open = afterGroup(source, open);
    if (code[open] !== "(") return undefined;
  } else if (code[open] !== "(") {
    return undefined;
  }
  const end = source.closing(open);
  const args = topLevelArguments(source, { open, end });
  if (args.length === 0) return undefined;
  const last = callee.split(".").at(-1) ?? "";
  // `fit` and the like are names of other functions too
  const isPrefixed = /^[xf]/.test(last);
  if (isPrefixed && !/=>|\bfunction\b/.test(source.part(args[0].end, end).code)) return undefined;
  const isGroup = modifiers.includes("describe") || /describe|context|suite/.test(last);
  const options = args.filter(({ start }) => code[start] === "{")
    .map(({ start, end }) => outline(source, { start, end }));
  const nameAt = stringStart(source, args[0]);
  const name = nameOf(source, { ...args[0], nameAt });
  // a name with nothing to do is a test that is to be written
  const isPending = args.length === 1 && nameAt === args[0].start && code[open] === "(";
  const chained = /^\s*->\s*(?:skip|todo)\b/.test(code.slice(end + 1, end + 40));
  return {
    start: head.index,
    end: end + 1,
    name,
    isGroup,
    skipped: isPending || chained || last.startsWith("x") ||
      modifiers.some((word) => SKIPS.has(word)) || options.some((text) => SKIP_OPTION.test(text)),
    focused: modifiers.includes("only") || last.startsWith("f") ||
      options.some((text) => /\bonly\s*:\s*true\b/.test(text)),
    bodyStart: nameAt === args[0].start ? args[0].end : args[0].start,
  };
}

/** Behind a group in brackets, or a template, and the space that follows it. */
function afterGroup({ code, closing }: TestSource, open: number): number {
  const close = code[open] === "`" ? code.indexOf("`", open + 1) : closing(open);
  const space = /\s*/y;
  space.lastIndex = close + 1;
  space.exec(code);
  return close < 0 ? code.length : space.lastIndex;
}

/** The arguments of a call, without the space around them. */
function topLevelArguments(
  { code, closing }: TestSource,
  { open, end }: { open: number; end: number },
): readonly { start: number; end: number }[] {
  const args: { start: number; end: number }[] = [];
  let from = open + 1;
  const add = (to: number) => {
    let [start, last] = [from, to];
    while (start < last && isSpace(code[start])) start++;
    while (last > start && isSpace(code[last - 1])) last--;
    if (start < last) args.push({ start, end: last });
  };
  const signs = /[,([{]/g;
  signs.lastIndex = from;
  for (let sign = signs.exec(code); sign && sign.index < end; sign = signs.exec(code)) {
    if (sign[0] === ",") {
      add(sign.index);
      from = sign.index + 1;
    } else {
      signs.lastIndex = closing(sign.index) + 1;
    }
  }
  add(end);
  return args;
}

const isSpace = (sign: string) => /\s/.test(sign);

/** An object's own members, with what is in their brackets left out. */
function outline(source: TestSource, { start, end }: { start: number; end: number }): string {
  return topLevelArguments(source, { open: start, end: end - 1 })
    .map((member) => /^[^([{]*/.exec(source.code.slice(member.start, member.end))?.[0])
    .join(", ");
}

/** Where the string begins that names the test: the argument itself, or its member `name`. */
function stringStart(
  { code, part }: TestSource,
  { start, end }: { start: number; end: number },
): number {
  if (/["'`]/.test(code[start])) return start;
  const member = code[start] === "{" && /\bname\s*:\s*(?=["'`])/.exec(part(start, end).code);
  return member ? start + member.index + member[0].length : -1;
}

function nameOf(
  { text, code }: TestSource,
  { start, end, nameAt }: { start: number; end: number; nameAt: number },
): string {
  if (nameAt >= 0) {
    const close = code.indexOf(code[nameAt], nameAt + 1);
    return text.slice(nameAt + 1, close < 0 ? end : close);
  }
  const named = /^(?:async\s+)?function\s*\*?\s*(\w+)/.exec(code.slice(start, end));
  return named?.[1] ?? text.slice(start, Math.min(end, start + 80)).replaceAll(/\s+/g, " ");
}
