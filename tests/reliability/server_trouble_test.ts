/**
 * Whole sessions whose server gets into trouble: away, killed, restarted, wedged, stuck, upgraded.
 * After each, nothing may be lost or made up; a reason has to be seen within ten seconds.
 */
import assert from "node:assert/strict";
import { answer, type Fault, late, type RoutedRequest } from "../support/fake_faults.ts";
import { drop, withhold } from "../support/recording_proxy.ts";
import { call, hang, hangBeforeHeaders } from "../support/scripted_model.ts";
import type { VirtualClock } from "../support/fake_clock.ts";
import { honestAgent } from "./world.ts";
import { after, MINUTE, night, SECOND } from "./night.ts";

/** Does its story, and takes that long to think first. */
const thinking = (ms: number): typeof honestAgent => async (request) => {
  const reply = await honestAgent(request);
  return request.step === 0 ? after(ms, reply) : reply;
};
const HEALTH = "GET /global/health";

Deno.test("a server that is down when the session begins is waited for, which costs no iteration", async () => {
  await using it = await night({ stories: 2 }, async ({ fake, pass, status }) => {
    await pass(10 * SECOND);
    assert.match(status(), /^waiting for server: cannot reach .*: connection refused$/);
    await pass(5 * MINUTE);
    fake.start();
  }, ({ fake }) => fake.kill());
  const { iterations } = await it.ended("completed", "all_stories_pass");
  assert.deepEqual(iterations.map(({ outcome }) => outcome), ["advanced", "advanced"]);
  assert(it.seconds < 5 * 60 + 30, `${it.seconds} s`);
});

Deno.test("a server that stays away ends the session after the time that was set, with the reason", async () => {
  await using it = await night(
    { limits: { serverAwayMs: 10 * MINUTE } },
    undefined,
    ({ fake }) => fake.kill(),
  );
  const { iterations, sessions } = await it.ended("failed", "server_unreachable");
  assert.match(sessions[0].detail ?? "", /^cannot reach OpenCode .*: connection refused$/);
  assert.equal(iterations.length, 0);
  assert.equal(it.seconds, 600);
});

Deno.test("waiting for a server ends with the session's time", async () => {
  const limits = { durationMs: 60 * SECOND };
  await using between = await night({ limits }, undefined, ({ fake }) => fake.kill());
  const { iterations } = await between.ended("stopped", "budget");
  assert.deepEqual([iterations.length, between.seconds], [0, 60]);

  await using inTurn = await night({ limits, script: () => hang() }, async ({ fake, working }) => {
    await working();
    fake.kill({ turns: "go_on" });
  });
  const { iterations: [cut] } = await inTurn.ended("stopped", "budget");
  assert.match(cut.detail ?? "", /limit on time was reached; the server did not confirm/);
  assert(inTurn.seconds < 75, `${inTurn.seconds} s`);
});

Deno.test("a stop ends the waiting for a server at once, also in an iteration that has sent nothing", async () => {
  await using it = await night({}, async ({ pass, worker }) => {
    await pass(5 * MINUTE);
    worker.stop();
  }, ({ fake }) => fake.kill());
  await it.ended("stopped", "user_stop");
  assert.equal(it.seconds, 300);

  await using creating = await night({}, async ({ pass, worker }) => {
    await pass(5 * MINUTE);
    worker.stop();
  }, ({ fault }) => fault({ on: "POST /session", times: Infinity, act: withhold }));
  const { iterations } = await creating.ended("stopped", "user_stop");
  assert.deepEqual(iterations.map(({ outcome }) => outcome), ["stopped"]);
  assert.equal(creating.seconds, 300);
});

Deno.test("a pause ends the waiting for a server soon, since no iteration is under way", async () => {
  await using it = await night({}, async ({ pass, worker }) => {
    await pass(5 * MINUTE);
    worker.checkpoint();
  }, ({ fake }) => fake.kill());
  const { iterations } = await it.ended("checkpointed", "checkpoint");
  assert.equal(iterations.length, 0);
  assert(it.seconds <= 315, `${it.seconds} s`);
});

Deno.test("a server killed in mid-turn and back: the turn was interrupted, a new one does the work", async () => {
  await using it = await night({ script: thinking(MINUTE) }, async (night) => {
    await night.working();
    night.fake.kill();
    await night.pass(10 * SECOND);
    assert.match(night.status(), /^waiting for server: cannot reach .*: connection refused$/);
    await night.pass(10 * SECOND);
    night.fake.start();
  });
  const { iterations } = await it.ended("completed", "all_stories_pass");
  assert.deepEqual(iterations.map(({ outcome, detail }) => [outcome, detail]), [
    ["interrupted", "the server went away while the agent worked"],
    ["advanced", "US-001 passes"],
  ]);
});

