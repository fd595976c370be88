import assert from "node:assert/strict";
import { parseCount, parseDuration, parseModel, parseMoney } from "../../../src/settings/values.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const GOOD: readonly [parse: (text: string) => unknown, text: string, value: unknown][] = [
  [parseDuration, "45s", 45_000],
  [parseDuration, "90m", 90 * MINUTE],
  [parseDuration, "8h", 8 * HOUR],
  [parseDuration, "1h30m", 90 * MINUTE],
  [parseDuration, "1h0m5s", HOUR + 5_000],
  [parseDuration, "007m", 7 * MINUTE],
  [parseDuration, "576h", 576 * HOUR],
  [parseMoney, "5", 5],
  [parseMoney, "5.50", 5.5],
  [parseMoney, "$5", 5],
  [parseMoney, "0.01", 0.01],
  [parseCount, "1", 1],
  [parseCount, "9007199254740991", 9007199254740991],
  [parseModel, "p/m", { providerId: "p", modelId: "m" }],
  [parseModel, "openrouter/a/b:free", { providerId: "openrouter", modelId: "a/b:free" }],
];

for (const [parse, text, value] of GOOD) {
  Deno.test(`${parse.name}: ${text}`, () => assert.deepEqual(parse(text), { value }));
}

const BAD: readonly [parse: (text: string) => unknown, wanted: RegExp, texts: readonly string[]][] =
  [
    [parseDuration, /^a duration with its unit: `90m`, `90s` or `90h`$/, ["90"]],
    [
      parseDuration,
      /^a duration such as `90m`/,
      ["", " ", "m", "h m", "1.5h", "-5m", "5M", "30m1h", "5 m", "5m\n", "1d", "NaN", "Infinity"],
    ],
    [parseDuration, /^longer than nothing$/, ["0m", "0h0m0s"]],
    [
      parseDuration,
      /^576h \(24 days\) at most$/,
      ["577h", "576h1s", "9".repeat(400) + "h"],
    ],
    [parseDuration, /^a duration such as/, ["9".repeat(10)]],
    [
      parseMoney,
      /^an amount in US dollars/,
      [
        "",
        "$",
        "0",
        "0.00",
        "-5",
        "5,50",
        "5€",
        "1e3",
        ".5",
        "5.",
        "NaN",
        "Infinity",
        "9e999",
        "5 ",
      ],
    ],
    [
      parseCount,
      /^a whole number from 1 up$/,
      ["", "0", "-1", "1.5", "1e3", "0x10", "１", "9007199254740992", "9".repeat(400), "NaN"],
    ],
    [parseModel, /^provider\/model/, ["", "/", "m", "p/", "/m", "p/m\n"]],
  ];

for (const [parse, wanted, texts] of BAD) {
  for (const text of texts) {
    Deno.test(`${parse.name}: refuses ${JSON.stringify(text.slice(0, 30))}`, () => {
      const parsed = parse(text) as { wanted: string };
      assert.match(parsed.wanted, wanted);
    });
  }
}
