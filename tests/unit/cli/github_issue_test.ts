import assert from "node:assert/strict";
import { join } from "node:path";
import { temporaryFolder } from "../../support/folder.ts";
import { inOwnProcess } from "../../support/own_process.ts";

/** The issue's text, or why there is none, where PATH is `searchPath`. */
function issueText(searchPath: string): Promise<string> {
  const source = (name: string) => new URL(`../../../src/${name}`, import.meta.url).href;
  const modules = {
    issue: source("cli/planning/github_issue.ts"),
    clock: source("host/system/clock.ts"),
  };
  return inOwnProcess(
    async ({ issue, clock }) => {
      const { issueText } = await import(issue);
      const { systemClock } = await import(clock);
      return await issueText(12, { clock: systemClock })
        .catch((error: Error) => `${error.name}: ${error.message}`);
    },
    modules,
    { PATH: searchPath },
  );
}

Deno.test("an issue is what gh prints, asked for without a shell", async () => {
  using folder = temporaryFolder("ralph-gh-");
  const said = async (script: string) => {
    const file = join(folder.path, "gh");
    await Deno.writeTextFile(file, `#!/bin/sh\n${script}\n`);
    await Deno.chmod(file, 0o755);
    return await issueText(`${folder.path}:/usr/bin:/bin`);
  };
  const asked = '[ "$*" = "issue view 12 --json title,body" ] || exit 9';
  assert.equal(
    await said(`${asked}\necho '{"title":"Sum up","body":"Please.","other":1}'`),
    "Sum up\n\nPlease.",
  );
  assert.match(
    await said("printf 'no such \\033[31missue' >&2; exit 1"),
    /^RalphError: .*issue 12 of GitHub: `gh` says: no such \\x1b\[31missue/,
  );
  assert.match(await said("echo hello"), /what `gh` printed is no issue/);
  assert.match(await issueText("/nowhere"), /the program `gh` is not there/);
});
