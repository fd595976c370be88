import assert from "node:assert/strict";
import { attachCommand, serverCommands } from "../../../src/opencode/commands.ts";

const url = "http://127.0.0.1:4096";
const session = { directory: "/p", sessionId: "ses_1" };

Deno.test("a command for OpenCode 2 names the server: without, it starts one of its own that stays", () => {
  const server = { generation: 2, url } as const;
  const { login, models, agents } = serverCommands(server);
  for (const command of [login, models, agents, attachCommand(server, session)]) {
    assert.match(command, /^opencode2 (api )?--server http:\/\/127\.0\.0\.1:4096( |$)/);
  }
  for (const command of [models, agents]) assert.match(command, / \| grep -oE /);
});

Deno.test("a password that a file holds is read by the shell, and is no word of the command", async () => {
  const folder = await Deno.makeTempDir();
  const passwordFile = `${folder}/it's here.env`;
  await Deno.writeTextFile(passwordFile, "OPENCODE_SERVER_PASSWORD=a+b/c=\n");
  const server = { generation: 1, url, passwordFile } as const;
  const command = attachCommand(server, session, "printenv").replace(
    /printenv .*\)$/,
    "printenv OPENCODE_SERVER_PASSWORD)",
  );
  const { stdout } = await new Deno.Command("/bin/sh", { args: ["-c", command] }).output();
  assert.equal(new TextDecoder().decode(stdout), "a+b/c=\n");
  await Deno.remove(folder, { recursive: true });
});
