/**
 * A report as one HTML file. It loads nothing and runs nothing: no script, no picture, no font, and a
 * policy that would let none in, whatever slipped through. Pure.
 */
import { createHash } from "node:crypto";
import { costWords, shortTokens } from "../terminal/cost.ts";
import { count, duration, plural } from "../terminal/format.ts";
import { VERSION } from "../version.ts";
import { barChart, burnDownChart } from "./charts.ts";
import { commitsSection } from "./commits_html.ts";
import type { BurnDown } from "./burn_down.ts";
import type { Report } from "./data.ts";
import { type Html, markup } from "./markup.ts";
import { reviewCost } from "./reviews.ts";
import { roundHtml } from "./round_html.ts";
import { BEGINS_WITH } from "./mark.ts";
import { STYLE } from "./style.ts";
import { gatesTable, sessionsTable, takenBackTable, troublesTable } from "./tables_html.ts";
import { utc } from "./words.ts";
import { tokensOf } from "../store/model.ts";
import type { Round } from "./model.ts";

export function reportHtml(report: Report): string {
  const { taskName } = report;
  const hash = createHash("sha256").update(STYLE.text).digest("base64");
  const policy =
    `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  const page = markup`<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="ralph ${VERSION}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${taskName}: report of ralph</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${headSection(report)}${chartsSection(report)}${troublesTable(report)}${takenBackTable(report)}${
    roundsSection(report)
  }${gatesTable(report)}${commitsSection(report)}${
    sessionsTable(report)
  }<p class="quiet">Made by ralph ${VERSION} at ${utc(report.now)}. All times are UTC.</p>
</main>
</body>
</html>
`;
  return BEGINS_WITH + page.text;
}

function headSection(report: Report): Html {
  const { taskName, projectName, sessions, rounds } = report;
  const last = sessions[sessions.length - 1];
  const tone = { completed: "good", running: "open", failed: "bad" }[last.status as string] ??
    "partly";
  const detail = last.detail ?? last.activity;
  const facts = summary(report).map(([name, value, more]) =>
    markup`<div><dt>${name}</dt><dd>${value}</dd>${
      more === undefined ? null : markup`<dd class="more">${more}</dd>`
    }</div>
`
  );
  return markup`<header>
