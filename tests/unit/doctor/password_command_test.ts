import assert from "node:assert/strict";
import {
  giveVariableCommand,
  newPasswordCommand,
  openWarning,
  takePasswordCommand,
  typePasswordCommand,
} from "../../../src/doctor/password.ts";
import { parseEnvironmentFile } from "../../../src/host/system/server_env.ts";
import { PASSWORDS } from "../../support/environment_files.ts";
import { temporaryFolder } from "../../support/folder.ts";

function place(text?: string) {
  const folder = temporaryFolder();
  const configFolder = `${folder.path}/config's`;
  const file = `${configFolder}/server.env`;
  if (text !== undefined) {
    Deno.mkdirSync(configFolder, { recursive: true });
    Deno.writeTextFileSync(file, text, { mode: 0o600 });
  }
  return { ...folder, configFolder, file };
}

async function paste(command: string, { stdin = "", shell = "bash", env = {} }: {
  stdin?: string;
  shell?: string;
  env?: Record<string, string>;
} = {}): Promise<boolean> {
  const child = new Deno.Command(shell, {
    args: ["-c", command],
    stdin: "piped",
    stderr: "null",
    env,
  })
    .spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(stdin));
  await writer.close().catch(() => {});
  return (await child.status).success;
}

const valuesIn = (file: string) => parseEnvironmentFile(Deno.readTextFileSync(file));
const modeOf = (file: string) => (Deno.statSync(file).mode ?? 0) & 0o777;

Deno.test("the command for a password makes one, once, and spoils no line that is there", async () => {
  using folder = place();
  const { file } = folder;
  const make = async () => {
    assert(await paste(newPasswordCommand(folder), { shell: "/bin/sh" }));
    return valuesIn(file);
  };
  const made = (await make()).get("OPENCODE_SERVER_PASSWORD") ?? "";
  assert(made.length >= 32, made);
  assert.equal(modeOf(file), 0o600);
  assert.equal((await make()).get("OPENCODE_SERVER_PASSWORD"), made);

  await Deno.writeTextFile(file, "OPENCODE_SERVER_USERNAME=ann");
  const both = await make();
  assert.equal(both.get("OPENCODE_SERVER_USERNAME"), "ann");
  assert((both.get("OPENCODE_SERVER_PASSWORD") ?? "").length >= 32);
});

for (
  const none of [
    "OPENCODE_SERVER_PASSWORD=\n",
    'OPENCODE_SERVER_PASSWORD=""\n',
    "OPENCODE_SERVER_PASSWORD=''",
    "OPENCODE_SERVER_PASSWORD=  \n",
    "OPENCODE_SERVER_PASSWORD=a\nOPENCODE_SERVER_PASSWORD=\n",
    "\uFEFFOPENCODE_SERVER_PASSWORD=abc\n",
    "export OPENCODE_SERVER_PASSWORD=abc\n",
  ]
) {
  Deno.test(`a password is made where ${JSON.stringify(none)} gives none`, async () => {
    using folder = place(none);
    assert(await paste(newPasswordCommand(folder)));
    assert((valuesIn(folder.file).get("OPENCODE_SERVER_PASSWORD") ?? "").length >= 32);
  });
}

Deno.test("a password is taken over from a process as it is, and the rest of the file stays", async () => {
  for (const password of PASSWORDS) {
    using folder = place("KEY=1\nOPENCODE_SERVER_PASSWORD=old\nOPENCODE_PASSWORD=old\n");
    const server = new Deno.Command("sleep", {
      args: ["60"],
      env: { OPENCODE_SERVER_PASSWORD: password, OPENCODE_SERVER_USERNAME: "ann" },
    }).spawn();
    try {
      assert(await paste(takePasswordCommand(folder, server.pid), { shell: "/bin/sh" }));
    } finally {
      server.kill("SIGKILL");
      await server.status;
    }
    assert.deepEqual(Object.fromEntries(valuesIn(folder.file)), {
      OPENCODE_SERVER_PASSWORD: password,
      OPENCODE_SERVER_USERNAME: "ann",
      KEY: "1",
    });
    assert.equal(modeOf(folder.file), 0o600);
    assert.equal(await inShell(folder.file), password, "a shell reads the same");
  }
});

async function inShell(file: string): Promise<string> {
  const script = '. "$0"; printf %s "$OPENCODE_SERVER_PASSWORD"';
  const { stdout } = await new Deno.Command("/bin/sh", { args: ["-c", script, file] }).output();
  return new TextDecoder().decode(stdout);
}

Deno.test("nothing is taken over from a process that has ended: the file stays as it was", async () => {
  using folder = place("OPENCODE_SERVER_PASSWORD=mine\n");
  const ended = new Deno.Command("true").spawn();
  await ended.status;
  assert(!await paste(takePasswordCommand(folder, ended.pid)));
  assert.equal(Deno.readTextFileSync(folder.file), "OPENCODE_SERVER_PASSWORD=mine\n");
});

Deno.test("a password that is typed is written as it is, and an empty one not at all", async () => {
  for (const password of PASSWORDS) {
    using folder = place();
    assert(await paste(typePasswordCommand(folder), { stdin: `${password}\n` }));
    assert.equal(valuesIn(folder.file).get("OPENCODE_SERVER_PASSWORD"), password);
  }
  using folder = place("OPENCODE_SERVER_PASSWORD=mine\n");
  assert(!await paste(typePasswordCommand(folder), { stdin: "\n" }));
  assert.equal(Deno.readTextFileSync(folder.file), "OPENCODE_SERVER_PASSWORD=mine\n");
});

Deno.test("a run says that the server works without the password that the file seems to have", () => {
  const env = { path: "/home/ann/.config/ralph/server.env", isOpen: false, name: "X" };
  assert.equal(openWarning(env), undefined);
  assert.match(
    openWarning({ ...env, unread: "OPENCODE_SERVER_PASSWORD is empty" }) ?? "",
    /asks for no password: in \S+server\.env OPENCODE_SERVER_PASSWORD is empty/,
  );
  const variable = {
    source: "variable",
    password: "x",
    unread: "OPENCODE_SERVER_PASSWORD is empty",
  };
  assert.equal(openWarning({ ...env, ...variable, source: "variable" }), undefined);
});

Deno.test("a variable of the shell is written as it is, beside what the file has", async () => {
  for (const value of PASSWORDS) {
    using folder = place("OPENCODE_SERVER_PASSWORD=mine\nACME_KEY=old\n");
    const command = giveVariableCommand(folder, "ACME_KEY");
    assert(await paste(command, { env: { ACME_KEY: value } }));
    const { OPENCODE_SERVER_PASSWORD, ACME_KEY } = Object.fromEntries(valuesIn(folder.file));
    assert.deepEqual([OPENCODE_SERVER_PASSWORD, ACME_KEY], ["mine", value]);
  }
});
