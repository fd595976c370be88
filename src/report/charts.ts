/** The charts of a report, as SVG: its text is text, and its colours are those of the page. Pure. */
// @ts-types="@types/d3-scale"
import { scaleBand, scaleLinear, scaleUtc } from "d3-scale";
// @ts-types="@types/d3-shape"
import { area, curveStepAfter, line } from "d3-shape";
import type { BurnDown } from "./burn_down.ts";
import { type Html, markup } from "./markup.ts";
import type { Round } from "./model.ts";
import { plural } from "../terminal/plural.ts";

/** In units of the drawing; half of a page's width shows one for one. */
const WIDTH = 480;
const HEIGHT = 220;
const LEFT = 58;
const RIGHT = WIDTH - 12;
const TOP = 12;
const BOTTOM = HEIGHT - 40;
/** Signs under narrower bars would run into one another. */
const SIGNS_MAX = 24;
/** Numbers of iterations along the axis. */
const LABELS_MAX = 12;
/** One iteration alone would be a wall. */
const BAR_MAX = 44;

interface Scale {
  (value: number): number;
  ticks(count?: number): number[];
}

/** `name`: unique in the page. `words`: what it shows, for who does not see it. */
function figure(
  { name, title, words }: { name: string; title: string; words: string },
  drawn: Html,
) {
  return markup`<figure>
<figcaption id="${name}">${title}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="${name} ${name}-words">
<desc id="${name}-words">${words}</desc>
${drawn}</svg>
</figure>
`;
}

function leftAxis(
  y: Scale,
  { ticks, words }: { ticks: readonly number[]; words: (tick: number) => string },
): Html[] {
  return ticks.map((tick) => {
    const height = at(y(tick));
    return markup`<line class="grid" x1="${LEFT}" x2="${RIGHT}" y1="${height}" y2="${height}"/>
<text x="${LEFT - 8}" y="${at(height + 4)}" text-anchor="end">${words(tick)}</text>
`;
  });
}

/**
 * A step line of the open stories over the time in which sessions ran. The pauses between them, which
 * may be days, are gaps of one width.
 */
export function burnDownChart({ points, spans, total }: BurnDown): Html {
  const ran = inOrder(spans);
  const x = runningTime(ran);
  const y = scaleLinear([0, total], [BOTTOM, TOP]);
  const placed = points.map(({ at, open }): [number, number] => [at, open]);
  const path = line<[number, number]>(([at]) => x(at), ([, open]) => y(open)).digits(1)
    .curve(curveStepAfter);
  const below = area<[number, number]>(([at]) => x(at), y(0), ([, open]) => y(open)).digits(1)
    .curve(curveStepAfter);
  const whole = y.ticks(5).filter(Number.isInteger);
  const last = points[points.length - 1].open;
  return figure(
    {
      name: "burn-down",
      title: "Stories that are open, over time",
      words: `From ${points[0].open} to ${last} of ${plural(total, "story")}.`,
    },
    markup`${ran.map(({ from, to }) => span(x(from), x(to)))}${
      leftAxis(y, { ticks: whole, words: String })
    }<path class="below" d="${below(placed)}"/>
<path class="line" d="${path(placed)}"/>
${timeAxis(x, ran)}`,
  );
}

type Spans = BurnDown["spans"];

/** One after the other, whatever the machine's clock was set to, and none of no length. */
function inOrder(spans: Spans): Spans {
  let end = -Infinity;
  return spans.map(({ from, to }) => {
    const begin = Math.max(from, end + 1);
    end = Math.max(to, begin + 1_000);
    return { from: begin, to: end };
  });
}

/** Between sessions; narrower where many would take all the room. */
const GAP = 14;

function runningTime(spans: Spans) {
  const width = RIGHT - LEFT;
  const gap = spans.length < 2 ? 0 : Math.min(GAP, width * 0.2 / (spans.length - 1));
  const all = spans.reduce((sum, { from, to }) => sum + to - from, 0);
  const room = width - gap * (spans.length - 1);
  let place = LEFT;
  const places = spans.flatMap(({ from, to }, i) => {
    const begin = place + (i > 0 ? gap : 0);
    place = begin + room * (to - from) / all;
    return [begin, place];
  });
  return scaleUtc(spans.flatMap(({ from, to }) => [from, to]), places).clamp(true);
}

/** A moment can be seen, too. */
const SPAN_MIN = 2;

