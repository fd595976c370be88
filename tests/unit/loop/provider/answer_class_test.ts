/** What answers mean that are no error to the server (1.1.53, 1.18.33, measured). */
import assert from "node:assert/strict";
import { type Answer, classifyAnswer } from "../../../../src/loop/provider/answer_class.ts";

const said = (text: string, more: Partial<Answer> = {}): Answer => ({
  finish: "stop",
  text,
  toolRuns: 0,
  ...more,
});

const CASES: readonly [string, Answer, string | undefined][] = [
  ["nothing", said(""), "refused"],
  ["blanks", said(" \n"), "refused"],
  ["nothing, and the server does not know why", said("", { finish: "unknown" }), "refused"],
  ["nothing, cut at the output limit", said("", { finish: "length" }), undefined],
  ["nothing, filtered", said("", { finish: "content-filter" }), undefined],
  ["nothing after tools", said("", { toolRuns: 2 }), undefined],
  ["nothing, and it is not known whether tools ran", said("", { toolRuns: undefined }), undefined],
  ["nothing, of a model without tools", said("", { lacksTools: true }), "hopeless"],
  ["words", said("I need the key."), undefined],
  ["words of a model without tools", said("I need the key.", { lacksTools: true }), "hopeless"],
  [
    "a model without tools that called one",
    said("x", { lacksTools: true, toolRuns: 1 }),
    undefined,
  ],
  ["a code block", said("Run this:\n```sh\nls\n```"), undefined],
  ["JSON that is no call", said('{"name": "x", "version": "1"}'), undefined],
  ...[
    '<tool_call>{"name":"bash","arguments":{"command":"ls"}}</tool_call>',
    "Let me look.\n<function=bash><parameter=command>ls</parameter></function>",
    '<function_calls>\n<invoke name="bash">',
    '[TOOL_CALLS][{"name": "bash", "arguments": {"command": "ls"}}]',
    '<|python_tag|>{"name": "bash", "parameters": {"command": "ls"}}',
    "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function",
    '```tool_code\nprint(bash("ls"))\n```',
    '```json\n{"name": "bash", "arguments": {"command": "ls"}}\n```',
    '{"type": "function", "function": {"name": "bash", "arguments": {}}}',
  ].flatMap((text): [string, Answer, string | undefined][] => [
    [`a call as text: ${text}`, said(text), "hopeless"],
    [`once, of a model that calls tools: ${text}`, said(text, { workedBefore: true }), undefined],
    [`beside one that ran: ${text}`, said(text, { toolRuns: 1 }), undefined],
  ]),
];

for (const [name, answer, kind] of CASES) {
  Deno.test(`answer: ${name}`, () => {
    assert.equal(classifyAnswer(answer)?.errorClass.kind, kind);
  });
}