/** A server that is killed in mid-turn and leaves a command running, until `endsAt` of the session's time. */
async function leavesCommand(endsAt: number) {
  let clock: VirtualClock | undefined;
  let killed = false;
  const begun: number[] = [];
  const it = await night({
    script: (request) => {
      if (request.step === 0) begun.push(clock?.monotonic() ?? 0);
      return thinking(MINUTE)(request);
    },
    leftRunning: () => {
      const runs = killed && clock && clock.monotonic() < endsAt;
      return Promise.resolve(runs ? ["process 7: npm test"] : []);
    },
  }, async (night) => {
    clock = night.clock;
    await night.working();
    killed = true;
    night.fake.kill();
    night.fake.start();
    await night.pass(30 * SECOND);
    const waits = "waiting for commands of a turn that was lost: process 7: npm test";
    assert.equal(night.status(), waits);
  });
  return { it, secondAt: begun[1] };
}

Deno.test("what a server that was killed left running is waited for before the next turn", async () => {
  const { it, secondAt } = await leavesCommand(2 * MINUTE);
  await using _ = it;
  const { iterations } = await it.ended("completed", "all_stories_pass");
  assert.deepEqual(iterations.map(({ outcome }) => outcome), ["interrupted", "advanced"]);
  assert(secondAt >= 2 * MINUTE && secondAt < 3 * MINUTE, `${secondAt} ms`);
});

Deno.test("what never ends of it is named, to the next agent too", async () => {
  const { it } = await leavesCommand(Infinity);
  await using _ = it;
  const { iterations } = await it.ended("completed", "all_stories_pass");
  assert.deepEqual(iterations.map(({ outcome }) => outcome), ["interrupted", "advanced"]);
  const text = "commands of a turn that was lost still run after 3 min: process 7: npm test";
  const [, second] = it.world.fake.ledger.flatMap((one) => one.type === "prompt" ? [one.text] : []);
  assert(second.includes(text), second);
  assert.match(
    it.warnings().at(-1) ?? "",
    /left running: process 7: npm test: `ralph stop t --all`/,
  );
});

Deno.test("a server that is back at once is noticed as restarted", async () => {
  await using it = await night({ script: thinking(MINUTE) }, async ({ fake, working }) => {
    await working();
    fake.kill();
    fake.start();
  });
  const { iterations } = await it.ended("completed", "all_stories_pass");
  assert.deepEqual(iterations.map(({ outcome, detail }) => [outcome, detail]), [
    [
      "interrupted",
      "the server was restarted, as the end of its event stream shows, while the agent worked",
    ],
    ["advanced", "US-001 passes"],
  ]);
});

Deno.test("a server restarted before the agent answered: the prompt is not said to be ignored", async () => {
  await using it = await night({ timings: { promptMs: 5 * SECOND } }, async (night) => {
    await night.prompted();
    night.fake.kill();
    night.fake.start();
  });
  const { iterations } = await it.ended("completed", "all_stories_pass");
  assert.equal(iterations[0].outcome, "interrupted");
  assert.match(iterations[0].detail ?? "", /restarted.* before the agent answered$/);
});

Deno.test("a connection that is lost for a while: the same turn goes on, and is counted once", async () => {
  await using it = await night({ script: thinking(5 * MINUTE) }, async (night) => {
    await night.working();
    night.fake.kill({ turns: "go_on" });
    await night.pass(9 * MINUTE);
    night.fake.start();
  });
  const { iterations } = await it.ended("completed", "all_stories_pass");
  assert.deepEqual(iterations.map(({ outcome }) => outcome), ["advanced"]);
});

Deno.test("a turn that outlives a long absence is ended before the next one begins", async () => {
  await using it = await night({ script: thinking(20 * MINUTE) }, async (night) => {
    await night.working();
    night.fake.setScript(honestAgent);
    night.fake.kill({ turns: "go_on" });
    await night.pass(15 * MINUTE);
    night.fake.start();
  });
  const { iterations } = await it.ended("completed", "all_stories_pass");
  assert.match(iterations[0].detail ?? "", /^the server stayed away: cannot reach/);
  assert.equal(iterations[1].outcome, "advanced");
  assert(it.warnings().some((text) => /an earlier turn of this task is still at work/.test(text)));
});

Deno.test("a server that restarts forever: the loop ends, and says that it does not stay up", async () => {
  await using it = await night({ script: thinking(MINUTE) }, async ({ fake, pass, worker }) => {
    while (!worker.hasEnded()) {
      await pass(3 * SECOND);
      fake.kill();
      await pass(3 * SECOND);
      fake.start();
    }
  });
  const { iterations, sessions } = await it.ended("failed", "server_unreachable");
  assert.match(sessions[0].detail ?? "", /does not stay up|cannot reach OpenCode/);
  assert.deepEqual(iterations.map(({ outcome }) => outcome), ["interrupted"]);
  assert(it.seconds < 35 * 60, `${it.seconds} s`);
});

