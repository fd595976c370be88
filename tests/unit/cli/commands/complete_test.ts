import assert from "node:assert/strict";
import { Argument, Command, Option } from "@commander-js/extra-typings";
import { candidates, complete } from "../../../../src/cli/commands/complete.ts";
import type { CommandContext } from "../../../../src/cli/command_context.ts";

function tree() {
  const root = new Command("tool").option("-V, --version", "the version").helpCommand(false);
  root.command("go").description("goes")
    .addArgument(new Argument("<task>"))
    .addArgument(new Argument("[speed]").choices(["slow", "fast"]))
    .option("-q, --quiet", "no noise")
    .option("-n, --number <n>", "how many")
    .addOption(new Option("-c, --color <when>", "colours").choices(["always", "never"]))
    .addOption(new Option("-p, --print [what]", "printing").choices(["all", "some"]))
    .option("-m, --model <model>", "which model")
    .addOption(new Option("--secret", "not shown").hideHelp());
  root.command("check").argument("[checks...]");
  root.command("make").description("makes").argument("<name>");
  root.command("__inner", { hidden: true }).argument("<task>");
  return root;
}

/** What is offered after these words, and of which names of which commands the values were asked. */
async function offered(...words: string[]): Promise<{ values: string[]; asked: string[] }> {
  const asked: string[] = [];
  const found = await candidates(tree(), {
    words,
    values({ command, name }) {
      asked.push(`${command} ${name}`);
      const known = ["task", "model", "checks"].includes(name);
      return Promise.resolve(known ? [{ value: `some ${name}`, description: "" }] : []);
    },
  });
  return { values: found.map(({ value }) => value), asked };
}

const OPTIONS = ["--quiet", "--number", "--color", "--print", "--model", "--help"];

Deno.test("candidates follow from the words before and the kind of the last one", async () => {
  const cases: [string[], string[]][] = [
    [[], ["go", "check", "make"]],
    [[""], ["go", "check", "make"]],
    [["g"], ["go", "check", "make"]],
    [["-"], ["--version", "--help"]],
    [["--version", ""], ["go", "check", "make"]],
    [["unknown", ""], []],
    [["go", "-"], OPTIONS],
    [["go", "--q"], OPTIONS],
    [["go", "some task", "--"], OPTIONS],
    [["go", "some task", ""], ["slow", "fast"]],
    [["go", "some task", "slow", ""], []],
    // an option's value
    [["go", "--color", ""], ["always", "never"]],
    [["go", "-c", "a"], ["always", "never"]],
    [["go", "-qc", ""], ["always", "never"]],
    [["go", "--color=a"], ["--color=always", "--color=never"]],
    [["go", "--print", ""], ["all", "some"]],
    [["go", "-p", "a"], ["all", "some"]],
    [["go", "--print=a"], ["--print=all", "--print=some"]],
    [["go", "--print", "-"], OPTIONS], // its value may be left out
    [["go", "--quiet="], []],
    [["go", "--unknown="], []],
  ];
  for (const [words, expected] of cases) {
    assert.deepEqual(await offered(...words), { values: expected, asked: [] }, words.join(" "));
  }
});

Deno.test("values are asked for by the name of the option or the argument", async () => {
  const cases: [string[], { values: string[]; asked: string[] }][] = [
    [["go", "--model", ""], { values: ["some model"], asked: ["go model"] }],
    [["go", "-qm", ""], { values: ["some model"], asked: ["go model"] }],
    [["go", "--model=s"], { values: ["--model=some model"], asked: ["go model"] }],
    [["go", "--number", ""], { values: [], asked: ["go number"] }],
    [["go", "--number", "-"], { values: [], asked: ["go number"] }],
    [["go", "--number="], { values: [], asked: ["go number"] }],
    [["check", ""], { values: ["some checks"], asked: ["check checks"] }],
    [["check", "a", "b", ""], { values: ["some checks"], asked: ["check checks"] }],
    [["make", ""], { values: [], asked: ["make name"] }],
  ];
  for (const [words, expected] of cases) {
    assert.deepEqual(await offered(...words), expected, words.join(" "));
  }
});

Deno.test("task names are asked for where a task goes, and nowhere else", async () => {
  const cases: string[][] = [
    ["go", ""],
    ["go", "--print", "all", ""],
    ["go", "--print", "--quiet", ""],
    ["go", "so"],
    ["go", "-q", ""],
    ["go", "-n", "3", ""],
    ["go", "-n3", ""],
    ["go", "-nc", ""], // `c` is the number here
    ["go", "--color=always", ""],
    ["go", "--color", "go", ""],
    ["go", "--", ""],
    ["go", "--", "-q"],
  ];
  for (const words of cases) {
    assert.deepEqual(
      await offered(...words),
      { values: ["some task"], asked: ["go task"] },
      words.join(" "),
    );
  }
});

Deno.test("folders are asked for where a task goes by its path", async () => {
  for (const path of ["a/", "./", "..", "~", "/", "'../x", '"a/b']) {
    assert.deepEqual((await offered("go", path)).values, ["some task", "/"], path);
    assert.deepEqual((await offered("make", path)).values, [], path);
    assert.deepEqual((await offered("go", "-n", path)).values, [], path);
  }
});

/** What `complete` prints, in a folder that was removed. */
async function printed(root: Command, words: readonly string[]): Promise<string> {
  let written = "";
  const out = { write: (text: string) => void (written += text) };
  const cwd = () => {
    throw new Deno.errors.NotFound("no such folder");
  };
  assert.equal(
    await complete({ output: { out }, cwd } as unknown as CommandContext, { root, words }),
    0,
  );
  return written;
}

Deno.test("a description is one line", async () => {
  const root = new Command("tool").helpCommand(false);
  root.command("go").description("a\tb\nc\u001b[31m");
  root.command("bare");
  assert.equal(await printed(root, [""]), "go\ta\\tb\\nc\\x1b[31m\nbare\n");
});

Deno.test("what goes wrong is nobody's concern", async () => {
  const root = new Command("tool");
  root.command("go").argument("<task>").option("--quiet", "no noise");
  assert.equal(await printed(root, ["go", ""]), "");
  assert.match(await printed(root, ["go", "-"]), /^--quiet\tno noise$/m);
});

interface ModuleGraph {
  modules: readonly {
    specifier: string;
    dependencies?: readonly { isDynamic?: boolean; code?: { specifier?: string } }[];
  }[];
}

Deno.test("neither zod nor SQLite is loaded before a task's name is wanted", async () => {
  const file = new URL("../../../../src/cli/commands/complete.ts", import.meta.url).href;
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json", file] })
    .output();
  const graph: ModuleGraph = JSON.parse(new TextDecoder().decode(stdout));
  const loaded = new Set<string>();
  const load = (specifier: string) => {
    if (loaded.has(specifier)) return;
    loaded.add(specifier);
    const module = graph.modules.find((one) => one.specifier === specifier);
    for (const { isDynamic, code } of module?.dependencies ?? []) {
      if (!isDynamic && code?.specifier !== undefined) load(code.specifier);
    }
  };
  load(file);
  assert(loaded.size > 5, "the modules were not found");
  assert.deepEqual([...loaded].filter((one) => /zod|sqlite|src\/store/.test(one)), []);
});
