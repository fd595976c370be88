/** What has changed between two looks, in words: for who reads it in a pipe. Pure. */
import { healthWords } from "./task_panel.ts";
import { isAtWork, type Model, storyCounts, type StoryView, type TaskView } from "./model.ts";

interface Change {
  /** Absent for what is no task's. */
  task?: TaskView;
  /** Not safe to print. */
  what: string;
}

/** `before`: undefined at the first look, which tells of what is at work. */
export function changes(before: Model | undefined, after: Model): readonly Change[] {
  const known = new Map(before?.tasks.map((task) => [task.taskDir, task]));
  return [
    ...after.tasks.flatMap((task) =>
      before || isAtWork(task)
        ? taskChanges(known.get(task.taskDir), task).map((what) => ({ task, what }))
        : []
    ),
    ...[...after.health].flatMap(([url, health]) => {
      const what = healthWords(url, health);
      const isNew = health.state !== "asked" && what !== healthWords(url, before?.health.get(url));
      return isNew ? [{ what: `server ${what}` }] : [];
    }),
    ...after.trouble !== undefined && after.trouble !== before?.trouble
      ? [{ what: after.trouble }]
      : [],
  ];
}

function taskChanges(before: TaskView | undefined, after: TaskView): string[] {
  const { session, starting, queued } = after;
  const same = before?.session?.id === session?.id ? before?.session : undefined;
  const isRunning = session?.status === "running";
  return [
    ...starting && starting.doing !== before?.starting?.doing
      ? [`starting: ${starting.doing}`]
      : [],
    ...queued !== undefined && queued !== before?.queued ? [`queued: ${queued}`] : [],
    ...session && isRunning && same?.status !== "running"
      ? [`session ${session.id} is running`]
      : [],
    ...storyChanges(before?.stories, after.stories),
    ...isRunning && session.iterations !== same?.iterations && session.iterations > 0
      ? [`iteration ${session.iterations}/${session.maxIterations ?? "?"}, ${session.currentStory}`]
      : [],
    ...isRunning && session.activity !== null && session.activity !== same?.activity
      ? [session.activity]
      : [],
    ...before?.live && isRunning && !after.live ? ["its worker is gone"] : [],
    ...session && !isRunning && before && same?.status !== session.status
      ? [[session.status, session.reason, session.detail].filter((word) => word).join(": ")]
      : [],
    ...after.problem !== undefined && after.problem !== before?.problem ? [after.problem] : [],
  ];
}

function storyChanges(
  before: readonly StoryView[] | undefined,
  after: readonly StoryView[] | undefined,
): string[] {
  if (!before || !after) return [];
  const was = new Map(before.map(({ id, state }) => [id, state]));
  const counts = storyCounts(after);
  const sum = `${counts.done}/${after.length - counts["left out"]}`;
  return after.flatMap(({ id, state }) => {
    if ((was.get(id) === "done") === (state === "done")) return [];
    return [`story ${id} ${state === "done" ? "done" : "open again"} (${sum})`];
  });
}
