/** A task with two sessions in which everything happens that a report tells of, and hostile words everywhere. */
import { openStore } from "../../src/store/store.ts";
import type { IterationEnd, Lease, Usage } from "../../src/store/model.ts";
import { type Home, START, WORKER } from "../reliability/home.ts";
import { migrations } from "./migrations.ts";

/** Ends what it may be in, runs a script in three ways, hides and turns around what follows. */
export const HOSTILE =
  `</style></title></pre><script>window.hit = 1</script><img src=x onerror="window.hit = 2">` +
  `"' onfocus='window.hit = 3' autofocus \`&lt;&#x1b;\x1b[31m\u202e<!--`;

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const BEGIN = Date.UTC(2026, 10, 20, 9, 58);

function usage(times: number): Usage {
  return {
    inputTokens: Math.round(8_000 * times),
    outputTokens: Math.round(1_400 * times),
    reasoningTokens: Math.round(300 * times),
    cacheReadTokens: Math.round(21_000 * times),
    cacheWriteTokens: 0,
    costUsd: 0.0412 * times,
    derivedCostUsd: 0,
    modelCalls: Math.round(9 * times),
    unpricedCalls: 0,
    uncountedCalls: 0,
  };
}

/** Writes it into the task `one` of a home; its repository has the commits. */
export async function writeHistory(home: Home): Promise<void> {
  const { project, database, task } = home;
  let now = BEGIN;
  home.open().close(); // makes its folders
  const store = openStore({ path: database, migrations, now: () => now });
  using stack = new DisposableStack();
  stack.defer(() => store.close());
  const stories = [1, 2, 3, 4, 5, 6].map((i) =>
    `### US-${i}: ${TITLES[i - 1]}\n\n- [${[4, 6].includes(i) ? " " : "x"}] done\n`
  );
  await project.write("tasks/one/prd.md", `# PRD\n\n${stories.join("\n")}`);

  async function commit(message: string, files: Readonly<Record<string, string>>) {
    for (const [name, text] of Object.entries(files)) await project.write(name, text);
    await project.git("add", "--all");
    await project.git("commit", "--quiet", "-m", message);
  }
  const head = () => project.git("rev-parse", "HEAD");
  async function iteration(
    lease: Lease,
    [number, story, minutes]: readonly [number: number, story: number, minutes: number],
    end: Omit<IterationEnd, "number" | "storiesPassed"> & { storiesPassed?: readonly string[] },
    work: () => Promise<void> = () => Promise.resolve(),
  ) {
    const headBefore = await head();
    store.beginIteration(lease, {
      number,
      storyId: `US-${story}`,
      storyTitle: TITLES[story - 1],
      openCodeTitle: `${lease.sessionId} ${number}`,
      headBefore,
    });
    store.setOpenCodeSession(lease, number, `ses_${number}`, { prompt: HOSTILE });
    await work();
    now += minutes * MINUTE;
    const headAfter = await head();
    const commits = headAfter === headBefore ? 0 : 1;
    const facts = { durationMs: minutes * MINUTE, headAfter, commits, filesChanged: commits * 2 };
    store.endIteration(lease, { number, storiesPassed: [], ...facts, ...end });
    now += 20_000;
  }
  const held = (story: number) => ({
    outcome: "advanced" as const,
    detail: `US-${story} passes`,
    storiesPassed: [`US-${story}`],
    claims: [{ storyId: `US-${story}`, held: true, why: null }],
    gates: [gate(true), gate(true, "deno lint")],
  });

  const first = store.startSession(task, { ...WORKER, model: HOSTILE }, START);
  store.recordFinalRun(first, { iteration: 0, gates: [gate(true)], notes: [], takenBack: [] });
  await iteration(
    first,
    [1, 1, 6.5],
    { ...held(1), usage: usage(1.4) },
    () =>
      commit("feat: US-1 - Merge equal items\n\nLists are never changed in place.", {
        "src/list.js": LIST,
        "tests/list_test.js": "// tests\n",
      }),
  );
  await iteration(first, [2, 2, 4], {
    outcome: "broke",
    detail: "passed before, fails now: deno test",
    claims: [{ storyId: "US-2", held: false, why: `the gate fails: ${HOSTILE}` }],
    gates: [gate(false), gate(true, "deno lint")],
    notes: [{ about: "tests", text: `1 test deleted: ${HOSTILE}` }],
    usage: usage(1),
  }, () => commit(HOSTILE, { [`src/<b>"'.js`]: `${HOSTILE}\n-- no name of a file\n` }));
  await iteration(
    first,
    [3, 2, 5.2],
    { ...held(2), usage: usage(1.2) },
    () =>
      commit("feat: US-2 - Total price", { "src/total.js": LIST, "src/list.js": "export {};\n" }),
  );
  await iteration(first, [4, 3, 0.4], {
    outcome: "error",
    detail: "APIError: the server is overloaded",
    refusal: { until: now + 5 * MINUTE, free: true },
  });
  await iteration(first, [5, 3, 15], {
    outcome: "timeout",
    detail: "nothing was heard of the agent for 15 minutes",
    usage: usage(3),
  });
  store.endSession(first, {
    status: "stopped",
    reason: "max_iterations",
    detail: "the limit of 5 iterations is reached with 3 of 6 stories open",
  });

  now = BEGIN + DAY;
  const second = store.startSession(task, WORKER, START);
  await iteration(
    second,
    [1, 3, 7],
    { ...held(3), usage: usage(1.1) },
    () => commit("feat: US-3 - Print the list", { "src/format.js": LIST }),
  );
  await iteration(
    second,
    [2, 4, 9],
    { ...held(4), usage: usage(2) },
    () => commit("feat: US-4 - Command line", { "main.js": LIST }),
  );
  await iteration(second, [3, 6, 3], {
    outcome: "worked",
    detail: "US-6 does not pass yet",
    usage: { ...usage(1), unpricedCalls: 3, uncountedCalls: 0 },
  });
  store.recordFinalRun(second, {
    iteration: 3,
    gates: [gate(false)],
    notes: [{ about: "git", text: "2 files are not committed" }],
    takenBack: [{ storyId: "US-4", why: "the gate `deno test` fails in a clean checkout" }],
  });
  store.endSession(second, { status: "failed", reason: "gates_fail", detail: HOSTILE });
}

const TITLES = ["Merge equal items", HOSTILE, "Print the list", "Command line", "Help", "Colours"];

const LIST = Array.from({ length: 12 }, (_, i) => `export const item${i} = ${i};\n`).join("");

function gate(passed: boolean, name = "deno test") {
  return {
    gate: name,
    passed,
    flaky: false,
    why: passed ? "exit code 0" : "exit code 1",
    output: passed ? "ok" : `the total is exact ... FAILED\n\n${HOSTILE}\n`,
    durationMs: 4_200,
  };
}
