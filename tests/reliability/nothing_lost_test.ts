/** The check itself: what was done well passes, and each single damage is found. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { assertNothingLost, assertNothingLostAt, type Scene } from "./nothing_lost.ts";
import { recordOfFake, type SeenSession } from "./server_record.ts";
import { temporaryFolder } from "../support/folder.ts";
import { createWorld } from "./world.ts";

/** Changes one OpenCode session of the record. */
const seen = (change: (session: SeenSession) => Partial<SeenSession>) => (scene: Scene): Scene => {
  const { sessions: [first, ...others] } = scene.server;
  const changed = { ...first, ...change(first) };
  return { ...scene, server: { ...scene.server, sessions: [changed, ...others] } };
};

/** By SQL, by what the server is said to have, or by the PRD's text. */
const DAMAGES: readonly {
  sql?: string;
  scene?: (scene: Scene) => Scene;
  prd?: (text: string) => string;
  found: RegExp;
}[] = [
  {
    sql: "UPDATE sessions SET status = 'running', ended_at = NULL, activity = 'x'",
    found: /I4 session 1 is running, and nobody has its lock/,
  },
  {
    sql: "UPDATE sessions SET status = 'running', ended_at = NULL",
    found: /I5 session 1 is running, and does not say what it does/,
  },
  {
    sql: "UPDATE sessions SET reason = NULL",
    found: /I5 session 1 is completed, and does not say/,
  },
  {
    sql: "UPDATE sessions SET status = 'stopped'",
    found: /I4 session 1 is stopped for all_stories/,
  },
  { sql: "UPDATE sessions SET reason = 'internal_error'", found: /I4 session 1 failed/ },
  {
    sql: "UPDATE iterations SET number = 9 WHERE number = 2",
    found: /I2 session 1 has no iteration 2/,
  },
  {
    sql: "UPDATE iterations SET outcome = NULL, ended_at = NULL WHERE number = 1",
    found: /I4 iteration 1.1 is under way forever/,
  },
  {
    sql: "DELETE FROM iterations WHERE number = 3",
    found: /I1 a row of \w+ belongs to no other[^]*I2 OpenCode session \w+ belongs to 0 rows/,
  },
  {
    sql: "UPDATE iterations SET opencode_session_id = 'ses_other' WHERE number = 1",
    found: /I2 iteration 1.1 names an OpenCode session that is not its own/,
  },
  {
    sql: "UPDATE iterations SET opencode_session_id = NULL WHERE number = 1",
    found: /I2 iteration 1.1 got a prompt, and does not name its OpenCode session/,
  },
  {
    sql: "UPDATE iterations SET model_calls = model_calls * 2 WHERE number = 1",
    found: /I2 iteration 1.1 has 4 model calls in place of 2/,
  },
  {
    sql: "UPDATE iterations SET cost_usd = 0 WHERE number = 1",
    found: /I2 iteration 1.1 has 0 US dollars in place of 0.00642/,
  },
  {
    sql: "UPDATE iterations SET model_calls = NULL WHERE number = 1",
    found: /I4 the usage of iteration 1.1 is known, and not on record/,
  },
  {
    sql: "UPDATE iterations SET outcome = 'interrupted' WHERE number = 1",
    found: /I4 iteration 1.1 is said to be interrupted, and its turn was finished/,
  },
  {
    sql: "UPDATE claims SET held = 0 WHERE iteration = 1",
    found: /I4 US-001 passes in the PRD, and no/,
  },
  {
    sql: "DELETE FROM claims WHERE iteration = 1",
    found: /I4 iteration 1.1 passed US-001, which was not/,
  },
  {
    sql: "UPDATE iterations SET stories_passed = '[]' WHERE number = 1",
    found: /I4 iteration 1.1 advanced nothing/,
  },
  {
    prd: (text) => text.replace("true", "false"),
    found: /I4 US-001 is said to be done, and is open/,
  },
  {
    prd: (text) => text.replaceAll("work/US-001.txt", "none"),
    found: /I4 US-001 is said to be done, and `test -f none` fails/,
  },
  { scene: seen(() => ({ prompts: 2 })), found: /I2 OpenCode session \w+ got 2 prompts/ },
  {
    scene: seen(() => ({ prompts: 0 })),
    found:
      /I4 iteration 1.1 is said to be prompted, .*\nI4 iteration 1.1 is advanced, and the server/,
  },
  {
    scene: seen(() => ({ isBusy: true })),
    found: /I4 session 1 has ended, and the turn of iteration/,
  },
  {
    scene: seen(({ turn }) => ({ turn: { began: turn?.began ?? 0, ended: Infinity } })),
    found: /I3 \w+ was prompted while \w+ worked/,
  },
  {
    scene: (scene) => {
      const { sessions } = scene.server;
      return { ...scene, server: { ...scene.server, sessions: [...sessions, sessions[0]] } };
    },
    found: /I2 2 OpenCode sessions have one title/,
  },
  {
    scene: (scene) => ({ ...scene, written: new Map([...scene.written, ["/none", "text"]]) }),
    found: /I6 \/none is not as the agent wrote it/,
  },
];

Deno.test("a run that nothing befell passes the check, and each single damage to what is left is found", async (t) => {
  await using world = await createWorld();
  const end = await world.clock.run(world.work().end);
  assert.equal(end?.status, "completed");
  const { iterations } = await assertNothingLost(world);
  assert.equal(iterations.length, 3);
  assert.equal(world.written.size, 3);

  const { lock, task, written } = world;
  const server = await recordOfFake(world.fake, task.projectRoot);
  // The server lists the newest first.
  const whole: Scene = {
    database: world.database,
    lock,
    root: task.projectRoot,
    taskDir: task.dir,
    prdPath: task.prdPath,
    server: { ...server, sessions: server.sessions.toReversed() },
    written,
  };
  const prd = Deno.readTextFileSync(task.prdPath);
  for (const damage of DAMAGES) {
    const { sql, found } = damage;
    await t.step(found.source, async () => {
      using copies = temporaryFolder();
      const copied = { ...whole, database: `${copies.path}/sessions.db` };
      Deno.copyFileSync(world.database, copied.database);
      if (sql) {
        const db = new DatabaseSync(copied.database, { enableForeignKeyConstraints: false });
        db.exec(sql);
        db.close();
      }
      Deno.writeTextFileSync(task.prdPath, damage.prd?.(prd) ?? prd);
      await assert.rejects(assertNothingLostAt(damage.scene?.(copied) ?? copied), found);
      Deno.writeTextFileSync(task.prdPath, prd);
    });
  }

  await t.step("a database whose pages are damaged", async () => {
    using copies = temporaryFolder();
    const database = `${copies.path}/sessions.db`;
    const bytes = Deno.readFileSync(world.database);
    const damaged = bytes.map((byte, at) => at > 8192 && at % 512 === 0 ? byte ^ 0xff : byte);
    Deno.writeFileSync(database, damaged);
    await assert.rejects(assertNothingLostAt({ ...whole, database }), /I1|malformed/);
  });
  await assertNothingLostAt(whole);
});
