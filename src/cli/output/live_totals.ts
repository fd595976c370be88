/** What the live view tells of the whole session, from its events. Pure but for what it remembers. */
import type { LoopEvent } from "../../loop/event.ts";
import type { Usage } from "../../store/model.ts";
import { bar } from "../../terminal/bar.ts";
import { shortCost } from "../../terminal/cost.ts";
import { duration, plural, usd } from "../../terminal/format.ts";

type Of<Type extends LoopEvent["type"]> = Extract<LoopEvent, { type: Type }>;

interface LiveTotals {
  take(event: LoopEvent): void;
  /** Of the iteration under way, after `ms`; undefined outside of one. */
  iteration(ms: number): string | undefined;
  /** Of the session, whose worker has worked for `ms`. */
  session(ms: number): string;
}

export function liveTotals(): LiveTotals {
  let stories: { passing: number; total: number } | undefined;
  let now: Of<"used"> | undefined;
  let isUnderWay = false;
  let number = 0;
  let maxCostUsd: number | undefined;
  let workedBeforeMs = 0;
  const ended: (Usage | null)[] = [];

  return {
    take(event) {
      switch (event.type) {
        case "session_started":
          maxCostUsd = event.maxCostUsd;
          workedBeforeMs = event.before?.workedMs ?? 0;
          if (event.before) ended.push(event.before.usage);
          break;
        case "iteration_started": {
          const { storiesOpen, storiesTotal: total } = event;
          stories = { passing: total - storiesOpen, total };
          number = event.number;
          isUnderWay = true;
          now = undefined;
          break;
        }
        case "used":
          now = event;
          break;
        case "iteration_ended":
          if (stories) stories.passing += event.storiesPassed.length;
          ended.push(event.usage);
          isUnderWay = false;
          now = undefined;
      }
    },

    iteration(ms) {
      if (!isUnderWay) return undefined;
      const used = now &&
        [
          plural(now.modelCalls, "model call"),
          plural(now.tokens, "token"),
          usd(now.costUsd > 0 ? now.costUsd : undefined),
        ];
      return [`iteration ${number}`, duration(ms), ...used ?? []].join(" · ");
    },

    session(ms) {
      return [
        ...stories
          ? [
            `${bar(stories.passing, stories.total)} ${stories.passing}/${
              plural(stories.total, "story")
            }`,
          ]
          : [],
        `${duration(workedBeforeMs + ms)} in all`,
        shortCost(costSoFar(ended, now?.costUsd ?? 0), maxCostUsd),
      ].join(" · ");
    },
  };
}

/** What the iterations that ended have cost, and the one under way as far as the server quotes it. */
function costSoFar(ended: readonly (Usage | null)[], nowUsd: number) {
  const sum = (of: "costUsd" | "derivedCostUsd" | "unpricedCalls") =>
    ended.reduce((all, usage) => all + (usage?.[of] ?? 0), 0);
  return {
    costUsd: sum("costUsd") + nowUsd,
    derivedCostUsd: sum("derivedCostUsd"),
    unpricedCalls: sum("unpricedCalls") + (ended.includes(null) ? 1 : 0),
  };
}
