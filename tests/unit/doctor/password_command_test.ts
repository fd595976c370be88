import assert from "node:assert/strict";
import { newPasswordCommand } from "../../../src/doctor/service.ts";
import { parseEnvironmentFile } from "../../../src/host/system/server_env.ts";
import { temporaryFolder } from "../../support/folder.ts";

Deno.test("the command for a password makes one, once, and spoils no line that is there", async () => {
  using folder = temporaryFolder();
  const configFolder = `${folder.path}/config's`;
  const file = `${configFolder}/server.env`;
  const paste = async () => {
    const command = newPasswordCommand({ configFolder });
    const { success } = await new Deno.Command("/bin/sh", { args: ["-c", command] }).output();
    assert(success, command);
    return parseEnvironmentFile(await Deno.readTextFile(file));
  };
  const made = (await paste()).get("OPENCODE_SERVER_PASSWORD") ?? "";
  assert(made.length >= 32, made);
  assert.equal(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o600);
  assert.equal((await paste()).get("OPENCODE_SERVER_PASSWORD"), made);

  await Deno.writeTextFile(file, "OPENCODE_SERVER_USERNAME=ann");
  const both = await paste();
  assert.equal(both.get("OPENCODE_SERVER_USERNAME"), "ann");
  assert((both.get("OPENCODE_SERVER_PASSWORD") ?? "").length >= 32);
});
