import assert from "node:assert/strict";
import type { CommandContext } from "../../../../src/cli/command_context.ts";
import { pagesOf } from "../../../../src/cli/pages.ts";
import { COMMANDS, program } from "../../../../src/cli/program.ts";
import { asIs, roffText } from "../../../../src/terminal/roff.ts";
import { makeHome } from "../../../reliability/home.ts";

async function page(): Promise<string> {
  await using home = await makeHome();
  const { code, stdout, stderr } = await home.ralph("man");
  assert.deepEqual([code, stderr], [0, ""]);
  return stdout;
}

Deno.test("the man page has every command, option and argument that the help has", async () => {
  const text = await page();
  const context = { output: { out: { width: () => 80 } } } as unknown as CommandContext;
  const pages = pagesOf(await program(context, () => {}, Object.keys(COMMANDS)));
  assert(pages.length > 15);
  for (const { name, summary, usage, arguments: taken, options, after } of pages.slice(1)) {
    const start = text.indexOf(`.SS ${roffText(`${name} ${usage}`)}\n`);
    assert(start >= 0, name);
    const part = text.slice(start, text.indexOf("\n.S", start));
    const terms = [...taken, ...options.flatMap((group) => group.terms)];
    for (const word of [summary, ...terms.flatMap((one) => [one.term, one.description])]) {
      assert(part.includes(roffText(word)), `${name}: ${word}`);
    }
    for (const one of after) assert(part.includes(asIs(one).join("\n")), `${name}: ${one}`);
  }
  for (const [, option] of text.matchAll(/^as (\S+) of ralph run$/gm)) {
    assert(
      text.includes(`${option} <`),
      `a variable stands for an option that is not there: ${option}`,
    );
  }
});

Deno.test("nothing in a text is a request or an escape of roff", () => {
  assert.equal(roffText("a\\n-b 'c' `d` ~/e ^"), "a\\en\\-b \\(aqc\\(aq \\(gad\\(ga \\(ti/e \\(ha");
  assert.equal(roffText(".TH x"), "\\&.TH x");
  assert.equal(roffText("two\n.lines"), "two .lines");
  assert.equal(roffText("ü ✓ 😀"), "\\[u00FC] \\[u2713] \\[u1F600]");
  assert.deepEqual(asIs("a\n\n.b"), [".nf", "a", "\\&", "\\&.b", ".fi"]);
});

const LINTS: readonly (readonly [program: string, ...args: string[]])[] = [
  ["man", "--warnings", "--encoding=UTF-8", "--local-file", "-"],
  ["mandoc", "-Tlint", "-Wwarning"],
];

for (const [program, ...args] of LINTS) {
  const isThere = await new Deno.Command("sh", { args: ["-c", `command -v ${program}`] }).output()
    .then(({ success }) => success);
  Deno.test({
    name: `${program} finds nothing wrong with it${isThere ? "" : " (not installed: skipped)"}`,
    ignore: !isThere,
    async fn() {
      const child = new Deno.Command(program, {
        args,
        env: { MANPAGER: "cat", LC_ALL: "C.UTF-8" },
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const input = child.stdin.getWriter();
      await input.write(new TextEncoder().encode(await page()));
      await input.close();
      const { stdout, stderr } = await child.output();
      const said = new TextDecoder().decode(program === "man" ? stderr : stdout);
      // it has none, so that it is the same each time it is printed
      const found = said.split("\n").filter((line) => line !== "" && !/missing date/.test(line));
      assert.deepEqual(found, []);
    },
  });
}
