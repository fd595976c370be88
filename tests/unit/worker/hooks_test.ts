import assert from "node:assert/strict";
import type { LoopEvent } from "../../../src/loop/event.ts";
import { createHooks } from "../../../src/worker/hooks.ts";

const EVENT: LoopEvent = {
  type: "iteration_ended",
  number: 1,
  outcome: "nothing",
  detail: "",
  storiesPassed: [],
  commits: null,
  filesChanged: null,
  usage: null,
  durationMs: 1,
};

function make(run: () => Promise<string | undefined>) {
  const failures: string[] = [];
  const hooks = createHooks({
    about: { task: "t", projectRoot: "/p", session: 1 },
    settings: { onIteration: ["told"], notify: false },
    os: "linux",
    run,
    onFailure: (text) => failures.push(text),
  });
  return { hooks, failures };
}

Deno.test("what fails is told, and nothing is thrown", async () => {
  const whys = [undefined, "no\x1b[1m luck"];
  const { hooks, failures } = make(() => Promise.resolve(whys.shift()));
  hooks.see(EVENT);
  hooks.see(EVENT);
  await hooks.ended();
  assert.deepEqual(failures, ["onIteration: no\\x1b[1m luck"]);
  const broken = make(() => Promise.reject(new Error("a bug")));
  broken.hooks.see(EVENT);
  await broken.hooks.ended();
  assert.deepEqual(broken.failures, ["onIteration: Error: a bug"]);
});

Deno.test("commands that do not end do not pile up, and are waited for at the end", async () => {
  const held = Promise.withResolvers<undefined>();
  let started = 0;
  const { hooks, failures } = make(() => {
    started++;
    return held.promise;
  });
  for (let i = 0; i < 10; i++) hooks.see(EVENT);
  assert.equal(started, 8);
  assert.deepEqual(
    failures,
    Array(2).fill("onIteration: not run, since 8 others have not ended yet"),
  );
  let ended = false;
  const end = hooks.ended().then(() => ended = true);
  await Promise.resolve();
  assert.equal(ended, false);
  held.resolve(undefined);
  await end;
});
