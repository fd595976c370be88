/** What is published about the settings agrees with what the program takes. */
import assert from "node:assert/strict";
import { readSettingsFile } from "../../../src/settings/file.ts";
import { limitsSchema, settingsSchema } from "../../../src/settings/schema.ts";
import { DEFAULT_SETTINGS, mergeSettings } from "../../../src/settings/settings.ts";
import { HOOK_VARIABLES, VARIABLES } from "../../../src/settings/variables.ts";
import { publishedSchema, schemaText } from "../../../tools/schema.ts";

const doc = (name: string) =>
  Deno.readTextFileSync(new URL(`../../../docs/${name}`, import.meta.url));
const read = (value: unknown) =>
  mergeSettings([
    readSettingsFile({
      path: "/p/config.json",
      bytes: new TextEncoder().encode(JSON.stringify(value)),
      isOwn: true,
    }),
  ]);
/** The names of all settings, as `limits.iterations`. */
const NAMES = [
  ...Object.keys(settingsSchema.shape).filter((name) => name !== "limits"),
  ...Object.keys(limitsSchema.shape).map((name) => `limits.${name}`),
];

Deno.test("docs/ralph.schema.json is the schema of the program", () => {
  assert.equal(
    doc("ralph.schema.json"),
    schemaText(),
    "renew it with `deno task docs`",
  );
});

Deno.test("the defaults in the schema are the program's, and the examples are right", () => {
  let defaults = 0;
  const shapes = [[publishedSchema.shape, ""], [limitsSchema.shape, "limits"]] as const;
  for (const [shape, parent] of shapes) {
    for (const [name, schema] of Object.entries(shape)) {
      const meta = schema.meta();
      assert(meta?.description, name);
      const wrapped = (value: unknown) =>
        read(parent ? { [parent]: { [name]: value } } : { [name]: value });
      if (meta.default !== undefined) {
        assert.deepEqual(wrapped(meta.default), DEFAULT_SETTINGS, name);
        defaults++;
      }
      for (const example of (meta.examples ?? []) as unknown[]) wrapped(example);
    }
  }
  assert(defaults > 10, `only ${defaults} defaults were found`);
});

const GATES: readonly [gate: unknown, good: boolean][] = [
  [["deno", "test"], true],
  [{ args: ["deno", "test"], name: "t", timeoutSeconds: 0.5 }, true],
  [{ shell: "a && b" }, true],
  [[], false],
  ["npm test", true],
  ["", false],
  [["a", 1], false],
  [{ args: [] }, false],
  [{ shell: "" }, false],
  [{ shell: "a", args: ["a"] }, false],
  [{ shell: "a", timeout: 1 }, false],
  [{ shell: "a", timeoutSeconds: 0 }, false],
  [{ shell: "a", timeoutSeconds: 86_401 }, false],
  [{ name: "a" }, false],
  [{}, false],
  [5, false],
];

for (const [gate, good] of GATES) {
  Deno.test(`the schema and the reader of gates agree on ${JSON.stringify(gate)}`, () => {
    assert.equal(publishedSchema.safeParse({ verify: [gate] }).success, good);
    if (good) assert.equal(read({ verify: [gate] }).verify.length, 1);
    else assert.throws(() => read({ verify: [gate] }), { name: "RalphError" });
  });
}

Deno.test("docs/settings.md names every setting and variable, with its default, and its examples are right", () => {
  const text = doc("settings.md");
  for (const name of [...NAMES, ...Object.keys(VARIABLES)]) {
    assert(text.includes(`\`${name}\``), `docs/settings.md lacks ${name}`);
  }
  const documented = new Map(
    [...text.matchAll(/^\| `([\w.$]+)` +\| (.*?) +\|/gm)].map(([, name, value]) => [name, value]),
  );
  const shapes = [[publishedSchema.shape, ""], [limitsSchema.shape, "limits."]] as const;
  for (const [shape, before] of shapes) {
    for (const [name, schema] of Object.entries(shape)) {
      const value = schema.meta()?.default;
      if (value === undefined) continue;
      const shown = typeof value === "string" ? [value, `"${value}"`] : [JSON.stringify(value)];
      const found = documented.get(before + name) ?? "";
      assert(shown.includes(found.replaceAll("`", "")), `docs/settings.md: ${name} is ${found}`);
    }
  }
  const mentioned = text.match(/\bRALPH_[A-Z_]+/g) ?? [];
  for (const name of mentioned) assert(name in VARIABLES, name);
});

Deno.test("the settings that the docs show as examples are right", () => {
  for (const page of ["settings.md", "hooks.md"]) {
    const examples = [...doc(page).matchAll(/^```json\n(.*?)^```/gms)];
    assert(examples.length > 0, page);
    for (const [, json] of examples) read(JSON.parse(json));
  }
});

Deno.test("docs/hooks.md names every variable that a command gets", () => {
  const text = doc("hooks.md");
  for (const name of HOOK_VARIABLES) assert(text.includes(`\`${name}\``), name);
});
