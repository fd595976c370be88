/** What a provider has one session wait for, on record for the others while it holds, and no longer. */
import assert from "node:assert/strict";
import { sleep } from "../../src/clock.ts";
import { openStore } from "../../src/store/store.ts";
import type { FakeScript } from "../support/fake_script.ts";
import { NEWEST } from "../support/install.ts";
import { migrations } from "../support/migrations.ts";
import { httpError } from "../support/scripted_model.ts";
import { createWorld, honestAgent } from "./world.ts";

const MINUTE = 60_000;

for (const version of ["1.1.53", NEWEST, "2.0.26"]) {
  for (const model of [undefined, { providerId: "fake", modelId: "ok" }]) {
    const which = model ? "that the settings name" : "that the server chose";
    Deno.test(`the limit of a provider ${which} is on record until it answers (${version})`, async () => {
      let asked = 0;
      const script: FakeScript = (request) =>
        asked++ > 0 ? honestAgent(request) : httpError(
          429,
          { error: { message: "Rate limit reached" } },
          { "retry-after": "600" },
        );
      await using world = await createWorld({ stories: 1, version, script, model });
      const { clock } = world;
      const limits = () => {
        using stack = new DisposableStack();
        const store = openStore({ path: world.database, migrations, now: clock.now });
        stack.defer(() => store.close());
        return store.providerLimit("fake");
      };
      const worker = world.work();
      await clock.run(sleep(clock, 5 * MINUTE));
      const limit = limits();
      assert(limit);
      assert.match(limit.said, /Rate limit reached/);
      assert.equal(limit.sessionId, 1);
      const leftMs = limit.until - clock.now();
      assert(leftMs > 4 * MINUTE && leftMs < 6 * MINUTE, `${leftMs} ms`);
      const end = await clock.run(worker.end);
      assert.equal(end?.status, "completed", end?.detail);
      assert.equal(limits(), undefined);
    });
  }
}
