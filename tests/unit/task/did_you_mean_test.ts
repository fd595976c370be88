import assert from "node:assert/strict";
import { didYouMean } from "../../../src/task/did_you_mean.ts";

const NAMES = ["add-login", "fix-status", "ui", "v2"];
const CASES: readonly [name: string, near: string | undefined][] = [
  ["add-logn", "add-login"],
  ["add-lgoin", "add-login"],
  ["ad-logins", "add-login"],
  ["Fix-Status", "fix-status"],
  ["u", undefined],
  ["uii", "ui"],
  ["xy", undefined],
  ["add-logout", undefined],
  ["", undefined],
];

for (const [name, near] of CASES) {
  Deno.test(`nearest: \`${name}\` is ${near ?? "near to none"}`, () => {
    assert.equal(didYouMean(name, NAMES), near);
  });
}
