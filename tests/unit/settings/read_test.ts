import assert from "node:assert/strict";
import * as path from "node:path";
import { RalphError } from "../../../src/error.ts";
import { projectSettingsPath, readSettings, userNamesServer } from "../../../src/settings/read.ts";
import { DEFAULT_SETTINGS, type SettingsPart } from "../../../src/settings/settings.ts";

interface World {
  files?: Readonly<Record<string, string>>;
  variables?: Readonly<Record<string, string>>;
  flags?: SettingsPart;
  prdPath?: string;
}

const readIn = ({ files = {}, variables = { HOME: "/home/me" }, flags = {}, prdPath }: World) =>
  readSettings({
    projectRoot: "/p",
    prdPath,
    environment: (name) => variables[name],
    variableNames: Object.keys(variables),
    readFile: (path) =>
      Object.hasOwn(files, path) ? new TextEncoder().encode(files[path]) : undefined,
    flags,
  });

const CONFIG = "/home/me/.config/ralph/config.json";

Deno.test("nothing is set anywhere: the defaults", async () => {
  assert.deepEqual(await readIn({}), {
    settings: DEFAULT_SETTINGS,
    sources: {},
    warnings: [],
  });
});

Deno.test("flags win over variables, over ralph.json, over config.json", async () => {
  const { settings, sources } = await readIn({
    files: {
      [CONFIG]: `{"agent": "c", "model": "c/c", "server": "http://localhost:1", "baseBranch": "c",
        "verify": [["c"]], "protect": ["c", "cc"], "limits": {"errors": 1, "iterations": 1}}`,
      "/p/ralph.json": `{"agent": "r", "model": "r/r", "server": "http://localhost:2",
        "verify": [["r"]], "protect": [], "limits": {"noProgress": 2, "iterations": 2}}`,
    },
    variables: {
      HOME: "/home/me",
      RALPH_MODEL: "v/v",
      RALPH_SERVER: "http://localhost:3",
      RALPH_MAX_ITERATIONS: "3",
    },
    flags: { server: "http://localhost:4/", limits: { tokens: 4 } },
  });
  assert.deepEqual(settings, {
    ...DEFAULT_SETTINGS,
    baseBranch: "c",
    agent: "r",
    verify: [{ name: "r", run: { args: ["r"] } }],
    protect: [],
    model: { providerId: "v", modelId: "v" },
    server: "http://localhost:4",
    limits: { ...DEFAULT_SETTINGS.limits, errors: 1, noProgress: 2, iterations: 3, tokens: 4 },
  });
  assert.deepEqual(sources, {
    baseBranch: "config.json",
    agent: "ralph.json",
    verify: "ralph.json",
    protect: "ralph.json",
    model: "variable",
    server: "flag",
    "limits.errors": "config.json",
    "limits.noProgress": "ralph.json",
    "limits.iterations": "variable",
    "limits.tokens": "flag",
  });
});

Deno.test("a server that only ralph.json names is the project's", async () => {
  const named = '{"server": "http://127.0.0.1:5"}';
  const files = { "/p/ralph.json": named };
  const HOME = "/home/me";
  const cases: [World, boolean][] = [
    [{ files }, true],
    [{ files: { ...files, [CONFIG]: '{"server": "http://127.0.0.1:6"}' } }, true],
    [{ files: { ...files, [CONFIG]: named } }, false],
    [{ files, variables: { HOME, RALPH_SERVER: "http://127.0.0.1:5/" } }, false],
    [{ files, flags: { server: "http://127.0.0.1:5" } }, false],
    [{ files, flags: { server: "http://127.0.0.1:7" } }, false],
    [{ files: { "/p/ralph.json": `{"server": "${DEFAULT_SETTINGS.server}"}` } }, false],
    [{ files: { [CONFIG]: named } }, false],
    [{}, false],
  ];
  for (const [world, expected] of cases) {
    const { settings } = await readIn(world);
    assert.equal(settings.serverOfProject, expected, JSON.stringify(world));
  }
});

