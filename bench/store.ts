/** The commands that read, with many sessions on record, and ten iterations of each. */
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { migrations } from "../tests/support/migrations.ts";
import { openStore } from "../src/store/store.ts";
import { makeProject } from "../tests/support/project.ts";
import { compareTimes, compileEmpty, ralphBinary } from "./start.ts";

const ITERATIONS = 10;
const TASKS = 10;

export async function benchStore(
  { starts, sessions }: { starts: number; sessions: number },
): Promise<void> {
  const home = await Deno.makeTempDir({ prefix: "ralph-bench-" });
  try {
    const files: Record<string, string> = {};
    for (let task = 0; task < TASKS; task++) {
      files[`tasks/task-${task}/prd.md`] = "# PRD\n\n### US-001: One\n\n- [ ] done\n";
    }
    await using project = await makeProject({ files });
    fill(home, project.root, sessions);
    const empty = await compileEmpty(home);
    const binary = await ralphBinary();
    console.log(`store, ${sessions} sessions, ${sessions * ITERATIONS} iterations, wall time`);
    await compareTimes(empty, {
      starts,
      cwd: project.root,
      env: { HOME: home },
      commands: {
        "status": [binary, "status", "--json"],
        "status task": [binary, "status", "task-7"],
        "tasks": [binary, "tasks"],
        "completion": [binary, "__complete", "--", "stop", ""],
        "history": [binary, "history", "task-7"],
      },
    });
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

function fill(home: string, root: string, sessions: number): void {
  const path = join(home, ".local/share/ralph/sessions.db");
  Deno.mkdirSync(join(path, ".."), { recursive: true });
  openStore({ path, migrations, now: () => 0 }).close();
  const database = new DatabaseSync(path);
  database.exec("PRAGMA synchronous = OFF; BEGIN");
  const session = database.prepare(
    `INSERT INTO sessions (task_name, task_dir, project_root, status, reason, detail, max_iterations,
        server_url, server_port, started_at, updated_at, ended_at)
      VALUES (?, ?, ?, 'completed', 'all_stories_pass', 'all stories pass', 10,
        'http://127.0.0.1:14096', 14096, ?, ?, ?)`,
  );
  const iteration = database.prepare(
    `INSERT INTO iterations (session_id, number, story_id, opencode_title, opencode_session_id,
        outcome, input_tokens, output_tokens, reasoning_tokens, cache_read_tokens,
        cache_write_tokens, cost_usd, model_calls, started_at, ended_at)
      VALUES (?, ?, 'US-001', 'title', 'ses_x', 'advanced', 1, 1, 1, 1, 1, 0.1, 1, ?, ?)`,
  );
  for (let id = 1; id <= sessions; id++) {
    const time = new Date(id * 60_000).toISOString();
    const name = `task-${id % TASKS}`;
    session.run(name, join(root, "tasks", name), root, time, time, time);
    for (let number = 1; number <= ITERATIONS; number++) iteration.run(id, number, time, time);
  }
  database.exec("COMMIT");
  database.close();
}
