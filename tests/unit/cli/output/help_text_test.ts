import assert from "node:assert/strict";
import { commandContext } from "../../../../src/cli/command_context.ts";
import { execute } from "../../../../src/cli/main.ts";
import { fittedHelp } from "../../../../src/cli/output/help_text.ts";
import { COMMANDS } from "../../../../src/cli/program.ts";
import { systemClock } from "../../../../src/host/system/clock.ts";
import { PLAIN } from "../../../../src/terminal/colors.ts";

Deno.test("help flows into narrow lines, and a command to paste stays whole", () => {
  const text = `
It looks which checks this project has, and
writes them into a file.

Examples:
  ralph run x        here, three iterations at most
  ralph logs x --json | jq -r 'select(.exitCode != null)'`;
  assert.equal(fittedHelp(text, 100), text);
  assert.equal(
    fittedHelp(text, 48),
    `
It looks which checks this project has, and
writes them into a file.

Examples:
  ralph run x        here, three iterations at
                     most
  ralph logs x --json | jq -r 'select(.exitCode != null)'`,
  );
  assert.match(
    fittedHelp(text, 30),
    /^\nIt looks which checks this\nproject has, and writes them\ninto a file\.\n/,
  );
});

Deno.test("the help of each command fits 60 columns, but for commands to paste", async () => {
  const names = Object.keys(COMMANDS).filter((name) => COMMANDS[name].summary !== undefined);
  for (const name of ["", ...names]) {
    let shown = "";
    const write = (text: string) => void (shown += text);
    const stream = { write, line: write, isTerminal: true, width: () => 60, colors: PLAIN };
    const context = commandContext({
      output: { out: stream, err: stream, inputIsTerminal: false },
      clock: systemClock,
      environment: () => undefined,
      mainUrl: import.meta.url,
      cwd: () => "/",
    });
    await execute(name === "" ? ["--help"] : [name, "--help"], context);
    const wide = shown.split("\n").filter((line) => line.length > 60);
    const isPasted = (line: string) => /^ +(ralph |--story|\(that line)/.test(line);
    assert.deepEqual(wide.filter((line) => !isPasted(line)), [], name);
  }
});
