/** How a report looks: on a screen, light and dark, from a phone's width up, and on paper. */
import { markup } from "./markup.ts";

export const STYLE = markup`
:root {
  color-scheme: light dark;
  --page: #ffffff; --card: #f5f7f9; --ink: #1b1f24; --muted: #57606a; --rule: #d5dae0;
  --good: #187034; --partly: #855600; --bad: #b4232c; --line: #1f5fbf; --span: #e9eef5;
  --added: #e3f4e7; --deleted: #fbe7e8;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #14171a; --card: #1c2126; --ink: #e4e8ec; --muted: #a0aab4; --rule: #343b43;
    --good: #5cc773; --partly: #e3b04b; --bad: #ff8a84; --line: #82b0ff; --span: #232a33;
    --added: #17301e; --deleted: #3a2022;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main { max-width: 66rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.2rem; }
h3 { margin: 1rem 0 .25rem; font-size: .95rem; }
p { margin: .35rem 0; overflow-wrap: anywhere; }
a { color: var(--line); }
.quiet { color: var(--muted); }
.good { color: var(--good); } .partly { color: var(--partly); } .bad { color: var(--bad); }
.open { color: var(--muted); }
.end { font-weight: 600; }
dl.sum {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(max(9.5rem, 22%), 1fr)); gap: .75rem;
  margin: 1.25rem 0 0;
}
dl.sum div {
  display: flex; flex-direction: column; padding: .7rem .85rem;
  border: 1px solid var(--rule); border-radius: .5rem; background: var(--card);
}
dl.sum dt { order: 1; font-size: .9rem; }
dl.sum dd { margin: 0; font-size: 1.3rem; font-weight: 600; line-height: 1.3; overflow-wrap: anywhere; }
dl.sum dd.more { order: 2; color: var(--muted); font-size: .8rem; font-weight: 400; }
.charts {
  display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr));
}
.charts + p { margin-top: .9rem; }
figure { margin: 0; padding: .75rem; border: 1px solid var(--rule); border-radius: .5rem; }
figcaption { margin-bottom: .35rem; font-size: .9rem; font-weight: 600; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--muted); font-size: 13px; }
svg text.good { fill: var(--good); } svg text.bad { fill: var(--bad); }
svg text.partly { fill: var(--partly); }
svg rect.good { fill: var(--good); } svg rect.bad { fill: var(--bad); }
svg rect.partly { fill: var(--partly); } svg rect.open { fill: var(--muted); }
svg .grid { stroke: var(--rule); }
svg .span { fill: var(--span); }
svg .line { fill: none; stroke: var(--line); stroke-width: 2.5; }
svg .below { fill: var(--line); opacity: .14; }
.scroll { overflow-x: auto; }
table { width: 100%; min-width: 34rem; border-collapse: collapse; font-size: .93rem; }
th, td { padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--rule); text-align: left;
  vertical-align: top; overflow-wrap: anywhere; }
th { color: var(--muted); font-size: .85rem; font-weight: 600; white-space: nowrap; }
.short { white-space: nowrap; }
.words { min-width: 9rem; }
td { font-variant-numeric: tabular-nums; }
details.row { border: 1px solid var(--rule); border-bottom-width: 0; }
details.row:first-of-type { border-radius: .5rem .5rem 0 0; }
details.row:last-of-type { border-bottom-width: 1px; border-radius: 0 0 .5rem .5rem; }
details.row:only-of-type { border-radius: .5rem; }
details.row > summary { padding: .5rem .75rem; cursor: pointer; }
details.row > summary:hover { background: var(--card); }
summary .facts { display: flex; flex-wrap: wrap; gap: 0 .9rem; color: var(--muted);
  font-size: .87rem; font-variant-numeric: tabular-nums; }
summary .what { font-weight: 600; overflow-wrap: anywhere; }
summary > div { display: inline-block; width: calc(100% - 1.5rem); vertical-align: top; }
.body { padding: 0 .75rem .75rem 1.75rem; }
.body ul, .body ol { margin: .25rem 0; padding-left: 1.2rem; }
li { overflow-wrap: anywhere; }
code, pre { font-family: ui-monospace, "Cascadia Mono", "SF Mono", Menlo, Consolas, monospace; }
code { font-size: .9em; overflow-wrap: anywhere; }
pre {
  margin: .35rem 0; padding: .6rem .75rem; overflow-x: auto; border-radius: .35rem;
  background: var(--card); font-size: .8rem; line-height: 1.45; tab-size: 4;
}
pre.message { white-space: pre-wrap; overflow-wrap: anywhere; }
pre span { display: block; min-height: 1.45em; }
pre .added { background: var(--added); } pre .deleted { background: var(--deleted); }
pre .hunk { color: var(--muted); } pre .file { font-weight: 600; }
:focus-visible { outline: 2px solid var(--line); outline-offset: 2px; }
@media print {
  @page { margin: 16mm 14mm; }
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  .charts { grid-template-columns: 1fr 1fr; }
  figure, dl.sum div, tr { break-inside: avoid; }
  h2, h3, summary { break-after: avoid; }
  rect, .below, .span, pre, pre span { print-color-adjust: exact; }
  pre { overflow: visible; white-space: pre-wrap; overflow-wrap: anywhere; }
  .scroll { overflow: visible; }
  table, .words { min-width: 0; }
  a { color: inherit; text-decoration: none; }
  /* Iterations are told whole; the changes of commits stay folded, which are books. */
  .rounds details.row::details-content { content-visibility: visible; height: auto; }
}
`;
