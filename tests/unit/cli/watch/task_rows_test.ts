import assert from "node:assert/strict";
import { elapsed, statusStyle } from "../../../../src/cli/watch/task_rows.ts";
import type { TaskView } from "../../../../src/cli/watch/model.ts";
import { ACTIVITY_KINDS, type ActivityKind, type Session } from "../../../../src/store/model.ts";

Deno.test("the time of a session is what it has worked, without its pauses", () => {
  const now = Date.parse("2026-11-30T12:00:00Z");
  const at = (secondsAgo: number) => new Date(now - secondsAgo * 1_000).toISOString();
  const taken = (session: Partial<Session>, workedMs?: number) =>
    elapsed({ session, workedMs, live: true } as TaskView, now);
  const running = { status: "running", startedAt: at(600), updatedAt: at(5) } as const;
  assert.equal(taken(running, 40_000), "40s");
  assert.equal(taken(running), "10m", "of an earlier version");
  const ended = {
    status: "completed",
    startedAt: at(600),
    updatedAt: at(5),
    endedAt: at(5),
  } as const;
  assert.equal(taken(ended, 40_000), "40s");
});

Deno.test("the colours are those of `ralph status`: green is done, yellow waits", () => {
  const session = (status: string, activityKind: ActivityKind | null = null) =>
    ({ session: { status, activityKind }, live: true }) as TaskView;
  const styles: readonly (readonly [TaskView, string | undefined])[] = [
    [session("running"), "cyan"],
    ...ACTIVITY_KINDS.map((kind) => [session("running", kind), "yellow"] as const),
    [{ ...session("running"), live: false }, "red"],
    [session("completed"), "green"],
    [session("stopped"), "yellow"],
    [session("checkpointed"), "yellow"],
    [session("failed"), "red"],
    [{ ...session("completed"), queued: "is next" }, "yellow"],
    [{ ...session("failed"), starting: { doing: "git", since: 0 } }, "yellow"],
    [{ live: false } as TaskView, undefined],
  ];
  for (const [task, style] of styles) assert.equal(statusStyle(task), style, JSON.stringify(task));
});
