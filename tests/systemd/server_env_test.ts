/** What ralph reads in `server.env`, and what its commands write there, is what systemd reads. */
import assert from "node:assert/strict";
import { takePasswordCommand } from "../../src/doctor/password.ts";
import { ENVIRONMENT_FILES, PASSWORDS } from "../support/environment_files.ts";
import { startTestbed, type Testbed, testbedTest } from "../support/testbed.ts";

testbedTest("systemd reads an environment file as ralph does", async (t) => {
  await using testbed = await startTestbed();
  for (const [text, values] of ENVIRONMENT_FILES) {
    await t.step(JSON.stringify(text), async () => {
      await testbed.sh("cat > /run/server.env", { stdin: text });
      const read = await environmentOf(testbed);
      for (const name of ["A", "B"]) assert.equal(read.get(name), values[name], name);
    });
  }
  for (const password of PASSWORDS) {
    await t.step(`a password that was taken over: ${password}`, async () => {
      // Until it is `sleep`, it is the shell that was forked, which has no such variable.
      await testbed.sh(
        `OPENCODE_SERVER_PASSWORD="$PASSWORD" sleep 60 >/dev/null 2>&1 & pid=$!
         until grep -qx sleep /proc/$pid/comm; do :; done
         ${takePasswordCommand({ configFolder: "/run" }, 4711).replace("/4711/", "/$pid/")}`,
        { env: { PASSWORD: password } },
      );
      assert.equal((await environmentOf(testbed)).get("OPENCODE_SERVER_PASSWORD"), password);
    });
  }
});

/** What a unit gets from `/run/server.env`. */
async function environmentOf(testbed: Testbed): Promise<ReadonlyMap<string, string>> {
  const printed = await testbed.sh(
    "systemd-run --quiet --wait --pipe --collect -p EnvironmentFile=/run/server.env env -0 | base64 -w 0",
  );
  const text = new TextDecoder().decode(Uint8Array.fromBase64(printed));
  return new Map(
    text.split("\0").map((pair) => {
      const at = pair.indexOf("=");
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}