Deno.test("a server that every turn brings down ends the session after three, not after all iterations", async () => {
  await using it = await night({ script: thinking(MINUTE) }, async (night) => {
    for (let turn = 1; turn <= 3; turn++) {
      await night.working(turn);
      night.fake.kill();
      await night.pass(SECOND);
      night.fake.start();
    }
  });
  const { sessions, iterations } = await it.ended("failed", "server_unreachable");
  assert.equal(iterations.length, 3);
  assert.match(sessions[0].detail ?? "", /^3 iterations in a row .*the server went away while/);
});

Deno.test("a server that is well only at every second look is not waited for forever", async () => {
  let looks = 0;
  await using it = await night(
    { limits: { serverAwayMs: 10 * MINUTE } },
    undefined,
    ({ fault }) => {
      const act: Fault["act"] = (request, forward) =>
        looks++ % 2 === 0 ? answer(500)(request, forward) : forward();
      fault({ on: HEALTH, times: Infinity, act });
    },
  );
  const { iterations } = await it.ended("failed", "server_unreachable");
  assert.equal(iterations.length, 0);
  assert(it.seconds < 11 * 60, `${it.seconds} s`);
});

Deno.test("a server that takes five seconds for each answer is slow, and not away", async () => {
  await using it = await night({}, undefined, ({ fault, clock }) => {
    const slow = ({ route }: RoutedRequest) => route !== HEALTH && route !== "GET /event";
    fault({ on: slow, times: Infinity, act: late(clock, 5 * SECOND) });
  });
  const { iterations } = await it.ended("completed", "all_stories_pass");
  assert.deepEqual(iterations.map(({ outcome }) => outcome), ["advanced"]);
  assert(it.seconds < 3 * 60, `${it.seconds} s`);
});

for (
  const [name, wedged, said] of [
    [
      "hangs, its health page aside",
      (route: string) => route !== HEALTH,
      /did not answer within \d+ s$/,
    ],
    [
      "hangs altogether",
      () => true,
      /hangs: it holds its port, and has answered nothing since 00:00 UTC; `systemctl .* opencode`/,
    ],
  ] as const
) {
  const hanging: Fault = { on: ({ route }) => wedged(route), times: Infinity, act: withhold };

  Deno.test(`a server that ${name} is waited for, which costs no iteration`, async () => {
    await using it = await night({ limits: { serverAwayMs: 10 * MINUTE } }, async (night) => {
      await night.pass(10 * SECOND);
      assert.match(night.status(), /^waiting for server: /);
    }, ({ fault }) => void fault(hanging));
    const { iterations, sessions } = await it.ended("failed", "server_unreachable");
    assert.match(sessions[0].detail ?? "", said);
    assert.equal(iterations.length, 0);
    assert(it.seconds <= 10 * 60 + 30, `${it.seconds} s`);
  });

  Deno.test(`a server that ${name} for a while in mid-turn: the same turn goes on`, async () => {
    await using it = await night({ script: thinking(MINUTE) }, async (night) => {
      await night.working();
      const trouble = night.fault(hanging);
      await night.pass(10 * SECOND);
      assert.match(night.status(), /^waiting for server: /);
      await night.pass(5 * MINUTE);
      trouble.remove();
    });
    const { iterations } = await it.ended("completed", "all_stories_pass");
    assert.deepEqual(iterations.map(({ outcome }) => outcome), ["advanced"]);
  });

  Deno.test(`a server that ${name} forever in mid-turn: bounded, and what is not known is said`, async () => {
    await using it = await night({ script: () => hang() }, async (night) => {
      await night.working();
      night.fault(hanging);
    });
    const { iterations } = await it.ended("failed", "server_unreachable");
    assert.equal(iterations.length, 1);
    assert.equal(iterations[0].outcome, "interrupted");
    assert.match(iterations[0].detail ?? "", /^the server stayed away: /);
    assert.match(iterations[0].detail ?? "", said);
    assert(it.seconds < 45 * 60, `${it.seconds} s`);
  });
}

Deno.test("a session that is stuck is aborted and given up; after three the loop ends with that", async () => {
  await using it = await night({ version: "1.1.53", script: hangBeforeHeaders });
  const { iterations, sessions } = await it.ended("failed", "provider_error");
  assert.deepEqual(iterations.map(({ outcome }) => outcome), ["timeout", "timeout", "timeout"]);
  assert.match(sessions[0].detail ?? "", /nothing was heard of the agent for 15 min$/);
});

