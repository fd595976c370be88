/** What a session's server is told of the user, by commands that come later. */
import assert from "node:assert/strict";
import * as path from "node:path";
import type { Context } from "../../../src/app/context.ts";
import { clientOf } from "../../../src/app/server_client.ts";
import { openUserStore } from "../../../src/app/store.ts";
import { systemClock } from "../../../src/host/system/clock.ts";
import { storeSettings } from "../../../src/loop/session/kept_settings.ts";
import { OpenCodeError } from "../../../src/opencode/error.ts";
import { DEFAULT_SETTINGS } from "../../../src/settings/settings.ts";
import { temporaryFolder } from "../../support/folder.ts";

Deno.test("a session's server that the project alone named gets no password later either", async (t) => {
  using home = temporaryFolder();
  const received: (string | null)[] = [];
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    received.push(request.headers.get("authorization"));
    return new Response(null, { status: 401 });
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  const variables = new Map([["HOME", home.path], ["OPENCODE_SERVER_PASSWORD", "s3cret"]]);
  const context: Context = {
    clock: systemClock,
    environment: (name) => variables.get(name),
    mainUrl: new URL("../../../main.ts", import.meta.url).href,
    cwd: () => home.path,
    warn: () => {},
  };
  const store = openUserStore(context);

  /** Whether the server of a session that began so gets the password. */
  async function getsPassword(serverOfProject: boolean): Promise<boolean> {
    const worker = {
      serverUrl: url,
      serverPort: 1,
      workerPid: 1,
      workerVersion: "0",
      maxIterations: 1,
    };
    const settings = { ...DEFAULT_SETTINGS, serverOfProject, owesEvidence: false };
    const task = { taskName: "t", taskDir: path.join(home.path, "t"), projectRoot: home.path };
    const lease = store.startSession(task, { ...worker, accepted: false }, {
      settings: storeSettings(settings),
      tree: null,
      choices: null,
    });
    const session = store.session(lease.sessionId);
    assert(session);
    await assert.rejects((await clientOf(context, session)).busy(), OpenCodeError);
    store.endSession(lease, { status: "stopped", reason: "user_stop", detail: "" });
    return received.pop() !== null;
  }

  await t.step("the user named it", async () => assert.equal(await getsPassword(false), true));
  await t.step("the project did", async () => assert.equal(await getsPassword(true), false));
  await t.step("the user names it since", async () => {
    variables.set("RALPH_SERVER", url);
    assert.equal(await getsPassword(true), true);
  });
  store.close();
});
