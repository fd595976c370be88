/** docs/systemd.md: its unit is the unit, and its commands work, from the first to the last. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { installOpencode, shareRalph, startTestbed, testbedTest } from "../support/testbed.ts";
import { until } from "../support/wait.ts";
import { UNIT, USER } from "./service.ts";
import { NEWEST } from "../support/install.ts";

const GUIDE = Deno.readTextFileSync(
  fileURLToPath(new URL("../../docs/systemd.md", import.meta.url)),
);

function blocks(language: string): string[] {
  return [...GUIDE.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter(([, name]) => name === language).map(([, , text]) => text);
}

Deno.test("the guide shows the unit as it is", () => {
  assert.deepEqual(blocks("ini"), [UNIT]);
});

testbedTest("the guide's commands work, from installing to removing", async () => {
  await using testbed = await startTestbed();
  await installOpencode(testbed, { user: USER, version: NEWEST });
  const { command, env } = await shareRalph(testbed);
  const wrapper = `mkdir -p ~/.local/bin
    printf '#!/bin/sh\\nexec %s "$@"\\n' '${command.join(" ")}' >~/.local/bin/ralph
    chmod +x ~/.local/bin/ralph`;
  await testbed.sh(wrapper, { user: USER });
  await using _session = await testbed.login(USER);

  const scripts = blocks("sh");
  assert.ok(scripts.length > 8, "the commands were not found");
  for (const script of scripts) {
    // a server that has just been started may be too slow for doctor
    const mayWait = script.includes("ralph doctor s");
    const session = !script.includes("XDG_RUNTIME_DIR");
    const { stdout } = await until(async () => {
      const command = ["bash", "-c", `PATH=~/.local/bin:$PATH; set -e\n${script}`];
      const result = await testbed.exec(command, { user: USER, session, env });
      assert.ok(result.code === 0 || mayWait, `${script}\n${result.stdout}${result.stderr}`);
      return result.code === 0 && result;
    }, { what: `doctor to be content, of:\n${script}` });
    if (script.includes("Linger")) assert.match(stdout, /Linger=yes/);
    if (script.includes("ns/user")) {
      const spaces = stdout.match(/user:\[\d+\]/g) ?? [];
      assert.equal(new Set(spaces).size, 2, stdout);
    }
  }
});
