/**
 * Which tests belong to which suite. A file that is not named here is in `deno task test`; what is
 * named here takes too long for it, and runs in `deno task test:all`.
 */

/** Files and folders below `tests/` that only `test:all` runs. */
export const LONG: readonly string[] = [
  // Each bench once; compiles the program.
  "bench/",
  // Units of a systemd in namespaces.
  "systemd/",
  // A cluster, with four servers.
  "deploy/slurm_test.ts",
  // Every scenario; `completion_test.ts` has a few.
  "completion/all_scenarios_test.ts",
  // Once more; `demo_test.ts` has it from a PRD.
  "demo/demo_more_test.ts",
  // Virtual hours and every byte of a stream, which take minutes to calculate.
  "reliability/model_nights_test.ts",
  "reliability/server_answers_test.ts",
  "reliability/server_events_test.ts",
  // Killed, suspended and locked out: processes, servers and disks as they are.
  "e2e/bad_input_test.ts",
  "e2e/changes_test.ts",
  "e2e/clean_server_test.ts",
  "e2e/completions_test.ts",
  "e2e/doctor_test.ts",
  "e2e/edit_test.ts",
  "e2e/errors_test.ts",
  "e2e/hooks_test.ts",
  "e2e/hostile_repository_test.ts",
  "e2e/interrupted_run_test.ts",
  "e2e/moved_state_test.ts",
  "e2e/npm_test.ts",
  "e2e/only_test.ts",
  "e2e/opencode2_test.ts",
  "e2e/parallel_test.ts",
  "e2e/plan_test.ts",
  "e2e/questions_test.ts",
  "e2e/queue_test.ts",
  "e2e/recipes_test.ts",
  "e2e/report_page_test.ts",
  "e2e/run_test.ts",
  "e2e/say_test.ts",
  "e2e/sessions_test.ts",
  "e2e/shared_machine_test.ts",
  "e2e/telemetry_test.ts",
  "e2e/upgrade_program_test.ts",
  "e2e/upgrade_test.ts",
  "e2e/verification_test.ts",
  "e2e/worktrees_test.ts",
  "e2e/watch_test.ts",
  "reliability/concurrency_test.ts",
  "reliability/crash_points_others_test.ts",
  "reliability/crash_process_test.ts",
  "reliability/crash_queue_test.ts",
  "reliability/crash_recovery_test.ts",
  "reliability/crash_review_test.ts",
  "reliability/crash_server_test.ts",
  "reliability/crash_words_test.ts",
  "reliability/database_damage_test.ts",
  "reliability/database_gone_test.ts",
  "reliability/database_killed_test.ts",
  "reliability/database_locked_test.ts",
  "reliability/disk_full_test.ts",
  "reliability/disk_log_test.ts",
  "reliability/disk_refuses_test.ts",
  "reliability/first_runs_test.ts",
  "reliability/identity_test.ts",
  "reliability/input_test.ts",
  "reliability/kept_files_test.ts",
  "reliability/many_sessions_test.ts",
  "reliability/model_trouble_test.ts",
  "reliability/opencode2_test.ts",
  "reliability/parallel_queue_test.ts",
  "reliability/review_test.ts",
  "reliability/queue_test.ts",
  "reliability/server_prompt_test.ts",
  "reliability/server_real_test.ts",
  "reliability/server_trouble_test.ts",
  "reliability/stop_test.ts",
  "reliability/stop_worker_test.ts",
  "reliability/time_test.ts",
  "reliability/versions_test.ts",
  "reliability/workspace_test.ts",
  // Hours of simulated nights.
  "soak/soak_test.ts",
  // What the tests themselves stand on, with real servers.
  "support/",
  // Dozens of processes that take over the predecessor's database.
  "unit/store/legacy_import_test.ts",
];

/**
 * Files of `deno task test` with tests on a server of each supported version, real and fake. Their
 * name ends with the version; `deno task test` takes those of the newest.
 */
export const ON_EACH_VERSION: readonly string[] = [
  "contract/",
];

/**
 * Files whose worlds (`reliability/world.ts`) say nothing of the fake server's version: `test:all` runs
 * them on the second generation too. Requests that a test meets are in `reliability/fake_requests.ts`.
 */
export const ON_BOTH_FAKES: readonly string[] = [
  "reliability/before_the_first_turn_test.ts",
  "reliability/crash_recovery_test.ts",
  "reliability/database_gone_test.ts",
  "reliability/kept_files_test.ts",
  "reliability/nothing_lost_test.ts",
  "reliability/person_edits_test.ts",
  "reliability/prd_gone_test.ts",
  "reliability/recovery_test.ts",
  "reliability/server_prompt_test.ts",
  "reliability/time_test.ts",
];

/**
 * What `deno test` gets as one module: it shares the code that it loads, and the servers of the
 * contract. As modules of their own the unit tests took 156 s of CPU, as one 97 s (measured). Both are
 * two, so that neither is at work alone in the end. A file is in the first that has it.
 */
export const AS_ONE: readonly (readonly string[])[] = [
  [
    "contract/abort_test.ts",
    "contract/asking_test.ts",
    "contract/background_test.ts",
    "contract/turn_test.ts",
  ],
  [
    "contract/fake_test.ts",
    "contract/only_look_test.ts",
    "contract/scoping_test.ts",
    "contract/server_trouble_test.ts",
  ],
  ["unit/cli/", "unit/store/"],
  ["unit/"],
];

/** What the compiled program is tested by. */
export const OF_THE_BINARY: readonly string[] = [
  "e2e/",
  "systemd/doctor_test.ts",
  "systemd/worker_test.ts",
  "reliability/concurrency_test.ts",
  "reliability/identity_test.ts",
];
