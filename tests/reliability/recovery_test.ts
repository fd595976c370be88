/** What the next worker records of an iteration whose worker was killed. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { createClient } from "../../src/opencode/connect.ts";
import { assignment, edit, tick } from "../support/agent.ts";
import { call, say } from "../support/scripted_model.ts";
import { createWorld, honestAgent } from "./world.ts";

Deno.test("an OpenCode session that is gone: what it used is unknown, and what its agent claimed is judged", async () => {
  const asked = Promise.withResolvers<void>();
  let calls = 0;
  await using world = await createWorld({
    stories: 1,
    script(request) {
      calls++;
      if (calls > 2) return honestAgent(request);
      const { story, prd } = assignment(request.prompt);
      const path = `${request.directory}/${prd}`;
      if (calls === 1) return call(edit(prd, tick(Deno.readTextFileSync(path), story)));
      asked.resolve();
      return say("It is done.");
    },
  });
  const worker = world.work();
  await world.clock.run(asked.promise);
  worker.kill();
  const created = world.fake.ledger.find((entry) => entry.type === "session_created");
  assert(created);
  const client = createClient({
    url: world.fake.url,
    directory: world.task.projectRoot,
    clock: world.clock,
    transport: world.fake.fetch,
  });
  await world.clock.run(client.deleteSession(created.sessionId));

  const end = await world.clock.run(world.work().end);
  assert.equal(end?.status, "completed");
  const db = new DatabaseSync(world.database, { readOnly: true });
  const [first] = db.prepare("SELECT outcome, detail, model_calls FROM iterations ORDER BY number")
    .all();
  db.close();
  assert.deepEqual([first.outcome, first.model_calls], ["interrupted", null]);
  assert.match(String(first.detail), /OpenCode session is gone; US-001 was claimed and taken back/);
});
