/** What is looked at before a session's first turn, so that no turn is paid for in vain. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { answer, type FaultHandle } from "../support/fake_faults.ts";
import { REQUESTS } from "./fake_requests.ts";
import { MINUTE, night } from "./night.ts";

Deno.test("all gates run once before the first turn, and are on record", async () => {
  await using seen = await night({ stories: 2, processes: false });
  seen.ended("completed", "all_stories_pass");
  using database = new DatabaseSync(seen.world.database);
  const sql = "SELECT passed, final FROM gate_results WHERE iteration = 0";
  const first = database.prepare(sql).all().map(({ passed, final }) => [passed, final]);
  assert.deepEqual(first, [[0, 1], [0, 1]], "red is no failure");
});

Deno.test("a gate whose program is not there ends the session before anything is sent", async () => {
  const verify = [{ name: "lint", run: { args: ["no-such-program-of-ralph"] } }];
  await using none = await night({ verify });
  const { sessions, iterations } = none.ended("stopped", "gates_fail");
  assert.match(
    sessions[0].detail ?? "",
    /^the gate `lint` fails before any work: there is no program `no-such-program-of-ralph` on PATH$/,
  );
  assert.equal(iterations.length, 0);
  assert(none.world.fake.ledger.every(({ type }) => type !== "prompt"));
});

Deno.test("settings that the server cannot use are waited for, with the file and the line", async () => {
  const path = "/p/opencode.json";
  const message = "--- Errors ---\nCloseBraceExpected at line 4, column 1\n--- End ---";
  const body = JSON.stringify({ name: "ConfigJsonError", data: { path, message } });
  for (const status of [400, 500]) {
    let broken: FaultHandle | undefined;
    await using mended = await night(
      { processes: false, limits: { iterations: 1 } },
      async (now) => {
        await now.pass(MINUTE);
        assert.match(
          now.status(),
          /^waiting for server: .* cannot use its settings in \/p\/opencode.json, line 4, column 1: /,
        );
        broken?.remove();
      },
      (scene) => {
        broken = scene.fault({
          on: REQUESTS.busy,
          times: Infinity,
          act: answer(status, body),
        });
      },
    );
    mended.ended("completed", "all_stories_pass");
  }
});
