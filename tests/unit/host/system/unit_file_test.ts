import assert from "node:assert/strict";
import { fitUnit, UNIT_FILES, unitFileText } from "../../../../src/host/system/unit_file.ts";

const mainUrl = new URL("../../../../main.ts", import.meta.url).href;
const unit = unitFileText("opencode", mainUrl);
const HOME = "/home/ann";

const fit = (options: Partial<Parameters<typeof fitUnit>[1]>) =>
  fitUnit(unit, { port: 14096, home: HOME, ...options });
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
  assert.match(fitUnit("ExecStart=x --port=14096", { port: 5, home: HOME }), /--port=5$/);
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
