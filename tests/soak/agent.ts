/** The agent of a simulated night: each turn is another one, drawn at random. */
import { join } from "node:path";
import { type Clock, sleep } from "../../src/clock.ts";
import type { FakeScript } from "../support/fake_script.ts";
import type { Tools } from "../support/fake_tools.ts";
import {
  call,
  cutOff,
  hang,
  hangBeforeHeaders,
  httpError,
  malformed,
  type Reply,
  say,
  slow,
} from "../support/scripted_model.ts";
import { type NightProject, PRD } from "./project.ts";
import type { Random } from "./random.ts";

const MINUTE = 60_000;

/** How likely each kind of turn is. */
const CHARACTERS = {
  works: 40,
  works_without_claim: 8,
  lies: 8,
  breaks_prd: 8,
  does_nothing: 6,
  asks: 5,
  delegates: 6,
  works_in_many_steps: 4,
  works_after_rate_limit: 4,
  works_for_hours: 3,
  is_blocked: 1,
  hangs: 3,
  breaks_off: 2,
  runs_away: 0.5,
  is_refused: 3,
  loops: 2,
};

type Character = keyof typeof CHARACTERS;

export interface NightAgent {
  readonly script: FakeScript;
  readonly tools: Tools;
  /** What it wrote last, by path, the PRD aside. */
  readonly written: ReadonlyMap<string, string>;
  /** How many turns of each kind there were. */
  readonly turns: Readonly<Partial<Record<Character, number>>>;
}

/** An agent whose turns `random` draws; its tools work in `project`. */
export function createAgent(
  project: NightProject,
  { random, clock, note }: { random: Random; clock: Clock; note: (text: string) => void },
): NightAgent {
  const plans = new Map<string, Reply[]>();
  const written = new Map<string, string>();
  let made = 0;
  const turns: Partial<Record<Character, number>> = {};

  function planFor(prompt: string): Reply[] {
    const character = random.weighted(CHARACTERS);
    const story = /^# (US-\d+):/m.exec(prompt)?.[1] ?? "US-001";
    turns[character] = (turns[character] ?? 0) + 1;
    note(`agent: ${character} ${story}`);
    return plan(character, story, random).map((reply) =>
      later(random.between(1_000, 4 * MINUTE), reply)
    );
  }

  return {
    turns,
    written,
    script({ prompt, sessionId, rootSessionId, step }) {
      if (sessionId !== rootSessionId) {
        const work = step === 0 && random.chance(0.7) ? call(use("look", {})) : say("as you wish");
        return later(random.between(1_000, 2 * MINUTE), work);
      }
      const mine = plans.get(rootSessionId) ?? planFor(prompt);
      plans.set(rootSessionId, mine);
      return mine.shift() ?? say("that is all");
    },
    tools: {
      make({ story }, { directory }) {
        const file = `work/${story}.txt`;
        const text = `${story} is done, ${++made}\n`;
        project.write(file, text);
        written.set(join(directory, file), text);
        return "made";
      },
      claim: ({ story }) =>
        editPrd(project, (prd) => {
          for (const each of prd.userStories) if (each.id === story) each.passes = true;
        }),
      damage: ({ how }) => damage(project, String(how)),
      look: () => project.read(PRD) ?? "there is none",
      async wait({ ms }, { signal }) {
        await sleep(clock, Number(ms), signal);
        return "waited";
      },
    },
  };
}

function plan(character: Character, story: string, random: Random): Reply[] {
  const make = call(use("make", { story }));
  const claim = call(use("claim", { story }));
  const promise = say("All is done.\n\n<promise>COMPLETE</promise>");
  const work = [make, claim, random.chance(0.3) ? promise : say("done")];
  switch (character) {
    case "works":
      return work;
    case "works_without_claim":
      return [make, say("a good part is done")];
    case "lies":
      return [claim, promise];
    case "breaks_prd":
      return [
        call(use("damage", { how: random.pick(DAMAGES) })),
        ...random.chance(0.5) ? work : [],
      ];
    case "does_nothing":
      return [say("I looked at it."), ...random.chance(0.5) ? [promise] : []];
    case "asks":
      // the third call of its kind in a row asks for leave
      return [call(...Array.from({ length: 3 }, () => use("look", {}))), ...work];
    case "delegates":
      return [
        call(use("task", { description: "help", subagent_type: "general", prompt: "help" })),
        ...work,
      ];
    case "works_in_many_steps":
      return [
        ...Array.from({ length: random.between(5, 40) }, (_, n) => call(use("look", { n }))),
        ...work,
      ];
    case "works_after_rate_limit": {
      const seconds = random.pick([5, 300, 3_600, 5 * 3_600, 9 * 3_600]);
      return [
        httpError(429, { error: { message: "too many requests" } }, {
          "retry-after": `${seconds}`,
        }),
        ...work,
      ];
    }
    case "works_for_hours":
      return [
        ...Array.from(
          { length: 6 },
          () => call(use("wait", { ms: random.between(1, 25) * MINUTE })),
        ),
        ...work,
      ];
    case "is_blocked":
      return [say("<blocked>I need a key.</blocked>")];
    case "hangs":
      return [random.pick([hang(), hangBeforeHeaders(), slow({ chunks: 500, everyMs: 30_000 })])];
    case "breaks_off":
      return [random.pick([cutOff(), malformed()]), ...work];
    case "runs_away":
      return Array.from({ length: 400 }, (_, n) => call(use("look", { n })));
    case "is_refused":
      return [httpError(random.pick([400, 401, 403, 500, 529])), ...work];
    case "loops":
      return Array.from({ length: 8 }, () => cutOff());
  }
}

const DAMAGES = ["garbage", "truncated", "deleted", "a_folder", "shrunk", "all_pass", "emptied"];

interface PrdJson {
  userStories: { id: string; passes: boolean }[];
}

function damage(project: NightProject, how: string): string {
  const text = project.read(PRD) ?? "";
  switch (how) {
    case "garbage":
      project.write(PRD, "{ this is no JSON");
      break;
    case "truncated":
      project.write(PRD, text.slice(0, text.length / 2));
      break;
    case "emptied":
      project.write(PRD, "");
      break;
    case "deleted":
      project.remove(PRD);
      break;
    case "a_folder":
      project.remove(PRD);
      project.write(`${PRD}/file`, "");
      break;
    case "shrunk":
      return editPrd(project, (prd) => prd.userStories.splice(1));
    case "all_pass":
      return editPrd(project, (prd) => prd.userStories.forEach((story) => story.passes = true));
  }
  return how;
}

function editPrd(project: NightProject, edit: (prd: PrdJson) => void): string {
  const prd: PrdJson = JSON.parse(project.read(PRD) ?? "");
  edit(prd);
  project.write(PRD, JSON.stringify(prd, null, 2));
  return "edited";
}

const use = (name: string, input: Readonly<Record<string, unknown>>) => ({ name, input });

/** The same answer, after the model has thought for a while. */
function later(ms: number, reply: Reply): Reply {
  return reply.kind === "stream" ? { ...reply, steps: [{ waitMs: ms }, ...reply.steps] } : reply;
}
