/** The real process, killed with SIGKILL at each step of an iteration, and gone on with. */
import assert from "node:assert/strict";
import { systemClock } from "../../src/host/system/clock.ts";
import { assignment } from "../support/agent.ts";
import { afterEffect, type Fault, gate } from "../support/fake_faults.ts";
import { createFakeOpenCode, type FakeOpenCode } from "../support/fake_opencode.ts";
import { serveFake } from "../support/fake_server.ts";
import { hostTools } from "../support/fake_tools.ts";
import { until } from "../support/wait.ts";
import { agent, type Crashing, crashing } from "./crash_process.ts";
import { recordOfFake } from "./server_record.ts";

interface Here extends Crashing {
  readonly fake: FakeOpenCode;
  /** Withholds the next request of a route: before it takes effect, or else its reply. */
  withhold(on: Fault["on"], when?: "before" | "after"): ReturnType<typeof gate>;
  /** Lets the agent of a story wait before it answers; resolves when it does. */
  agentWaits(story: string): Promise<{ goOn: () => void }>;
}

/** A step of an iteration, and how the worker is kept there. Hands back what to do before the next. */
interface Point {
  readonly at: string;
  /** What is then on record, and what the server has: that it died there, and nowhere else. */
  readonly left: string;
  readonly hold: (here: Here) => Promise<(() => unknown) | void>;
}

const CREATE = "POST /session";
const PROMPT = "POST /session/:id/prompt_async";
const MESSAGES = "GET /session/:id/message";

/** Lets the reply to `on` pass when nothing can be recorded any more. */
const unrecorded = (on: Fault["on"], when: "before" | "after" = "after") => async (here: Here) => {
  const request = here.withhold(on, when);
  await request.reached;
  const locked = here.lockDatabase();
  request.open();
  return () => locked[Symbol.dispose]();
};

const POINTS: readonly Point[] = [
  {
    at: "C1: it has the lock, and nothing is on record",
    left: "nothing; 0 made, 0 prompted, 0 ended",
    async hold(here) {
      const locked = here.lockDatabase();
      await here.hasLock();
      return () => locked[Symbol.dispose]();
    },
  },
  {
    at: "C3: the session is on record, and no iteration",
    left: "running; 0 made, 0 prompted, 0 ended",
    hold: (here) => here.withhold("GET /session/status").reached,
  },
  {
    at: "C4: the iteration cannot be recorded",
    left: "running; 0 made, 0 prompted, 0 ended",
    hold: unrecorded("GET /session/status"),
  },
  {
    at: "C5: the OpenCode session is asked for, and never made",
    left: "running; begun; 0 made, 0 prompted, 0 ended",
    hold: (here) => here.withhold(CREATE).reached,
  },
  {
    at: "C5: the OpenCode session is made after the worker's death",
    left: "running; begun; 0 made, 0 prompted, 0 ended",
    async hold(here) {
      const request = here.withhold(CREATE);
      await request.reached;
      return request.open;
    },
  },
  {
    at: "C5: the OpenCode session is made, and the reply does not come",
    left: "running; begun; 1 made, 0 prompted, 0 ended",
    hold: (here) => here.withhold(CREATE, "after").reached,
  },
  {
    at: "C6: the OpenCode session's id cannot be recorded",
    left: "running; begun; 1 made, 0 prompted, 0 ended",
    hold: unrecorded(CREATE),
  },
  {
    at: "C7: the prompt is sent, and never arrives",
    left: "running; begun, bound; 1 made, 0 prompted, 0 ended",
    hold: (here) => here.withhold(PROMPT).reached,
  },
  {
    at: "C7: the prompt arrives after the worker's death",
    left: "running; begun, bound; 1 made, 0 prompted, 0 ended",
    async hold(here) {
      const request = here.withhold(PROMPT);
      await request.reached;
      return request.open;
    },
  },
  {
    at: "C7: the prompt has arrived, and the reply does not come",
    left: "running; begun, bound; 1 made, 1 prompted, 0 ended",
    hold: (here) => here.withhold(PROMPT, "after").reached,
  },
  {
    at: "C8: that the prompt was taken cannot be recorded",
    left: "running; begun, bound; 1 made, 1 prompted, 0 ended",
    hold: unrecorded(PROMPT),
  },
  {
    at: "C9: the agent works, and ends while nobody is there",
    left: "running; begun, bound, prompted; 1 made, 1 prompted, 0 ended",
    async hold(here) {
      const { goOn } = await here.agentWaits("US-001");
      return async () => {
        goOn();
        await ended(here.fake);
      };
    },
  },
  {
    at: "C9: the agent works, and ends when the next worker is there",
    left: "running; begun, bound, prompted; 1 made, 1 prompted, 0 ended",
    async hold(here) {
      const { goOn } = await here.agentWaits("US-001");
      return () => {
        const looked = here.withhold(MESSAGES);
        looked.reached.then(() => {
          looked.open();
          goOn();
        });
      };
    },
  },
  {
    at: "C10: the turn has ended, and its messages do not come",
    left: "running; begun, bound, prompted; 1 made, 1 prompted, 1 ended",
    hold: (here) =>
      here.withhold(({ route }) =>
        route === MESSAGES && here.fake.ledger.some(({ type }) => type === "turn_ended")
      ).reached,
  },
  {
    at: "C11: a gate runs",
    left: "running; begun, bound, prompted; 1 made, 1 prompted, 1 ended",
    async hold(here) {
      await here.gateWaits();
      return here.releaseGate;
    },
  },
  {
    at: "C11: the gates have run, and the outcome cannot be recorded",
    left: "running; begun, bound, prompted; 1 made, 1 prompted, 1 ended",
    async hold(here) {
      await here.gateWaits();
      const locked = here.lockDatabase();
      await here.releaseGate();
      return () => locked[Symbol.dispose]();
    },
  },
  {
    at: "C12: all gates run once more at the end",
    left:
      "running; begun, bound, prompted, ended; begun, bound, prompted, ended; 2 made, 2 prompted, 2 ended",
    async hold(here) {
      const { goOn } = await here.agentWaits("US-002");
      goOn();
      await here.gateWaits();
      return here.releaseGate;
    },
  },
  {
    at: "C13: all has been done, and the session's end cannot be recorded",
    left:
      "running; begun, bound, prompted, ended; begun, bound, prompted, ended; 2 made, 2 prompted, 2 ended",
    async hold(here) {
      const { goOn } = await here.agentWaits("US-002");
      goOn();
      await here.gateWaits();
      const locked = here.lockDatabase();
      await here.releaseGate();
      return () => locked[Symbol.dispose]();
    },
  },
];

