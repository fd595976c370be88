/** The real process and real OpenCode servers: killed twice in a row, the second time in recovery. */
import { systemClock } from "../../src/host/system/clock.ts";
import { assignment } from "../support/agent.ts";
import { TESTED } from "../support/install.ts";
import { startServer } from "../support/opencode_server.ts";
import {
  type RecordedRequest,
  type RecordingProxy,
  startProxy,
} from "../support/recording_proxy.ts";
import { type ScriptedModel, startModel } from "../support/scripted_model.ts";
import { agent, crashing } from "./crash_process.ts";
import { recordOf } from "./server_record.ts";

interface Here {
  readonly model: ScriptedModel;
  readonly proxy: RecordingProxy;
}

type Choice = (request: RecordedRequest) => boolean;

const isCreate: Choice = ({ method, path }) => method === "POST" && path === "/session";
const isPrompt: Choice = ({ path }) => path.endsWith("/prompt_async");
const isMessages: Choice = ({ path }) => path.endsWith("/message");

/** Where the worker is killed first; resolves when it is there. Hands back what ends the hold. */
const POINTS: Readonly<Record<string, (here: Here) => Promise<() => void>>> = {
  "its OpenCode session is made, and the reply does not come": (here) => replyHeld(here, isCreate),
  "the prompt has arrived, and the reply does not come": (here) => replyHeld(here, isPrompt),
  async "the agent works"({ model }) {
    const asked = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    model.setScript(async (request) => {
      asked.resolve();
      await goOn.promise;
      return await agent(request);
    });
    await asked.promise;
    return goOn.resolve;
  },
  async "the turn ends, and its messages do not come"(here) {
    let hasSpoken = false;
    here.model.setScript(async (request) => {
      const reply = await agent(request);
      hasSpoken = assignment(request.prompt).story === "US-001" && request.step === 3;
      return reply;
    });
    return await replyHeld(here, (request) => hasSpoken && isMessages(request));
  },
};

/** The first of the chosen requests takes effect, and nobody hears of it. */
async function replyHeld({ proxy }: Here, isChosen: Choice): Promise<() => void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  let isFirst = true;
  proxy.intercept(async (request, forward) => {
    if (!isFirst || !isChosen(request)) return await forward();
    isFirst = false;
    // A request of a worker that is dead already is not the one.
    const reply = await forward().catch((error) => {
      isFirst = true;
      throw error;
    });
    const text = await reply.text();
    resolve();
    await opened.promise;
    return new Response(text || null, { status: reply.status, headers: reply.headers });
  });
  await promise;
  return opened.resolve;
}

for (const version of TESTED) {
  for (const [at, hold] of Object.entries(POINTS)) {
    Deno.test(`killed when ${at}, and again in its recovery: nothing is lost (OpenCode ${version})`, async () => {
      await using model = await startModel(agent);
      await using server = await startServer({ version, model });
      await using proxy = await startProxy(server.url);
      await using here = await crashing(proxy.url);
      const release = await here.killAt(hold({ model, proxy }));
      const openReply = await here.killAt(replyHeld({ model, proxy }, isMessages));
      openReply();
      release();
      proxy.intercept();
      const { startedAt } = await here.finish();
      await here.check(await recordOf(server.url, here.project.root));
      console.log(`${version}, ${at}: ended after ${systemClock.now() - startedAt} ms`);
    });
  }
}
