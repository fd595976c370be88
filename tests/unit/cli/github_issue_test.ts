import assert from "node:assert/strict";
import { join } from "node:path";
import { issueText } from "../../../src/cli/planning/github_issue.ts";
import { systemClock } from "../../../src/host/system/clock.ts";
import { temporaryFolder } from "../../support/folder.ts";

Deno.test("an issue is what gh prints, asked for without a shell", async () => {
  using folder = temporaryFolder("ralph-gh-");
  const path = Deno.env.get("PATH") ?? "";
  const program = async (script: string) => {
    const file = join(folder.path, "gh");
    await Deno.writeTextFile(file, `#!/bin/sh\n${script}\n`);
    await Deno.chmod(file, 0o755);
  };
  const issue = () => issueText(12, { clock: systemClock });
  Deno.env.set("PATH", `${folder.path}:/usr/bin:/bin`);
  try {
    const asked = '[ "$*" = "issue view 12 --json title,body" ] || exit 9';
    await program(`${asked}\necho '{"title":"Sum up","body":"Please.","other":1}'`);
    assert.equal(await issue(), "Sum up\n\nPlease.");
    await program("printf 'no such \\033[31missue' >&2; exit 1");
    await assert.rejects(issue(), /issue 12 of GitHub: `gh` says: no such \\x1b\[31missue/);
    await program("echo hello");
    await assert.rejects(issue(), /what `gh` printed is no issue/);
    Deno.env.set("PATH", "/nowhere");
    await assert.rejects(issue(), /the program `gh` is not there/);
  } finally {
    Deno.env.set("PATH", path);
  }
});
