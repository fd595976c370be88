/**
 * Makes a picture of what a terminal shows: reads what a program has sent to it, and prints an SVG that can
 * be read on a light page and on a dark one.
 *
 *     script -qec 'stty cols 100 rows 24; exec timeout -s KILL 8 ralph watch' /dev/null |
 *       deno run -A tools/screen_svg.ts 100 24 > docs/watch.svg
 */
import xterm, { type IBufferCell } from "@xterm/headless";

const CELL = { width: 8.4, height: 18 };
const PADDING = 14;

/** Each for a light page, and for a dark one; the colours of a terminal by their number. */
const COLORS: Readonly<Record<string, readonly [light: string, dark: string]>> = {
  page: ["#ffffff", "#16181d"],
  text: ["#24292f", "#d7dae0"],
  c1: ["#b42318", "#ff7b72"],
  c2: ["#116329", "#56d364"],
  c3: ["#7d4e00", "#e3b341"],
  c6: ["#0b6b78", "#56d4dd"],
};

const [columns, rows] = Deno.args.map(Number);
const terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
const sent = new Uint8Array(await new Response(Deno.stdin.readable).arrayBuffer());
await new Promise<void>((resolve) => terminal.write(sent, resolve));
console.log(picture());

function picture(): string {
  const width = columns * CELL.width + 2 * PADDING;
  const height = rows * CELL.height + 2 * PADDING;
  const lines = Array.from({ length: rows }, (_, row) => runsOf(row).map(drawn(row)).join(""));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}">
<style>${css(0)} @media (prefers-color-scheme: dark) { ${css(1)} }
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre }
.bold { font-weight: bold } .dim { opacity: .65 }</style>
<rect class="page" width="100%" height="100%" rx="8"/>
${lines.filter((line) => line !== "").join("\n")}
</svg>`;
}

function css(page: 0 | 1): string {
  return Object.entries(COLORS).map(([name, colors]) => `.${name} { fill: ${colors[page]} }`)
    .join(" ");
}

interface Run {
  text: string;
  column: number;
  classes: string;
  isInverse: boolean;
}

/** Neighbours that look alike, as one. */
function runsOf(row: number): readonly Run[] {
  const line = terminal.buffer.active.getLine(terminal.buffer.active.baseY + row);
  const runs: Run[] = [];
  for (let column = 0; column < columns; column++) {
    const cell = line?.getCell(column);
    if (!cell || cell.getWidth() === 0) continue;
    const classes = classesOf(cell);
    const isInverse = cell.isInverse() !== 0;
    const last = runs.at(-1);
    const text = cell.getChars() || " ";
    if (last?.classes === classes && last.isInverse === isInverse) last.text += text;
    else runs.push({ text, column, classes, isInverse });
  }
  return runs;
}

function classesOf(cell: IBufferCell): string {
  const color = cell.isFgPalette() ? `c${cell.getFgColor()}` : "text";
  return [
    color in COLORS ? color : "text",
    ...cell.isBold() ? ["bold"] : [],
    ...cell.isDim() ? ["dim"] : [],
  ].join(" ");
}

function drawn(row: number): (run: Run) => string {
  return ({ text, column, classes, isInverse }) => {
    const x = (PADDING + column * CELL.width).toFixed(1);
    const top = PADDING + row * CELL.height;
    const shown = isInverse ? text : text.trimEnd();
    const width = ([...shown].length * CELL.width).toFixed(1);
    const box = isInverse
      ? `<rect class="text" x="${x}" y="${top}" width="${width}" height="${CELL.height}"/>`
      : "";
    if (text.trim() === "") return box;
    const escaped = shown.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
    return `${box}<text class="${isInverse ? "page" : classes}" x="${x}" y="${top + 13}" ` +
      `textLength="${width}">${escaped}</text>`;
  };
}