function onServer({ ledger }: FakeOpenCode): string {
  const count = (type: string) => ledger.filter((entry) => entry.type === type).length;
  return `${count("session_created")} made, ${count("prompt")} prompted, ` +
    `${count("turn_ended")} ended`;
}

async function ended(fake: FakeOpenCode): Promise<void> {
  await until(() => fake.ledger.some(({ type }) => type === "turn_ended"), {
    what: "the turn to end",
  });
}

/** Runs `body` with a fake server behind a port. */
async function withFake(body: (here: Here) => Promise<void>): Promise<void> {
  const waits = new Map<string, PromiseWithResolvers<{ goOn: () => void }>>();
  const fake = createFakeOpenCode({
    clock: systemClock,
    tools: hostTools,
    async script(request) {
      const { story } = assignment(request.prompt);
      const waiting = waits.get(story);
      waits.delete(story);
      if (waiting) await new Promise<void>((goOn) => waiting.resolve({ goOn }));
      return agent(request);
    },
  });
  await using server = await serveFake(fake);
  await using crash = await crashing(server.url);
  await body({
    ...crash,
    fake,
    withhold(on, when = "before") {
      const held = gate();
      fake.fault({ on, act: when === "before" ? held.act : afterEffect(held.act) });
      return held;
    },
    agentWaits(story) {
      const waiting = Promise.withResolvers<{ goOn: () => void }>();
      waits.set(story, waiting);
      return waiting.promise;
    },
  });
}

for (const { at, left, hold } of POINTS) {
  Deno.test(`killed at ${at}: the next \`ralph run\` goes on, and nothing is lost`, async () => {
    await withFake(async (here) => {
      const release = await here.killAt(hold(here));
      assert.equal(`${here.onRecord()}; ${onServer(here.fake)}`, left);
      await release?.();
      const { startedAt } = await here.finish();
      await here.check(await recordOfFake(here.fake, here.project.root));
      const next = here.fake.ledger.find(({ type, at }) => type === "prompt" && at > startedAt);
      console.log(`${at}: next prompt after ${next ? `${next.at - startedAt} ms` : "none"}`);
    });
  });
}