Deno.test("which servers the user names", async () => {
  const names = (url: string, files: Record<string, string>, RALPH_SERVER?: string) =>
    userNamesServer(url, {
      environment: (name) => ({ HOME: "/home/me", RALPH_SERVER })[name],
      readFile: (path) =>
        files[path] === undefined ? undefined : new TextEncoder().encode(files[path]),
    });
  assert.equal(await names(DEFAULT_SETTINGS.server, {}), true);
  assert.equal(await names("http://127.0.0.1:5", {}), false);
  assert.equal(await names("http://127.0.0.1:5", {}, "http://127.0.0.1:5"), true);
  assert.equal(
    await names("http://127.0.0.1:5", { [CONFIG]: '{"server": "http://127.0.0.1:5"}' }),
    true,
  );
  assert.equal(await names("http://127.0.0.1:5", { [CONFIG]: "{" }), false);
});

Deno.test("what ralph.json has run beside the work counts only where the user allows it", async () => {
  const hooks = { onEnd: ["a"], onBlocked: ["b"], onIteration: ["c"], notify: true };
  const files = { "/p/ralph.json": JSON.stringify({ ...hooks, agent: "r" }) };
  const refused = await readIn({ files });
  assert.deepEqual(refused.settings, { ...DEFAULT_SETTINGS, agent: "r" });
  assert.deepEqual(refused.sources, { agent: "ralph.json" });
  assert.match(refused.warnings[0], /^`onEnd`, .*`notify` of ralph\.json do not count/);
  const other = await readIn({ files: { ...files, [CONFIG]: '{"hooksFrom": ["/other"]}' } });
  assert.equal(other.settings.onEnd, undefined);
  const allowed = await readIn({ files: { ...files, [CONFIG]: '{"hooksFrom": ["/p"]}' } });
  assert.deepEqual(allowed.settings, {
    ...DEFAULT_SETTINGS,
    ...hooks,
    agent: "r",
    hooksFrom: ["/p"],
  });
  assert.deepEqual(allowed.warnings, []);
  const own = await readIn({ files: { ...files, [CONFIG]: '{"onEnd": ["mine"]}' } });
  assert.deepEqual(own.settings.onEnd, ["mine"]);
});

Deno.test("a prompt is looked for beside the file that names it", async () => {
  const files = { [CONFIG]: '{"prompt": "mine.md"}' };
  assert.equal((await readIn({ files })).settings.prompt, "/home/me/.config/ralph/mine.md");
  const both = { ...files, "/p/ralph.json": '{"prompt": "prompts/ours.md"}' };
  assert.equal((await readIn({ files: both })).settings.prompt, "/p/prompts/ours.md");
});

Deno.test("XDG_CONFIG_HOME counts when it is absolute", async () => {
  const files = { "/x/ralph/config.json": '{"agent": "x"}', [CONFIG]: '{"agent": "home"}' };
  const agent = async (variables: Record<string, string>) =>
    (await readIn({ files, variables })).settings.agent;
  assert.equal(await agent({ HOME: "/home/me", XDG_CONFIG_HOME: "/x" }), "x");
  assert.equal(await agent({ HOME: "/home/me", XDG_CONFIG_HOME: "x" }), "home");
  assert.equal(await agent({ XDG_CONFIG_HOME: "/x" }), "x");
  assert.equal(await agent({ HOME: "me" }), undefined);
  assert.equal(await agent({}), undefined);
});

Deno.test("mistyped variables are warned of", async () => {
  const { warnings } = await readIn({ variables: { RALPH_MODLE: "p/m" } });
  assert.deepEqual(warnings, ["the variable RALPH_MODLE is no setting: did you mean RALPH_MODEL?"]);
});

Deno.test("a wrong file is an error, even when a flag covers what is wrong in it", async () => {
  const files = { "/p/ralph.json": '{"agent": 1}' };
  await assert.rejects(readIn({ files, flags: { agent: "a" } }), (error: RalphError) => {
    assert.match(error.message, /^cannot read the settings at \/p\/ralph\.json:1:11: /);
    return error.hints.at(-1)?.command === "cat /p/ralph.json";
  });
  await assert.rejects(readIn({ flags: { server: "http://example.com" } }), { kind: "usage" });
});