function span(from: number, to: number): Html {
  const width = at(Math.max(SPAN_MIN, to - from));
  return markup`<rect class="span" x="${at(from)}" y="${TOP}" width="${width}" height="${
    BOTTOM - TOP
  }"/>
`;
}

const DAY_MS = 24 * 3_600_000;
/** Of one letter of a label, about. */
const LETTER = 7;

/** Times of day in one session, and when each of several began: as many as have room. */
function timeAxis(x: ReturnType<typeof runningTime>, spans: Spans): Html[] {
  const lengthMs = spans[spans.length - 1].to - spans[0].from;
  const isOne = spans.length === 1 && lengthMs <= DAY_MS;
  const times = isOne ? x.ticks(4) : spans.map(({ from }) => new Date(from));
  let end = -Infinity;
  return times.flatMap((time) => {
    const iso = time.toISOString();
    const ofDay = lengthMs > 5 * 60_000 ? iso.slice(11, 16) : iso.slice(11, 19);
    const words = isOne ? ofDay : iso.slice(5, 16).replace("T", " ");
    const width = words.length * LETTER;
    const begin = Math.min(Math.max(x(time) - width / 2, LEFT), RIGHT - width);
    if (begin < end + 2 * LETTER) return [];
    end = begin + width;
    return [
      markup`<text x="${at(begin + width / 2)}" y="${
        BOTTOM + 18
      }" text-anchor="middle">${words}</text>
`,
    ];
  });
}

interface BarChart {
  name: string;
  title: string;
  value: (round: Round) => number | undefined;
  /** What one of the axis stands for: its values are divided by it. */
  unit: (max: number) => { size: number; words: (value: number) => string };
  /** A value as it is told of its bar. */
  words: (value: number) => string;
}

/** A bar for each iteration, in the colour of how it stands, with the sign of that. */
export function barChart(rounds: readonly Round[], chart: BarChart): Html {
  const keys = rounds.map(({ key }) => key);
  const x = scaleBand(keys, [LEFT, RIGHT]).paddingInner(0.25).paddingOuter(0.1);
  const values = rounds.map(chart.value);
  const max = Math.max(0, ...values.map((value) => value ?? 0));
  const { size, words } = chart.unit(max);
  const y = scaleLinear([0, max / size || 1], [BOTTOM, TOP]).nice(4);
  const every = Math.ceil(rounds.length / LABELS_MAX);
  const width = Math.min(x.bandwidth(), BAR_MAX);
  const center = (key: string) => (x(key) ?? 0) + x.bandwidth() / 2;
  const middle = (key: string) => at(center(key));
  const known = values.filter((value) => value !== undefined);
  return figure(
    {
      name: chart.name,
      title: chart.title,
      words: known.length === 0
        ? "Not known of any iteration."
        : `${plural(rounds.length, "iteration")}, ${chart.words(max)} at most.`,
    },
    markup`${leftAxis(y, { ticks: y.ticks(4), words })}${
      rounds.map((round, i) => {
        const value = values[i];
        const top = y((value ?? 0) / size);
        const told = value === undefined ? "unknown" : chart.words(value);
        return markup`${bar(round, { left: center(round.key) - width / 2, width, top, told })}${
          value === undefined ? label("?", { x: middle(round.key), y: BOTTOM - 4 }) : null
        }${
          rounds.length > SIGNS_MAX ? null : label(round.standing.sign, {
            x: middle(round.key),
            y: BOTTOM + 16,
            tone: round.standing.tone,
          })
        }${
          i % every > 0
            ? null
            : label(round.iteration.number, { x: middle(round.key), y: BOTTOM + 33 })
        }`;
      })
    }`,
  );
}

function bar(
  { standing, iteration }: Round,
  { left, width, top, told }: { left: number; width: number; top: number; told: string },
): Html {
  const { tone, word } = standing;
  return markup`<rect class="${tone}" x="${at(left)}" y="${at(top)}" width="${at(width)}" height="${
    at(BOTTOM - top)
  }"><title>${iteration.number}: ${told}, ${word}</title></rect>
`;
}

function label(
  text: string | number,
  { x, y, tone = "" }: { x: number; y: number; tone?: string },
): Html {
  return markup`<text class="${tone}" x="${x}" y="${y}" text-anchor="middle">${text}</text>
`;
}

/** A place in the drawing: a tenth of a unit is more than a screen shows. */
const at = (value: number) => Math.round(value * 10) / 10;
