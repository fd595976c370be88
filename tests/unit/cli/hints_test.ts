/** Every ralph command that the source, the docs or the README names is one that there is. */
import assert from "node:assert/strict";
import * as path from "node:path";
import { commandContext } from "../../../src/cli/command_context.ts";
import { PLAIN } from "../../../src/terminal/colors.ts";
import { meant } from "../../../src/cli/synonyms.ts";
import { COMMANDS, program } from "../../../src/cli/program.ts";
import { systemClock } from "../../../src/host/system/clock.ts";

const root = path.join(import.meta.dirname ?? "", "../../..");
const stream = {
  write: () => {},
  line: () => {},
  isTerminal: false,
  width: () => 80,
  colors: PLAIN,
};
const context = commandContext({
  output: { out: stream, err: stream, inputIsTerminal: false },
  clock: systemClock,
  environment: () => undefined,
  mainUrl: import.meta.url,
  cwd: () => "/",
});
const { commands } = await program(context, () => {}, Object.keys(COMMANDS));

function files(folder: string, ending: string): string[] {
  return [...Deno.readDirSync(path.join(root, folder))].flatMap(({ name, isDirectory }) => {
    const file = path.join(folder, name);
    return isDirectory ? files(file, ending) : file.endsWith(ending) ? [file] : [];
  });
}

/** `ralph word …`, at the start of a line or after a quote, a backtick, `$ ` or a blank pair. */
const NAMED = /(?:^|["'`]|\$ | {2}|: |&& )ralph ([a-z_]+)((?: [^\s`"'|)&>;]+| '[^']*')*)/gm;

Deno.test("every command that is named anywhere exists, and so do its options", () => {
  const sources = [...files("src", ".ts"), ...files("docs", ".md"), "README.md"];
  let found = 0;
  const wrong: string[] = [];
  for (const file of sources) {
    for (const [text, name, rest] of Deno.readTextFileSync(path.join(root, file)).matchAll(NAMED)) {
      found++;
      const [own] = meant([name, ...rest.split(" ").filter(Boolean)]);
      const command = commands.find((one) => one.name() === own);
      const options = rest.split(" ").filter((word) => /^--?[a-z]/.test(word))
        .map((word) => word.replace(/[=\\].*/, ""));
      const unknown = options.filter((option) =>
        option !== "--help" && option !== "-h" &&
        !command?.options.some(({ long, short }) => long === option || short === option)
      );
      if (!command || unknown.length > 0) wrong.push(`${file}: ${text.trim()}`);
    }
  }
  assert(found > 30, `only ${found} were found`);
  assert.deepEqual(wrong, []);
});
