import assert from "node:assert/strict";
import {
  fitUnit,
  UNIT_FILES,
  unitFileText,
  withFolders,
} from "../../../../src/host/system/unit_file.ts";

const mainUrl = new URL("../../../../main.ts", import.meta.url).href;
const unit = unitFileText("opencode", mainUrl);
const HOME = "/home/ann";

const folders = {
  XDG_CONFIG_HOME: `${HOME}/.config`,
  XDG_DATA_HOME: `${HOME}/.local/share`,
  XDG_STATE_HOME: `${HOME}/.local/state`,
};
const here = {
  port: 14096,
  home: HOME,
  folders,
  found: () => undefined,
  realPath: (path: string) => path,
};

const fit = (options: Partial<Parameters<typeof fitUnit>[1]>) =>
  fitUnit(unit, { ...here, ...options });
const lineOf = (text: string, start: string) =>
  text.split("\n").find((line) => line.startsWith(start)) ?? "";

/** The texts of all files below. */
function textsIn(folder: URL): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory
      ? textsIn(new URL(`${name}/`, folder))
      : [Deno.readTextFileSync(new URL(name, folder))]
  );
}

Deno.test("each file of systemd/ can be had by a name", () => {
  const known = UNIT_FILES.map((name) => unitFileText(name, mainUrl));
  assert.deepEqual(known.sort(), textsIn(new URL("../../../../systemd/", import.meta.url)).sort());
});

Deno.test("the unit stays as it is where its port and its PATH fit", () => {
  assert.equal(fit({}), unit);
  assert.equal(fit({ program: "/usr/local/bin/opencode" }), unit);
  assert.equal(fit({ program: `${HOME}/.opencode/bin/opencode` }), unit);
});

Deno.test("the unit gets the port that ralph is configured for", () => {
  const command = lineOf(fit({ port: 5000 }), "ExecStart=");
  assert.match(command, / serve .*--port 5000$/);
  assert.equal(fit({ port: 5000 }).replace("--port 5000", "--port 14096"), unit);
  assert.match(fitUnit("ExecStart=x --port=14096", { ...here, port: 5 }), /--port=5$/);
});

Deno.test("the folder of this machine's opencode comes first in the unit's PATH", () => {
  const folders = (program: string) => {
    const line = lineOf(fit({ program }), 'Environment="PATH=');
    assert(line.endsWith('"'), line);
    return line.slice('Environment="PATH='.length);
  };
  assert.match(folders("/opt/node 22/bin/opencode"), /^\/opt\/node 22\/bin:%h\/\.opencode\/bin:/);
  // another user's home is no `%h`
  assert.match(folders("/home/bob/.opencode/bin/opencode"), /^\/home\/bob\/\.opencode\/bin:%h/);
  // systemd reads specifiers and escapes in there
  assert.match(folders(`/opt/100%h/a"b\\c/opencode`), /^\/opt\/100%%h\/a\\"b\\\\c:%h/);
  assert.match(folders("/opt/$&$1/opencode"), /^\/opt\/\$&\$1:%h/);
});

const pathOf = (text: string) => lineOf(text, 'Environment="PATH=');

Deno.test("this shell's opencode comes before another that the unit would find", () => {
  const program = `${HOME}/.npm-global/bin/opencode`;
  const old = `${HOME}/.opencode/bin/opencode`;
  const first = /^Environment="PATH=\/home\/ann\/\.npm-global\/bin:%h\/\.opencode/;
  assert.match(pathOf(fit({ program, found: () => old })), first);
  assert.equal(fit({ program, found: () => program }), unit);
  // A link to the same one is as good.
  assert.equal(fit({ program, found: () => old, realPath: () => "/opt/opencode" }), unit);
});

Deno.test("a folder that ends with the shell is written as where it leads, or not at all", () => {
  const program = "/run/user/1000/fnm_multishells/42_17/bin/opencode";
  const fnm = `${HOME}/.local/share/fnm/node-versions/v22/installation/bin`;
  const realPath = (path: string) => path.replace("/run/user/1000/fnm_multishells/42_17/bin", fnm);
  assert(pathOf(fit({ program, realPath })).startsWith(`Environment="PATH=${fnm}:%h/`));
  assert.equal(fit({ program }), unit);
  assert.equal(fit({ program: "/tmp/x/opencode" }), unit);
  // Of NixOS, and made at each boot.
  const system = "/run/current-system/sw/bin";
  assert(pathOf(fit({ program: `${system}/opencode` })).includes(`PATH=${system}:`));
});

Deno.test("the unit has this shell's XDG folders, and its server.env, where they are others", () => {
  const text = fit({ folders: { ...folders, XDG_CONFIG_HOME: "/c 100%", XDG_DATA_HOME: "/d" } });
  assert.match(text, /^Environment="XDG_CONFIG_HOME=\/c 100%%"\nEnvironment="XDG_DATA_HOME=\/d"$/m);
  assert.match(text, /^EnvironmentFile=-\/c 100%%\/ralph\/server\.env$/m);
  const data = fit({ folders: { ...folders, XDG_DATA_HOME: "/d" } });
  assert.match(data, /^EnvironmentFile=-%E\/ralph\/server\.env$/m);
});

Deno.test("the unit that goes on with sessions looks where this shell has them", () => {
  const resume = unitFileText("resume", mainUrl);
  assert.equal(withFolders(resume, here), resume);
  const text = withFolders(resume, { ...here, folders: { ...folders, XDG_STATE_HOME: "/s" } });
  assert.match(text, /^Environment="XDG_STATE_HOME=\/s"$/m);
});
