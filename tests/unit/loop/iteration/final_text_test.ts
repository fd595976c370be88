import assert from "node:assert/strict";
import { blockedWords, promisesCompletion } from "../../../../src/loop/iteration/final_text.ts";

const P = "<promise>COMPLETE</promise>";

const PROMISES: readonly [string, string, boolean][] = [
  ["alone", P, true],
  ["at the end of an answer", `All done.\n\n${P}\n`, true],
  ["with spaces around it and CRLF", `All done.\r\n  ${P}  \r\n`, true],
  ["after a line that introduces it", `Everything passes:\n\n${P}`, true],
  ["with a remark after it", `${P}\n\nHave a nice day.`, true],
  ["inside a sentence", `I will not say ${P} yet.`, false],
  ["in backticks", `\`${P}\``, false],
  ["in a code block", `Like this:\n\`\`\`\n${P}\n\`\`\`\n`, false],
  ["in a block that holds a shorter fence", `\`\`\`\`md\n\`\`\`\n${P}\n\`\`\`\n\`\`\`\``, false],
  ["after a code block", `\`\`\`sh\nls\n\`\`\`\n${P}`, true],
  ["in a block that is never closed", `~~~\n${P}`, false],
  ["in an indented block", `Say:\n\n    ${P}`, false],
  ["in a quote", `> ${P}`, false],
  ["announced for later", `Once the tests pass I will write:\n\n${P}`, false],
  ["withheld in the line above", `The sum is there. I will not say\n${P}`, false],
  ["in the middle of a sentence", `The sum is there; I say\n${P}\nbefore lunch.`, false],
  ["after a sentence with a negation", `I did not skip a test.\n${P}`, true],
  ["withheld", `I can't yet write:\n${P}`, false],
  ["another promise", "<promise>DONE</promise>", false],
  ["nothing", "", false],
];

for (const [name, text, expected] of PROMISES) {
  Deno.test(`the promise ${name} ${expected ? "counts" : "does not count"}`, () => {
    assert.equal(promisesCompletion(text), expected);
  });
}

Deno.test("what blocks the agent is read from the end of its text alone", () => {
  assert.equal(blockedWords("I tried.\n\n<blocked>no API key</blocked>\n"), "no API key");
  assert.equal(blockedWords("<blocked>\nno key\nno host\n</blocked>"), "no key\nno host");
  assert.equal(blockedWords("<blocked>no key</blocked>\nBut I went on."), undefined);
  assert.equal(blockedWords("```\n<blocked>no key</blocked>\n```"), undefined);
  assert.equal(blockedWords("> <blocked>no key</blocked>"), undefined);
  assert.equal(blockedWords("It is <blocked>no key</blocked>"), undefined);
  assert.equal(blockedWords("<blocked>  </blocked>"), undefined);
  assert.equal(blockedWords(""), undefined);
  assert.equal(blockedWords(`<blocked>${"x".repeat(9_000)}</blocked>`)?.length, 2_000);
});
