/** Commands whose output nobody reads to its end. */
import assert from "node:assert/strict";
import { makeWorld } from "./processes.ts";

Deno.test("a reader that goes away, as `head -1`, keeps no command from what it is to do", async () => {
  await using world = await makeWorld();
  const { ralph, project, url } = world;
  async function unread(...args: string[]): Promise<number> {
    const child = ralph.start(args, { cwd: project.root });
    await Promise.all([child.stdout.cancel(), child.stderr.cancel()]);
    return (await child.status).code;
  }
  assert.equal(await unread("run", "one", "--server", url), 0);
  assert.equal((await world.row("one")).status, "running");
  assert.equal(await unread("stop", "one"), 0);
  assert.equal((await world.row("one")).reason, "user_stop");
  assert.equal(await unread("wait", "one"), 1, "its exit code is that of the session");
});