<h1>${taskName}</h1>
<p class="quiet">A task of the project ${projectName}, worked on by ralph</p>
<p><span class="end ${tone}">${last.status}</span>${detail ? `: ${detail}` : null}</p>
</header>
<dl class="sum">
${facts}</dl>
${
    rounds.length === 0
      ? markup`<p>${NO_ROUNDS}</p>
`
      : null
  }`;
}

const NO_ROUNDS = "No iteration is on record: there was nothing to do, or it never came to one.";

type Fact = [name: string, value: string, more?: string];

function summary(report: Report): Fact[] {
  const { sessions, rounds, stories, worked, used, takenBack, gates } = report;
  const unknown = (many: number) =>
    many > 0 ? `and ${plural(many, "iteration")} unknown` : undefined;
  const free = rounds.filter(({ iteration }) => !iteration.counts).length;
  const failed = gates.filter(({ passesNow }) => !passesNow).length;
  const held = takenBack.filter(({ heldIn }) => heldIn !== undefined).length;
  const anyKnown = rounds.length > used.unknown;
  return [
    stories
      ? ["stories pass", `${stories.filter(({ passes }) => passes).length} of ${stories.length}`]
      : ["stories pass", "unknown", "the PRD has none, or cannot be read now"],
    [
      "iterations",
      count(rounds.length),
      [
        plural(sessions.length, "session"),
        ...free > 0 ? [`${free} refused by the provider, which count nothing`] : [],
      ].join(", "),
    ],
    ["time of iterations", duration(worked.ms), unknown(worked.unknown)],
    [
      "tokens",
      anyKnown
        ? shortTokens(tokensOf(used.usage), { ...used.usage, unknownParts: used.unknown })
        : "unknown",
      unknown(used.unknown) ?? plural(used.usage.modelCalls, "model call"),
    ],
    costOf(used, anyKnown),
    ...reviewFact(report.reviews),
    ["commits", count(report.commits)],
    [
      "gates",
      gates.length === 0 ? "none ran" : `${gates.length - failed} of ${gates.length} pass`,
      gates.length === 0 ? undefined : "each as it ran last",
    ],
    [
      "claims taken back",
      count(takenBack.length),
      takenBack.length === 0 ? undefined : `${held} of them held later`,
    ],
  ];
}

/** Apart from the work, and not in what that cost. */
function reviewFact(reviews: Report["reviews"]): Fact[] {
  const cost = reviewCost(reviews);
  if (cost === undefined) return [];
  const passed = reviews.filter(({ outcome }) => outcome === "passed").length;
  return [["reviews", `${passed} of ${reviews.length} pass`, `beside that, ${cost}`]];
}

/** What is known stands first, and is never all where something is not. */
function costOf({ usage, unknown }: Report["used"], anyKnown: boolean): Fact {
  const isKnown = anyKnown &&
    (usage.unpricedCalls === 0 || usage.costUsd + usage.derivedCostUsd > 0);
  const missing = [
    ...usage.unpricedCalls > 0 ? [plural(usage.unpricedCalls, "model call")] : [],
    ...unknown > 0 ? [plural(unknown, "iteration")] : [],
  ];
  return [
    "cost",
    isKnown ? costWords({ ...usage, unpricedCalls: 0 }) : "unknown",
    isKnown && missing.length > 0 ? `and ${missing.join(" and ")} unknown` : undefined,
  ];
}

const CHARTS = [
  {
    name: "time-chart",
    title: "Time of each iteration",
    value: ({ ms }: Round) => ms,
    words: duration,
    unit: (max: number) => {
      const [size, name] = max >= 7_200_000
        ? [3_600_000, "h"]
        : max >= 120_000
        ? [60_000, "min"]
        : [1_000, "s"];
      return { size, words: (value: number) => `${value} ${name}` };
    },
  },
  {
    name: "token-chart",
    title: "Tokens of each iteration",
    value: ({ tokens }: Round) => tokens,
    words: (value: number) => plural(value, "token"),
    unit: (max: number) => {
      const [size, name] = max >= 2e6 ? [1e6, " M"] : max >= 2e3 ? [1e3, " k"] : [1, ""];
      return { size, words: (value: number) => `${value}${name}` };
    },
  },
  {
    name: "cost-chart",
    title: "Cost of each iteration",
    value: ({ cost }: Round) => cost,
    words: (value: number) => `$${value.toFixed(4)}`,
    unit: () => ({ size: 1, words: (value: number) => `$${value}` }),
  },
];

function chartsSection({ rounds, burnDown }: Report): Html | null {
  if (rounds.length === 0 && !burnDown) return null;
  const bars = rounds.length === 0 ? null : CHARTS.map((chart) => barChart(rounds, chart));
  return markup`<h2>Course</h2>
<div class="charts">
${burnDown ? burnDownChart(burnDown) : null}${bars}</div>
${
    burnDown ? burnDownRemarks(burnDown) : markup`<p class="quiet">${NO_BURN_DOWN}</p>
`
  }${bars && SIGNS}`;
}

const NO_BURN_DOWN =
  "How many stories were open is not known: the PRD has none, or cannot be read now.";

const SIGNS = markup`<p class="quiet">Signs and colours: <span class="good">✓</span> a story passes;
<span class="partly">•</span> work that made none pass, or some of it taken back; <span class="bad">✗</span>
a failure, or what was claimed was taken back.</p>
`;

function burnDownRemarks({ unrecorded, openNow, points }: BurnDown): Html {
  const last = points[points.length - 1].open;
  const remarks = [
    "Counted by the stories that the PRD has now. Only the time in which a session ran is drawn.",
    ...unrecorded > 0
      ? [`Passed without a record of ralph, so that it is not known when: ${count(unrecorded)}.`]
      : [],
    ...openNow === last ? [] : [`Open by the PRD now: ${count(openNow)}; others changed it.`],
  ];
  return markup`<p class="quiet">${remarks.join(" ")}</p>
`;
}

function roundsSection({ rounds, sessions }: Report): Html | null {
  if (rounds.length === 0) return null;
  return markup`<h2>Iterations</h2>
<div class="rounds">
${rounds.map((round) => roundHtml(round, sessions.length > 1))}</div>
`;
}
