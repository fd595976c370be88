import assert from "node:assert/strict";
import {
  configFolder,
  parseEnvironmentFile,
  serverEnv,
} from "../../../../src/host/system/server_env.ts";
import { ENVIRONMENT_FILES } from "../../../support/environment_files.ts";
import { temporaryFolder } from "../../../support/folder.ts";

const from = (variables: Record<string, string>) => (name: string) => variables[name];

function home(text: string, mode = 0o600) {
  const folder = temporaryFolder();
  Deno.mkdirSync(`${folder.path}/.config/ralph`, { recursive: true });
  const file = `${folder.path}/.config/ralph/server.env`;
  Deno.writeTextFileSync(file, text);
  Deno.chmodSync(file, mode);
  return { ...folder, HOME: folder.path, file };
}

Deno.test("the file is read as systemd reads it", () => {
  for (const [text, values] of ENVIRONMENT_FILES) {
    assert.deepEqual(Object.fromEntries(parseEnvironmentFile(text)), values, JSON.stringify(text));
  }
});

Deno.test("a password that is none is said to be none, and why", () => {
  const unread = (text: string) => {
    using dir = home(text);
    const env = serverEnv(from({ HOME: dir.HOME }));
    assert.equal(env.password, undefined, text);
    assert.equal(env.source, undefined, text);
    return env.unread;
  };
  assert.equal(unread("OPENCODE_SERVER_PASSWORD=\n"), "OPENCODE_SERVER_PASSWORD is empty");
  assert.equal(unread('OPENCODE_SERVER_PASSWORD=""\n'), "OPENCODE_SERVER_PASSWORD is empty");
  assert.match(unread("\uFEFFOPENCODE_SERVER_PASSWORD=abc\n") ?? "", /byte order mark/);
  assert.match(unread("export OPENCODE_SERVER_PASSWORD=abc\n") ?? "", /does not begin with/);
  assert.equal(unread("# OPENCODE_SERVER_PASSWORD=abc\nA=1\n"), undefined);
});

Deno.test("a file that is not UTF-8 is a problem, as systemd reads nothing of it", () => {
  using dir = home("");
  Deno.writeFileSync(dir.file, new Uint8Array([0x41, 0x3d, 0xff, 0x0a]));
  assert.equal(serverEnv(from({ HOME: dir.HOME })).problem, "it is not UTF-8");
});

Deno.test("an empty variable is none, and the file counts", () => {
  using dir = home("OPENCODE_SERVER_PASSWORD=abc\n");
  const env = serverEnv(from({ HOME: dir.HOME, OPENCODE_SERVER_PASSWORD: "" }));
  assert.deepEqual([env.password, env.source], ["abc", "file"]);
});

Deno.test("the password is the variable's, else the file's", () => {
  using dir = home("OPENCODE_SERVER_PASSWORD='in file'\nOPENCODE_SERVER_USERNAME=ann\n");
  const { HOME, file } = dir;
  assert.deepEqual(serverEnv(from({ HOME })), {
    path: file,
    password: "in file",
    username: "ann",
    inFile: "in file",
    isOpen: false,
    problem: undefined,
    unread: undefined,
    source: "file",
    name: "OPENCODE_SERVER_PASSWORD",
  });
  const OPENCODE_SERVER_PASSWORD = "in variable";
  assert.deepEqual(serverEnv(from({ HOME, OPENCODE_SERVER_PASSWORD })), {
    path: file,
    password: "in variable",
    username: "ann",
    inFile: "in file",
    isOpen: false,
    problem: undefined,
    unread: undefined,
    source: "variable",
    name: "OPENCODE_SERVER_PASSWORD",
  });
});

Deno.test("the name that only OpenCode 2 has is taken where the other is not there", () => {
  using dir = home("OPENCODE_PASSWORD=in file\n");
  const { HOME } = dir;
  assert.equal(serverEnv(from({ HOME })).password, "in file");
  const { password, name, source } = serverEnv(from({ HOME, OPENCODE_PASSWORD: "in variable" }));
  assert.deepEqual([password, name, source], ["in variable", "OPENCODE_PASSWORD", "variable"]);
});

Deno.test("without a file there is no password, and nothing is open", () => {
  using dir = temporaryFolder();
  assert.deepEqual(serverEnv(from({ HOME: dir.path })), {
    path: `${dir.path}/.config/ralph/server.env`,
    password: undefined,
    username: undefined,
    inFile: undefined,
    isOpen: false,
    problem: undefined,
    unread: undefined,
    source: undefined,
    name: "OPENCODE_SERVER_PASSWORD",
  });
});

Deno.test("a file that others may read is told", () => {
  for (const [mode, isOpen] of [[0o600, false], [0o400, false], [0o640, true], [0o604, true]]) {
    using dir = home("OPENCODE_SERVER_PASSWORD=x\n", Number(mode));
    assert.equal(serverEnv(from({ HOME: dir.HOME })).isOpen, isOpen, Number(mode).toString(8));
  }
});

Deno.test("the folder follows XDG_CONFIG_HOME, unless that is relative", () => {
  assert.equal(configFolder(from({ HOME: "/h" })), "/h/.config/ralph");
  assert.equal(configFolder(from({ HOME: "/h", XDG_CONFIG_HOME: "/c" })), "/c/ralph");
  assert.equal(configFolder(from({ HOME: "/h", XDG_CONFIG_HOME: "c" })), "/h/.config/ralph");
});