Deno.test("an abort that the server ignores: no second agent works beside the first", async () => {
  await using it = await night(
    { version: "1.1.53", script: hangBeforeHeaders },
    undefined,
    ({ fault }) => {
      const act = answer(200, "true");
      fault({ on: "POST /session/:id/abort", times: Infinity, act });
    },
  );
  const { iterations, sessions } = await it.ended("failed", "server_unreachable");
  assert.equal(iterations.length, 1);
  assert.match(iterations[0].detail ?? "", /the server did not confirm that the turn was aborted$/);
  assert.match(sessions[0].detail ?? "", /is still at work .*, and the server does not end it$/);
});

Deno.test("a server upgraded between two turns: the work goes on, and each change is said once", async () => {
  await using it = await night(
    { stories: 4, version: "1.1.53" },
    undefined,
    ({ fake, fault, clock }) => {
      const upgrade = (version: string): Fault["act"] => () => {
        fake.kill();
        clock.after(SECOND, () => fake.start({ version }));
        return drop();
      };
      fault({ on: HEALTH, skip: 1, act: upgrade("1.18.33") });
      fault({ on: HEALTH, skip: 4, act: upgrade("1.19.0") });
    },
  );
  const { iterations } = await it.ended("completed", "all_stories_pass");
  assert.deepEqual(iterations.map(({ outcome }) => outcome), Array(4).fill("advanced"));
  assert.deepEqual(it.warnings(), [
    "OpenCode is 1.18.33 now: it was 1.1.53 before",
    "OpenCode is 1.19.0 now: it was 1.18.33 before; tested are 1.1.53 to 1.18",
  ]);
});

Deno.test("an OpenCode session that cannot be created is waited for, and costs one iteration", async () => {
  await using it = await night({}, async ({ pass, status, fault }) => {
    const trouble = fault({ on: "POST /session", times: Infinity, act: answer(500, "{}") });
    await pass(10 * SECOND);
    assert.match(status(), /^waiting for server: cannot create an OpenCode session .* 500/);
    await pass(5 * MINUTE);
    trouble.remove();
  });
  const { iterations } = await it.ended("completed", "all_stories_pass");
  assert.deepEqual(iterations.map(({ outcome }) => outcome), ["advanced"]);
});

Deno.test("a directory that hangs is its own project's trouble: another one's session goes on", async () => {
  await using it = await night({}, undefined, ({ fault, task }) => {
    fault({
      on: ({ directory }) => directory !== task.projectRoot && directory !== "/",
      times: Infinity,
      act: withhold,
    });
  });
  await it.ended("completed", "all_stories_pass");
});

Deno.test("a turn of which only REST tells is no silent one, however long it takes", async () => {
  const steps = 20;
  const script: typeof honestAgent = (request) =>
    request.step < steps
      ? after(MINUTE, call({ name: "bash", input: { command: ":", description: "Wait" } }))
      : honestAgent({ ...request, step: request.step - steps });
  await using it = await night({ script }, undefined, ({ fake }) => {
    fake.editEvents((data) => data.includes("server.connected") ? [data] : []);
  });
  const { iterations } = await it.ended("completed", "all_stories_pass");
  assert.deepEqual(iterations.map(({ outcome }) => outcome), ["advanced"]);
  assert(it.seconds > 20 * 60, `${it.seconds} s`);
});

Deno.test("an event stream that cannot be opened, or ends at once, is no harm and no flood", async () => {
  for (const act of [answer(500), answer(200, "<!doctype html>", "text/html"), drop, withhold]) {
    await using it = await night({ script: thinking(5 * MINUTE) }, undefined, ({ fault }) => {
      fault({ on: "GET /event", times: Infinity, act });
    });
    const { iterations } = await it.ended("completed", "all_stories_pass");
    assert.deepEqual(iterations.map(({ outcome }) => outcome), ["advanced"]);
  }
  let opened = 0;
  await using it = await night({ script: thinking(5 * MINUTE) }, undefined, ({ fault, fake }) => {
    const finishNow: Fault["act"] = async (_request, forward) => {
      opened++;
      const reply = await forward();
      queueMicrotask(fake.closeStreams);
      return reply;
    };
    fault({ on: "GET /event", times: Infinity, act: finishNow });
  });
  await it.ended("completed", "all_stories_pass");
  assert(opened < 45, `opened ${opened} times in five minutes`);
});

Deno.test("what a turn used is on record although it cannot be read at the first try", async () => {
  await using it = await night({ script: thinking(MINUTE) }, async ({ working, pass, fault }) => {
    await working();
    await pass(59 * SECOND);
    const whole = ({ route, query }: RoutedRequest) =>
      route === "GET /session/:id/message" && !query.has("limit");
    fault({ on: whole, times: 2, act: answer(503) });
  });
  const { iterations } = await it.ended("completed", "all_stories_pass");
  assert.notEqual(iterations[0].model_calls, null);
});
