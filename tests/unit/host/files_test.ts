import assert from "node:assert/strict";
import { join } from "node:path";
import { RalphError } from "../../../src/error.ts";
import { readFileIfAny, textEndsIfAny } from "../../../src/host/files.ts";
import { temporaryFolder } from "../../support/folder.ts";

for (const read of [readFileIfAny, textEndsIfAny]) {
  Deno.test(`${read.name}: what is no file, or not there, is told apart`, () => {
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
