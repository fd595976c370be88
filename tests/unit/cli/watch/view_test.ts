import assert from "node:assert/strict";
import { keyReader } from "../../../../src/cli/watch/key_names.ts";
import type { Model } from "../../../../src/cli/watch/model.ts";
import {
  chosenTask,
  FIRST_VIEW,
  KEY_HELP,
  listed,
  press,
  TASK_COMMANDS,
  type View,
} from "../../../../src/cli/watch/view.ts";

/** Without what is undefined. */
const said = (view: View) => JSON.parse(JSON.stringify(view));

const SHOWN = {
  tasks: ["/a", "/b", "/c"],
  chosen: "/b" as string | undefined,
  iterations: [3, 2, 1],
  scrollMin: 0,
  scrollMax: 50,
  page: 10,
};

Deno.test("keys are read from what a terminal sends, in whatever parts it comes", () => {
  const table: readonly (readonly [sent: string, keys: readonly string[]])[] = [
    ["q", ["q"]],
    ["\x1b[A\x1b[B\x1bOC\x1bOD", ["up", "down", "right", "left"]],
    ["\x1b[5~\x1b[6~\x1b[1~\x1b[F", ["page-up", "page-down", "home", "end"]],
    ["\t\r\x7f\x03\x1a \x1b[Z", [
      "tab",
      "enter",
      "backspace",
      "ctrl-c",
      "ctrl-z",
      "space",
      "shift-tab",
    ]],
    ["\x1b[1;5A\x1b[200~x", ["x"]],
    ["\x1b\x1b[A", ["escape", "up"]],
    ["\x1bx", ["escape", "x"]],
    ["é日", ["é", "日"]],
    ["\x01\x02", []],
  ];
  for (const [sent, keys] of table) {
    const bytes = new TextEncoder().encode(sent);
    assert.deepEqual(keyReader().read(bytes), keys, JSON.stringify(sent));
    const { read, late } = keyReader();
    const inParts = Array.from(bytes, (byte) => read(Uint8Array.of(byte))).flat();
    assert.deepEqual([...inParts, ...late()], keys, `${JSON.stringify(sent)} in parts`);
  }
  const { read, late } = keyReader();
  assert.deepEqual(read(new TextEncoder().encode("\x1b")), []);
  assert.deepEqual(late(), ["escape"]);
  assert.deepEqual(late(), []);
});

