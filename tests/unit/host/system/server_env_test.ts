import assert from "node:assert/strict";
import {
  configFolder,
  parseEnvironmentFile,
  serverEnv,
} from "../../../../src/host/system/server_env.ts";
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
  const text = [
    "# OPENCODE_SERVER_PASSWORD=commented",
    "; OPENCODE_SERVER_PASSWORD=commented",
    "",
    "no pair",
    "  SPACED  =  two words  ",
    `DOUBLE="quoted # and = kept "`,
    "SINGLE='it is'",
    `HALF="open`,
    "EMPTY=",
    "AGAIN=first",
    "AGAIN=second",
    "1BAD=x",
    "DOLLAR=$HOME",
    "WINDOWS=line\r",
  ].join("\n");
  assert.deepEqual(Object.fromEntries(parseEnvironmentFile(text)), {
    SPACED: "two words",
    DOUBLE: "quoted # and = kept ",
    SINGLE: "it is",
    HALF: `"open`,
    EMPTY: "",
    AGAIN: "second",
    DOLLAR: "$HOME",
    WINDOWS: "line",
  });
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
