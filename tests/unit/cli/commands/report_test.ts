import assert from "node:assert/strict";
import * as path from "node:path";
import { type Home, makeHome } from "../../../reliability/home.ts";
import { writeHistory } from "../../../support/report_history.ts";

const START = "<!doctype html>\n<!-- A report of ralph. -->\n";

async function reported(home: Home, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await home.ralph("report", "one", ...args);
  assert.equal(code, 0, stderr);
  return stdout.trim();
}

Deno.test("a report is one file in ralph's own folder, and leaves the project as it is", async () => {
  await using home = await makeHome();
  await writeHistory(home);
  const before = await home.project.git("status", "--porcelain");
  const file = await reported(home);
  assert.equal(path.dirname(file), path.join(home.state, "reports"));
  assert.equal(Deno.statSync(file).mode! & 0o777, 0o600);
  assert.equal(await reported(home), file, "the next takes its place");
  assert.equal(await home.project.git("status", "--porcelain"), before);
  assert.deepEqual([...Deno.readDirSync(path.dirname(file))].length, 1);
});

Deno.test("nothing that a model or a repository says becomes markup", async () => {
  await using home = await makeHome();
  await writeHistory(home);
  const text = await Deno.readTextFile(await reported(home));
  assert(text.startsWith(START));
  const elements = new Set([...text.matchAll(/<([a-z][a-z0-9]*)/gi)].map(([, name]) => name));
  for (const name of ["script", "img", "link", "iframe", "object", "form", "base"]) {
    assert(!elements.has(name), name);
  }
  assert.doesNotMatch(text, /\b(?:href|src)="(?!#)|url\(|@import|https?:/);
  assert(!text.includes("\x1b") && !text.includes("\u202e"));
  assert.equal(text.match(/<\/style>/g)?.length, 1);
  assert.equal(text.match(/<!--/g)?.length, 1);
  const named = /<([a-z]\w*)\b(?:\s+[\w-]+="[^"<>]*")*\s*\/?>/gi;
  const opened = [...text.matchAll(/<[a-z]/gi)].length;
  assert.equal([...text.matchAll(named)].length, opened, "every tag is whole");
  // It is told all the same: of titles, a diff, a commit, a gate, a note, a model, an end.
  const told = text.split("&#60;script&#62;window.hit = 1").length - 1;
  assert(told >= 12, `${told} times`);
});

Deno.test("a report tells of all sessions, and of what is not known", async () => {
  await using home = await makeHome();
  await writeHistory(home);
  const text = await Deno.readTextFile(await reported(home));
  for (
    const words of [
      "4 of 6",
      "2 sessions, 1 refused by the provider",
      "and 3 model calls and 1 iteration unknown",
      "✗ taken back</span> iteration 2 of session 2",
      "advanced: US-4 passes; taken back since",
      "the next turn ended by itself",
      "+export const item3 = 3;",
      "-- no name of a file",
    ]
  ) {
    assert(text.includes(words), words);
  }
  // What was removed is no part of a file's name, whatever it looks like.
  assert.match(text, /<span class="added">\+-- no name of a file<\/span>/);
});

Deno.test("a task without sessions has no report, and one without iterations says so", async () => {
  await using home = await makeHome();
  const { code, stderr } = await home.ralph("report", "one");
  assert.equal(code, 4);
  assert.match(stderr, /no session of `one` was ever started/);
  assert.equal((await home.ralph("run", "one", "--foreground")).code, 0);
  const text = await Deno.readTextFile(await reported(home));
  assert.match(text, /No iteration is on record/);
  assert.match(text, /1 of 1/);
});

Deno.test("what is no report of ralph's stays, unless it is to be replaced", async () => {
  await using home = await makeHome();
  await home.ralph("run", "one", "--foreground");
  const { root } = home.project;
  const at = (name: string) => path.join(root, name);
  await home.project.write("mine.html", "<!doctype html>\nmine");
  await home.project.write("linked.html", START);
  Deno.mkdirSync(at("folder"));
  Deno.symlinkSync(at("linked.html"), at("link.html"));
  for (const name of ["mine.html", "link.html"]) {
    const { code, stderr } = await home.ralph("report", "one", "-o", name);
    assert.equal(code, 5, name);
    assert.match(stderr, /what is there is no report of ralph's/);
  }
  assert.equal(await home.project.read("mine.html"), "<!doctype html>\nmine");
  assert.equal(await reported(home, "-o", "mine.html", "--force"), at("mine.html"));
  assert((await home.project.read("mine.html")).startsWith(START));
  await reported(home, "-o", "link.html", "--force");
  assert.equal(await home.project.read("linked.html"), START, "what a link leads to stays");
  await new Deno.Command("mkfifo", { args: [at("pipe")] }).output();
  for (const [name, kind] of [["folder", "folder"], ["pipe", "device or pipe"]]) {
    for (const force of [[], ["--force"]]) {
      const { code, stderr } = await home.ralph("report", "one", "-o", name, ...force);
      assert.equal(code, 5, name);
      assert.match(stderr, new RegExp(`what is there is a ${kind}, and no file\n\nhint: name a`));
    }
  }
  assert(Deno.lstatSync(at("pipe")).isFifo, "it stays what it was");
  const { code, stderr } = await home.ralph("report", "one", "-o", "nowhere/a.html");
  assert.equal(code, 1);
  assert.match(
    stderr,
    /nowhere\/a\.html: there is no folder \S+nowhere\n\nhint: make it: mkdir -p /,
  );
  const left = [...Deno.readDirSync(root)].filter(({ name }) => name.endsWith(".part"));
  assert.deepEqual(left, []);
});

Deno.test("a report goes to the standard output, and to no file without a name", async () => {
  await using home = await makeHome();
  await home.ralph("run", "one", "--foreground");
  assert((await reported(home, "-o", "-")).startsWith(START));
  await assert.rejects(() => home.project.read("-"), Deno.errors.NotFound);
  for (const args of [["-o", ""], ["-o", "-", "--open"]]) {
    const { code, stderr } = await home.ralph("report", "one", ...args);
    assert.equal(code, 2);
    assert.match(stderr, /must name a file|needs a file/);
  }
});

Deno.test("--open hands the file to the desktop's program, and says when that fails", async () => {
  await using home = await makeHome();
  await home.ralph("run", "one", "--foreground");
  const bin = path.join(home.state, "bin");
  Deno.mkdirSync(bin, { recursive: true });
  const opener = Deno.build.os === "darwin" ? "open" : "xdg-open";
  const program = path.join(bin, opener);
  const be = (script: string) => {
    Deno.writeTextFileSync(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  };
  const before = home.variables.PATH;
  home.variables.PATH = `${bin}:${before}`;
  be(`printf %s "$1" > ${bin}/opened`);
  const file = await reported(home, "--open");
  assert.equal(Deno.readTextFileSync(path.join(bin, "opened")), file);
  assert.match(
    (await home.ralph("report", "one", "--open")).stderr,
    /^warning: there is no desktop here: if nothing opens, it is file:\/\/\S+\.html$/m,
  );
  home.variables.DISPLAY = ":0";
  assert.equal((await home.ralph("report", "one", "--open")).stderr, "");
  be("exit 3");
  const { code, stderr, stdout } = await home.ralph("report", "one", "--open");
  assert.equal(code, 1);
  assert.equal(stdout.trim(), file, "it is written");
  assert.match(stderr, /ended with exit code 3/);
  home.variables.PATH = "";
  assert.match(
    (await home.ralph("report", "one", "--open")).stderr,
    new RegExp(`there is no program \`${opener}\` on PATH`),
  );
});
