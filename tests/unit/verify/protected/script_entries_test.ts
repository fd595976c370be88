import assert from "node:assert/strict";
import {
  linesOfEntry,
  putBackEntries,
  readEntries,
} from "../../../../src/verify/protected/script_entries.ts";

const read = (text: string, field: "scripts" | "tasks" = "tasks") => {
  const entries = readEntries(text, field);
  return entries && Object.fromEntries(entries);
};

Deno.test("entries are read past comments, commas at the end, and strings that look like them", () => {
  assert.deepEqual(
    read(`\ufeff// "tasks": {"test": "no"}
    { /* "tasks": {}, */ "x": ["//", "/*",],
      "tasks": {
        "test": "deno test // all", // "test": "true"
        "a": "echo '*/' /* b */ , }", "b": {"command": "c", "dependencies": ["a",],},
      },
    }`),
    {
      test: '"deno test // all"',
      a: `"echo '*/' /* b */ , }"`,
      b: '{"command":"c","dependencies":["a"]}',
    },
  );
  assert.deepEqual(read("{}"), {});
  assert.deepEqual(read('{"tasks": {"a": "1", "a": "2"}}'), { a: '"2"' }, "the last one counts");
  assert.deepEqual(read('{"__proto__": {"tasks": {"a": "1"}}}'), {});
});

Deno.test("what is malformed has no entries", () => {
  const cases = [
    "",
    "{",
    "{,}",
    '{"tasks": {"a": tr/* */ue}}',
    '{"tasks": {}} x',
    '{"tasks": {}} /* open',
    "{'tasks': {}}",
    "[]",
    '{"tasks": []}',
    "[".repeat(200_000),
  ];
  for (const text of cases) assert.equal(read(text), undefined, text.slice(0, 40));
});

Deno.test("an entry is put back and the rest stays; one that is removed takes the comment before it", () => {
  const text = `// settings of the project
{
\t"imports": { "a": "npm:a@1", }, // pinned: "a"
\t"tasks": {
\t\t"test": "true", // see "tasks" in CONTRIBUTING
\t\t"lint": "deno lint",
\t},
}
`;
  const entries = { test: '"deno test"', lint: '"deno lint"' };
  assert.equal(
    putBackEntries(text, { field: "tasks", entries }),
    text.replace('"true"', '"deno test"'),
  );
  assert.equal(
    putBackEntries(text, { field: "tasks", entries: { lint: null, fmt: '{"command":"f"}' } }),
    text.replace(
      ' // see "tasks" in CONTRIBUTING\n\t\t"lint": "deno lint",\n',
      '\n\t\t"fmt": {\n\t\t\t"command": "f"\n\t\t},\n',
    ),
  );
});

Deno.test("entries are put back where their object or the file has lost it all", () => {
  const scripts = { field: "scripts", entries: { test: '"node --test"' } } as const;
  for (const text of ["{}", '{"name": "x"}', '{"scripts": {}}', '{"scripts": {"test": 1}}']) {
    const put = putBackEntries(text, scripts);
    assert.deepEqual(put && read(put, "scripts"), { test: '"node --test"' }, text);
  }
  for (const text of ["", "{", "[]", '{"scripts": "x"}', '{"scripts": null}']) {
    assert.equal(putBackEntries(text, scripts), undefined, text);
  }
});

Deno.test("a name that stands there twice is not put back by half", () => {
  const put = (text: string) =>
    putBackEntries(text, { field: "scripts", entries: { test: '"node --test"' } });
  assert.equal(put('{"scripts": {"test": "a", "test": "true"}}'), undefined);
  assert.equal(put('{"scripts": {"test": "node --test"}, "scripts": {"test": "true"}}'), undefined);
  assert.equal(put('{"scripts": {"test": "a", "te\\u0073t": "true"}}'), undefined);
});

Deno.test("an entry's lines are its command and what it needs", () => {
  assert.deepEqual(linesOfEntry('"a && b"'), ["a && b"]);
  assert.deepEqual(linesOfEntry('{"command": "a", "dependencies": ["b", 1]}'), ["a", "b"]);
  assert.deepEqual(linesOfEntry(undefined), []);
  assert.deepEqual(linesOfEntry("1"), []);
});