Deno.test("a file that cannot be read is told by its name", async () => {
  const folder = await Deno.makeTempDir({ prefix: "ralph-settings-" });
  try {
    await Deno.mkdir(projectSettingsPath(folder));
    const reading = readSettings({
      projectRoot: folder,
      environment: () => undefined,
      variableNames: [],
      readFile: Deno.readFileSync,
      flags: {},
    });
    await assert.rejects(reading, (error: RalphError) => {
      assert.equal(error.kind, "usage");
      return error.message.startsWith(`cannot read the settings ${folder}/ralph.json: Is a dir`);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("zod and picomatch are loaded only when there is a file to check", async () => {
  const folder = await Deno.makeTempDir({ prefix: "ralph-settings-" });
  const map = path.join(folder, "imports.json");
  const script = path.join(folder, "script.ts");
  const module = new URL("../../../src/settings/read.ts", import.meta.url).href;
  await Deno.writeTextFile(
    map,
    JSON.stringify({
      imports: Object.fromEntries(
        ["zod", "picomatch"].map((
          name,
        ) => [name, "data:text/javascript,export default 0; throw new Error('a library is here')"]),
      ),
    }),
  );
  await Deno.writeTextFile(
    script,
    `import { readSettings } from ${JSON.stringify(module)};
    const { settings } = await readSettings({
      projectRoot: "/p",
      environment: (name: string) => name === "RALPH_MAX_COST" ? "5" : undefined,
      variableNames: [],
      readFile: () => Deno.args[0] === undefined ? undefined : new TextEncoder().encode("{}"),
      flags: { agent: "a" },
    });
    console.log(settings.limits.costUsd);`,
  );
  const run = async (...args: string[]) => {
    const options = ["--no-check", "--no-lock", `--import-map=${map}`];
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", ...options, script, ...args],
    }).output();
    const decoder = new TextDecoder();
    return { stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  };
  try {
    assert.deepEqual(await run(), { stdout: "5\n", stderr: "" });
    assert.match((await run("with a file")).stderr, /a library is here/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a PRD's review wins over that of ralph.json, and flags over it", async () => {
  const prdPath = "/p/tasks/a/prd.json";
  const reviewOf = async (prd: string, flags: SettingsPart = {}) => {
    const files = { "/p/ralph.json": '{"review": {"rounds": 5}}', [prdPath]: prd };
    const { settings, sources } = await readIn({ files, prdPath, flags });
    return [settings.review && settings.review.rounds, sources.review];
  };
  const cases: [prd: string, rounds: unknown, from: string][] = [
    ['{"review": {"rounds": 3}}', 3, "PRD"],
    ['{"review": {"when": "end"}}', 2, "PRD"],
    ['{"review": {}}', 2, "PRD"],
    ['{"review": false}', false, "PRD"],
    // Of other programs, or nothing that can be read.
    ['{"review": "by Ann"}', 5, "ralph.json"],
    ['{"review": {"status": "done"}}', 5, "ralph.json"],
    ['[{"review": false}]', 5, "ralph.json"],
    ['{"review": false', 5, "ralph.json"],
    ['null // "review"', 5, "ralph.json"],
    ["{}", 5, "ralph.json"],
  ];
  for (const [prd, rounds, from] of cases) {
    const [found, source] = await reviewOf(prd);
    assert.deepEqual([found, source], [rounds, from], prd);
  }
  for (const [said, count] of [["true", 1], ['{"modle": "a/b"}', 1], ["{}", 0]] as const) {
    const files = { [prdPath]: `{"review": ${said}}` };
    assert.equal((await readIn({ files, prdPath })).warnings.length, count, said);
  }
  assert.deepEqual(await reviewOf('{"review": {"rounds": 3}}', { review: false }), [
    false,
    "flag",
  ]);
  await assert.rejects(
    reviewOf('{\n  "review": {"rounds": "two"}\n}'),
    (error) =>
      error instanceof RalphError &&
      /prd\.json:2:24: `review\.rounds` must be /.test(error.message),
  );
});
