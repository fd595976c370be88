/**
 * Whether a file that a gate names is a check, or the work to be judged, by its place and name. Pure.
 */
import * as path from "node:path";
import { isTestPath } from "../census/file_names.ts";

/** Words of a path, as in `scripts/run-checks.sh` or `verifyAll.mjs`, that say that it checks something. */
const CHECK_WORDS: ReadonlySet<string> = new Set(
  `check checks checkall verify verifies verification validate validation lint lints gate gates ci qa
  quality smoke smoketest acceptance assert asserts assertion assertions audit coverage sanity selftest
  selfcheck runtest runtests testsuite unittest unittests typecheck healthcheck precommit doctest
  expected golden goldens fixture fixtures snapshots approved`.split(/\s+/),
);
/** What runs a project's own checks, and is no part of what it makes. */
const RUNNER_FILE = /(^|\/)(gradlew|mvnw|manage\.py|artisan|noxfile\.py|bin\/(rails|rake))$/;
/** In folders of what a project makes a `check.ts` is part of it. */
const PRODUCT_FOLDER = /(^|\/)(src|lib|pkg|cmd|internal|dist)\/.*(?<!\.(sh|bash|bats))$/;
/** Files by which programs and libraries are entered. */
const ENTRY_FILE = /(^|\/)(main|__main__|app|application|index|mod|server|cli)\.\w+$/;
/** Programs that run tests, or look for faults, without a word of `CHECK_WORDS` in their names. */
export const CHECKERS: ReadonlySet<string> = new Set(
  `pytest py.test vitest jest mocha ava tap rspec phpunit pest ctest bats nox tox behave cucumber robot
  hurl newman k6 cypress playwright eslint pylint flake8 mypy pyright ruff clippy vet shellcheck biome
  stylelint phpstan rubocop staticcheck golangci-lint`.split(/\s+/),
);

/** By place or name alone, whatever runs it. */
export function isCheckFile(file: string): boolean {
  return isTestPath(file) || RUNNER_FILE.test(file) ||
    (!PRODUCT_FOLDER.test(file) && hasCheckWord(file));
}

/** Whether a file is what the project makes, even where a test runner is given it. */
export function isProductFile(file: string): boolean {
  return !isTestPath(file) && (PRODUCT_FOLDER.test(file) || ENTRY_FILE.test(file));
}

/** Whether a word of a command says that it checks something: `test`, `npm:lint`, `pytest`. */
export function isCheckWord(word: string): boolean {
  return /^[\w.:@/-]+$/.test(word) &&
    (CHECKERS.has(packageName(word)) || isTestPath(word) || hasCheckWord(word));
}

/** `npm:jest@29`, `node_modules/.bin/jest`: jest. */
const packageName = (word: string) => path.posix.basename(word).replace(/^\w+:|(?<!^)@.*/g, "");

const hasCheckWord = (text: string) => wordsOf(text).some((word) => CHECK_WORDS.has(word));

/** `scripts/runChecks.sh`: scripts, run, checks, sh. */
function wordsOf(text: string): readonly string[] {
  return text.split(/[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])/).map((word) => word.toLowerCase());
}
