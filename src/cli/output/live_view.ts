/** The foreground run in a terminal: lines that stay, and below them a block that moves. */
import type { Clock } from "../../clock.ts";
import type { LoopEvent } from "../../loop/event.ts";
import { redraw } from "../../terminal/live.ts";
import { plain } from "../../terminal/plain.ts";
import { fit, underItself, width } from "../../terminal/table.ts";
import { eventLines, toolLine } from "../../worker/narration.ts";
import { PLAIN } from "../../terminal/colors.ts";
import { liveTotals } from "./live_totals.ts";
import type { Stream } from "./streams.ts";

/** Often enough for a clock that shows seconds, seldom enough to cost nothing. */
const REDRAW_MS = 200;

interface LiveView {
  show(event: LoopEvent): void;
  /** Puts a line of another's above the block. */
  say(line: string): void;
  close(): void;
}

/** Whether a terminal of this `TERM` moves its cursor: others get plain lines. */
export function movesCursor(term: string | undefined): boolean {
  return term !== undefined && term !== "" && term !== "dumb";
}

/** Draws into `stream`, which must be a terminal that moves its cursor. */
export function liveView(stream: Stream, clock: Clock): LiveView {
  /** Columns of each line of the block, as it was drawn. */
  let drawn: number[] = [];
  let above: string[] = [];
  let doing = "";
  let sessionSince: number | undefined;
  let iterationSince = 0;
  let cancel: (() => void) | undefined;
  const totals = liveTotals();

  const block = (): string[] => {
    if (sessionSince === undefined) return [];
    const now = clock.monotonic();
    const lines = [
      plain(doing),
      totals.iteration(now - iterationSince),
      totals.session(now - sessionSince),
    ];
    const columns = stream.width() - 1;
    return lines.filter((line) => line !== undefined && line !== "")
      .map((line) => fit(`  ${line}`, columns));
  };
  const draw = () => {
    cancel?.();
    cancel = undefined;
    const lines = block();
    // Where the terminal has become narrower, what was drawn takes more rows by now.
    const rows = drawn.reduce((sum, one) => sum + Math.max(1, Math.ceil(one / stream.width())), 0);
    const lasting = above.flatMap((line) => underItself(line, stream.width()));
    stream.write(redraw({ drawn: rows, above: lasting, block: lines.map(stream.colors.dim) }));
    drawn = lines.map(width);
    above = [];
    if (sessionSince !== undefined) cancel = clock.after(REDRAW_MS, draw);
  };

  return {
    show(event) {
      totals.take(event);
      if (event.type === "writing") doing = event.line;
      else if (event.type === "tool" && event.status === "running") doing = toolLine(event, PLAIN);
      else if (event.type !== "used") {
        if (event.type === "session_started") sessionSince = clock.monotonic();
        if (event.type === "iteration_started") {
          iterationSince = clock.monotonic();
          doing = "waiting for the agent";
        }
        if (event.type === "review_started") doing = `reviewing ${event.stories.join(", ")}`;
        if (event.type === "review" || event.type === "iteration_ended") doing = "";
        if (event.type === "session_ended") sessionSince = undefined;
        if (event.type === "activity") doing = event.text;
        above.push(...eventLines(event, stream.colors));
        draw();
      }
    },
    say(line) {
      above.push(line);
      draw();
    },
    close() {
      sessionSince = undefined;
      draw();
    },
  };
}
