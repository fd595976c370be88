/** What a person says while a turn is at work. */
import assert from "node:assert/strict";
import type { Steer } from "../../src/loop/turn/steering.ts";
import { call, type ModelRequest, say, slow } from "../support/scripted_model.ts";
import { onEachVersion, onOpenCode2, type World } from "./world.ts";

const STEER: Steer = { id: 7, text: "A person says: use the blue one" };

/** Gives `steer` once, as soon as the turn asks. */
function oneSteer(isDue = () => true) {
  const waiting = [STEER];
  return { take: () => isDue() ? waiting.splice(0) : [] };
}

async function steersTurns(t: Deno.TestContext, { model, turn, client, version }: World) {
  const shell = version.startsWith("1.") ? "bash" : "shell";
  const bash = (command: string) => ({ name: shell, input: { command, description: "Run it" } });
  const isTold = ({ prompt }: ModelRequest) => prompt.includes(STEER.text);

  await t.step(
    "between two steps: the next one has it, and the turn goes on to its end",
    async () => {
      const asked: ModelRequest[] = [];
      model.setScript((request) => {
        asked.push(request);
        if (isTold(request)) return say("the blue one");
        return request.step < 2 ? call(bash("sleep 3")) : say("the red one");
      });
      const { end, unanswered, usage, sessionId } = await turn({ steers: oneSteer() });
      assert.equal(end.kind === "finished" && end.text, "the blue one");
      assert.deepEqual(unanswered, []);
      assert(isTold(asked[1]), "the second step");
      assert.equal(usage.modelCalls, asked.length);
      const messages = await client.messages(sessionId);
      assert.deepEqual(messages.filter(({ text }) => text === STEER.text).length, 1);
    },
  );

  await t.step(
    "while the agent says its last words: it is answered before the turn ends",
    async () => {
      let hasBegun = false;
      model.setScript((request) => {
        hasBegun = true;
        return isTold(request) ? say("then blue") : slow({ chunks: 3, everyMs: 1_000 });
      });
      const { end, unanswered } = await turn({ steers: oneSteer(() => hasBegun) });
      assert.equal(end.kind === "finished" && end.text, "then blue");
      assert.deepEqual(unanswered, []);
    },
  );
}

onEachVersion("steering", steersTurns);
onOpenCode2("steering", steersTurns);
