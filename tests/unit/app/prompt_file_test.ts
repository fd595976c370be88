import assert from "node:assert/strict";
import { promptOf } from "../../../src/app/prompt_file.ts";
import { temporaryFolder } from "../../support/folder.ts";

Deno.test("a prompt.md that another loop came with is named, and used only when the settings say so", () => {
  using dir = temporaryFolder();
  const write = (name: string, text: string) => {
    const file = `${dir.path}/${name}`;
    Deno.writeTextFileSync(file, text);
    return file;
  };
  const task = (text: string) => ({
    prdPath: `${dir.path}/prd.json`,
    promptPath: write("prompt.md", text),
  });
  const foreign = task("Read prd.json. $PROGRESS {{TASK}}\n");
  const own = write("own.md", "mine");
  const file = foreign.promptPath;
  assert.deepEqual(promptOf(foreign, {}), { foreign: file });
  assert.deepEqual(promptOf(foreign, { prompt: own }), {
    template: "mine",
    file: own,
    foreign: file,
  });
  assert.throws(() => promptOf(foreign, { prompt: file }), /placeholder/);
  const plain = task("Read prd.json.\n");
  assert.deepEqual(promptOf(plain, { prompt: file }), {
    template: "Read prd.json.\n",
    file,
    foreign: undefined,
  });
  const alone = { promptPath: file };
  assert.equal(promptOf(alone, {}).template, "Read prd.json.\n");
  assert.deepEqual(promptOf(task("Do {{story}}."), { prompt: own }), {
    template: "Do {{story}}.",
    file,
    foreign: undefined,
  });
  assert.throws(() => promptOf(task("Do {{stroy}}."), {}), /stroy/);
});
