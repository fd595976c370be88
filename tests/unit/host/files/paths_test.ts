import assert from "node:assert/strict";
import { RalphError } from "../../../../src/error.ts";
import { pathsFrom, taskKey } from "../../../../src/host/files/paths.ts";
import { inOwnProcess } from "../../../support/own_process.ts";

Deno.test("paths follow the XDG variables, ignore relative ones, and need a home", () => {
  const from = (variables: Record<string, string>) => pathsFrom((name) => variables[name]);
  assert.deepEqual(from({ HOME: "/h" }), {
    database: "/h/.local/share/ralph/sessions.db",
    locks: "/h/.local/share/ralph/locks",
    places: "/h/.local/share/ralph/places",
    signals: "/h/.local/share/ralph/signals",
    logs: "/h/.local/state/ralph/logs",
    kept: "/h/.local/state/ralph/kept",
    reports: "/h/.local/state/ralph/reports",
    empty: "/h/.local/state/ralph/empty",
  });
  assert.deepEqual(from({ HOME: "/h", XDG_DATA_HOME: "/d", XDG_STATE_HOME: "relative" }), {
    database: "/d/ralph/sessions.db",
    locks: "/d/ralph/locks",
    places: "/d/ralph/places",
    signals: "/d/ralph/signals",
    logs: "/h/.local/state/ralph/logs",
    kept: "/h/.local/state/ralph/kept",
    reports: "/h/.local/state/ralph/reports",
    empty: "/h/.local/state/ralph/empty",
  });
  const wrong: Record<string, string>[] = [{}, { HOME: "/h", RALPH_STATE: "relative" }];
  for (const unusable of wrong) {
    assert.throws(
      () => from(unusable),
      (error) => error instanceof RalphError && error.kind === "usage",
    );
  }
});

Deno.test("RALPH_STATE is one folder for all, whatever the other variables say", () => {
  const variables: Record<string, string> = { XDG_DATA_HOME: "/d", RALPH_STATE: "/s" };
  assert.deepEqual(pathsFrom((name) => variables[name]), {
    database: "/s/sessions.db",
    locks: "/s/locks",
    places: "/s/places",
    signals: "/s/signals",
    logs: "/s/logs",
    kept: "/s/kept",
    reports: "/s/reports",
    empty: "/s/empty",
  });
});

Deno.test("a task's key is a plain file name, and differs by folder", () => {
  const key = taskKey({ name: "a b/../ü\n", dir: "/p/tasks/x" });
  assert.match(key, /^[A-Za-z0-9._-]+$/);
  assert.notEqual(key, taskKey({ name: "a b/../ü\n", dir: "/q/tasks/x" }));
  assert(taskKey({ name: "x".repeat(10_000), dir: "/p" }).length < 100);
});

Deno.test("to be in a folder that is gone is told", async () => {
  const source = new URL("../../../../src/host/files/paths.ts", import.meta.url).href;
  const said = await inOwnProcess(async (source) => {
    const { currentFolder } = await import(source);
    const folder = Deno.realPathSync(Deno.makeTempDirSync());
    Deno.chdir(folder);
    const before = currentFolder() === folder;
    Deno.removeSync(folder);
    try {
      return { before, kind: currentFolder() };
    } catch (error) {
      return { before, kind: (error as { kind: string }).kind };
    }
  }, source);
  assert.deepEqual(said, { before: true, kind: "usage" });
});
