/** The foreground run in a terminal: lines that stay, and below them a block that moves. */
import type { Clock } from "../../clock.ts";
import type { LoopEvent } from "../../loop/event.ts";
import { count, duration, usd } from "../../terminal/format.ts";
import { redraw } from "../../terminal/live.ts";
import { plain } from "../../terminal/plain.ts";
import { fit } from "../../terminal/table.ts";
import { eventLines, toolLine } from "../../worker/narration.ts";
import { PLAIN } from "../../terminal/colors.ts";
import type { Stream } from "./streams.ts";

/** Often enough for a clock that shows seconds, seldom enough to cost nothing. */
const REDRAW_MS = 200;

interface LiveView {
  show(event: LoopEvent): void;
  close(): void;
}

/** Draws into `stream`, which must be a terminal. */
export function liveView(stream: Stream, clock: Clock): LiveView {
  let drawn = 0;
  let above: string[] = [];
  let doing = "";
  let used = "";
  let iterationSince: number | undefined;
  let cancel: (() => void) | undefined;

  const block = (): string[] => {
    if (iterationSince === undefined) return [];
    const columns = stream.width() - 1;
    const time = duration(clock.monotonic() - iterationSince);
    return [
      stream.colors.dim(fit(`  ${plain(doing)}`, columns)),
      stream.colors.dim(fit(`  ${[time, used].filter(Boolean).join(" · ")}`, columns)),
    ];
  };
  const draw = () => {
    cancel?.();
    cancel = undefined;
    const lines = block();
    stream.write(redraw({ drawn, above, block: lines }));
    drawn = lines.length;
    above = [];
    if (iterationSince !== undefined) cancel = clock.after(REDRAW_MS, draw);
  };

  return {
    show(event) {
      if (event.type === "writing") doing = event.line;
      else if (event.type === "used") {
        used = `${count(event.modelCalls)} model calls · ${count(event.tokens)} tokens · ` +
          usd(event.costUsd > 0 ? event.costUsd : undefined);
      } else if (event.type === "tool" && event.status === "running") {
        doing = toolLine(event, PLAIN);
      } else {
        if (event.type === "iteration_started") {
          iterationSince = clock.monotonic();
          doing = "waiting for the agent";
          used = "";
        }
        if (event.type === "iteration_ended") iterationSince = undefined;
        if (event.type === "activity") doing = event.text;
        above.push(...eventLines(event, stream.colors));
        draw();
      }
    },
    close() {
      iterationSince = undefined;
      draw();
    },
  };
}