Deno.test("a key changes the view, or has an effect", () => {
  const view = (changes: Partial<View> = {}): View => ({ ...FIRST_VIEW, task: "/b", ...changes });
  const [stop] = TASK_COMMANDS.filter(({ name }) => name === "stop");
  const table: readonly (readonly [Partial<View>, key: string, Partial<View>])[] = [
    [{}, "down", { task: "/c" }],
    [{ task: "/c" }, "down", { task: "/c" }],
    [{}, "up", { task: "/a" }],
    [{ task: "/gone" }, "down", { task: "/b" }],
    [{}, "end", { task: "/c" }],
    [{ iteration: 2, scroll: 7 }, "down", { task: "/c", iteration: undefined }],
    [{}, "tab", { shows: "iterations" }],
    [{ shows: "output" }, "tab", { shows: "stories" }],
    [{}, "left", { shows: "output" }],
    [{}, "enter", { whole: true }],
    [{ whole: true }, "down", { whole: true, scroll: 1 }],
    [{ whole: true, scroll: 50 }, "down", { whole: true, scroll: 50 }],
    [{ whole: true }, "end", { whole: true, scroll: 50 }],
    [{}, "page-down", { scroll: 10 }],
    [{ whole: true, scroll: 7 }, "home", { whole: true, scroll: 0 }],
    [{ whole: true, shows: "output" }, "up", { whole: true, shows: "output", scroll: 1 }],
    [{ whole: true, shows: "output" }, "home", { whole: true, shows: "output", scroll: 50 }],
    [
      { whole: true, shows: "iterations" },
      "down",
      { whole: true, shows: "iterations", iteration: 2 },
    ],
    [{ whole: true }, "escape", {}],
    [{ whole: true, shows: "diff" }, "escape", { whole: true, shows: "iterations" }],
    [{ filter: "x" }, "escape", {}],
    [{}, "l", { shows: "output", whole: true }],
    [{}, "d", { shows: "diff", whole: true }],
    [{}, "/", { asks: "filter" }],
    [{ asks: "filter" }, "q", { asks: "filter", filter: "q" }],
    [{ asks: "filter", filter: "a日" }, "backspace", { asks: "filter", filter: "a" }],
    [{ asks: "filter", filter: "a" }, "enter", { filter: "a" }],
    [{ asks: "filter", filter: "a" }, "escape", {}],
    [{}, "s", { asks: { command: stop, taskDir: "/b" } }],
    [{ asks: { command: stop, taskDir: "/b" } }, "enter", {}],
    [{}, "?", { helps: true }],
    [{ helps: true }, "q", {}],
    [{ helps: true }, "down", { helps: true, scroll: 1 }],
    [{ helps: true, shows: "output" }, "end", { helps: true, shows: "output", scroll: 50 }],
    [{}, "x", {}],
  ];
  for (const [before, key, after] of table) {
    const pressed = press(view(before), key, SHOWN);
    assert.deepEqual(said(pressed.view), said(view(after)), `${JSON.stringify(before)} ${key}`);
  }
  const effect = (before: Partial<View>, key: string, shown = SHOWN) =>
    press(view(before), key, shown).effect;
  for (const asks of [undefined, "filter", { command: stop, taskDir: "/b" }] as const) {
    assert.deepEqual(effect({ asks }, "ctrl-c"), { type: "quit" });
    assert.deepEqual(effect({ asks }, "ctrl-z"), { type: "suspend" });
  }
  assert.deepEqual(effect({}, "q"), { type: "quit" });
  assert.deepEqual(effect({}, "d"), { type: "diff" });
  assert.equal(effect({}, "d", { ...SHOWN, iterations: [] }), undefined);
  assert.deepEqual(effect({ asks: { command: stop, taskDir: "/a" } }, "y"), {
    type: "command",
    command: stop,
    taskDir: "/a",
  });
  assert.equal(effect({}, "s"), undefined, "it asks first");
  for (const key of ["enter", "l"]) {
    const { view: none } = press(view(), key, { ...SHOWN, tasks: [], chosen: undefined });
    assert.equal(none.whole, false, `${key} without a task`);
  }
  for (const command of TASK_COMMANDS.filter(({ asks }) => !asks)) {
    assert.deepEqual(effect({}, command.key), { type: "command", command, taskDir: "/b" });
    assert.equal(effect({}, command.key, { ...SHOWN, tasks: [], chosen: undefined }), undefined);
  }
});

Deno.test("each key has one meaning, and is in the help", () => {
  const keys = KEY_HELP.flatMap(([keys]) => keys.split(", "));
  assert.equal(new Set(keys).size, keys.length);
  for (const { key } of TASK_COMMANDS) {
    const { effect, view } = press({ ...FIRST_VIEW }, key, SHOWN);
    assert(effect?.type === "command" || view.asks, key);
  }
});

Deno.test("the filter lets through what has its words in name, project or status", () => {
  const task = (name: string, projectRoot: string) => ({
    ...{ taskDir: `${projectRoot}/${name}`, name, projectRoot, live: false },
  });
  const model: Model = {
    tasks: [task("Login", "/shop"), {
      ...task("search", "/site"),
      starting: { doing: "", since: 0 },
    }],
    health: new Map(),
  };
  const names = (filter: string) => listed(model, { filter }).map(({ name }) => name);
  assert.deepEqual(names(""), ["Login", "search"]);
  assert.deepEqual(names("LOG"), ["Login"]);
  assert.deepEqual(names("site"), ["search"]);
  assert.deepEqual(names("running"), ["search"]);
  assert.deepEqual(names("new"), ["Login"]);
  assert.equal(
    chosenTask(model, { ...FIRST_VIEW, task: "/shop/Login", filter: "site" })?.name,
    "search",
  );
  assert.equal(chosenTask(model, { ...FIRST_VIEW, filter: "nothing" }), undefined);
});
