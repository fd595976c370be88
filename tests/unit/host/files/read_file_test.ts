import assert from "node:assert/strict";
import { join } from "node:path";
import { RalphError } from "../../../../src/error.ts";
import {
  openFile,
  readFileIfAny,
  textEndsIfAny,
  textOf,
} from "../../../../src/host/files/read_file.ts";
import { temporaryFolder } from "../../../support/folder.ts";

const READERS = {
  readFileIfAny: (path: string) => readFileIfAny(path, 1024),
  textEndsIfAny,
};

for (const [name, read] of Object.entries(READERS)) {
  Deno.test(`${name}: what is no file, or not there, is told apart`, () => {
    using folder = temporaryFolder();
    assert.equal(read(join(folder.path, "nothing")), undefined);
    assert.equal(read(join(folder.path, "nothing", "below")), undefined);

    const notAFile = (error: unknown) =>
      error instanceof RalphError && error.kind === "usage" &&
      /it is not a file/.test(error.message);
    assert.throws(() => read(folder.path), notAFile);
    const pipe = join(folder.path, "pipe");
    assert(new Deno.Command("mkfifo", { args: [pipe] }).outputSync().success);
    assert.throws(() => read(pipe), notAFile); // and does not wait for somebody to write
  });
}

Deno.test("textEndsIfAny: of a file of any size it reads the two ends", () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "progress.txt");
  Deno.writeTextFileSync(path, "# Patterns\nü");
  assert.equal(textEndsIfAny(path), "# Patterns\nü");

  Deno.truncateSync(path, 8 * 1024 ** 3);
  Deno.writeTextFileSync(path, "\nthe last entry\n", { append: true });
  const text = textEndsIfAny(path) ?? "";
  assert(text.startsWith("# Patterns\n") && text.endsWith("\nthe last entry\n"));
  assert(text.length < 2 * 1024 * 1024, `${text.length}`);
});

Deno.test("a file is refused by its size before it is read", () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "sparse");
  Deno.writeTextFileSync(path, "");
  Deno.truncateSync(path, 64 * 1024);
  assert.equal(readFileIfAny(path, 64 * 1024)?.length, 64 * 1024);
  Deno.truncateSync(path, 8 * 1024 ** 4); // more than any memory
  assert.throws(
    () => readFileIfAny(path, 64 * 1024, { kind: "state" }),
    (error: RalphError) =>
      error.kind === "state" && error.message === `cannot read ${path}: it has more than 64 KiB` &&
      error.hints[0].command === `ls -ld ${path}`,
  );
  assert.equal(textOf(path), undefined);
});

Deno.test("a file of ralph's own is read through no link, a person's is", () => {
  using folder = temporaryFolder();
  const [file, link] = ["file", "link"].map((name) => join(folder.path, name));
  Deno.writeTextFileSync(file, "text");
  Deno.symlinkSync(file, link);
  assert.equal(textOf(link), "text");
  assert.equal(textOf(link, { own: true }), undefined);
  assert.equal(textOf(file, { own: true }), "text");
  assert.throws(() => openFile(link, { own: true }), /it is a link/);
});

Deno.test("a socket and a device are no files", () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "socket");
  using _listener = Deno.listen({ transport: "unix", path });
  for (const one of [path, "/dev/zero"]) assert.throws(() => openFile(one), /it is not a file/);
});
