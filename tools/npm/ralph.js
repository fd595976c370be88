#!/usr/bin/env node
/**
 * Starts the program of the package for this platform. Signals and the exit code are passed on.
 * Nothing is downloaded: npm has installed that package beside this one, or has not.
 */
"use strict";
const { spawn } = require("node:child_process");
const { writeSync } = require("node:fs");
const os = require("node:os");
const { isatty } = require("node:tty");
const { name, optionalDependencies } = require("./package.json");

const wanted = `${name}-${process.platform}-${process.arch}`;

/** What a terminal sends to all programs in its foreground, so that the program has it already. */
const OF_TERMINAL = ["SIGINT", "SIGHUP", "SIGQUIT"];

start(find());

function find() {
  if (!(wanted in optionalDependencies)) {
    fail(
      `there is no ralph for ${process.platform} on ${process.arch}`,
      "it runs on Linux with glibc and on macOS, on x64 and arm64; on Windows, use it in WSL",
    );
  }
  try {
    return require.resolve(`${wanted}/bin/ralph`);
  } catch {
    if (hasMusl()) refuseMusl();
    fail(
      `the package ${wanted} is not installed: it has the program for this platform`,
      `install it: npm install --global --include=optional ${name}`,
      "a node_modules or lock file of another platform lacks it: install anew on this one",
    );
  }
}

function start(program) {
  const atTerminal = [0, 1, 2].some((fd) => isatty(fd));
  // Before the program is there: a signal that comes as it begins is not to end this one alone.
  for (const signal of [...OF_TERMINAL, "SIGTERM"]) {
    // Twice would be once too often: a second Ctrl-C ends ralph at once.
    const hasIt = atTerminal && OF_TERMINAL.includes(signal);
    process.on(signal, () => hasIt || child.kill(signal));
  }
  const child = spawn(program, process.argv.slice(2), { stdio: "inherit" });
  child.on("error", (error) => {
    if (error.code === "ENOENT" && hasMusl()) refuseMusl();
    fail(`cannot start ${program}: ${error.message}`, `install it anew: npm install ${name}`);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    try {
      process.kill(process.pid, signal);
    } finally {
      // Where the signal ends nothing here: as a shell would say it.
      setTimeout(() => process.exit(128 + os.constants.signals[signal]), 1000);
    }
  });
}

/** Whether Linux has this C library in place of glibc; Node says which glibc it runs with. */
function hasMusl() {
  if (process.platform !== "linux") return false;
  process.report.excludeNetwork = true; // it would ask for the names of addresses
  return process.report.getReport().header.glibcVersionRuntime === undefined;
}

function refuseMusl() {
  fail(
    "this system has the C library musl (as Alpine does), and ralph needs glibc",
    "run it on Debian, Ubuntu, Fedora or another system with glibc, or in a container of one",
  );
}

function fail(what, ...hints) {
  const lines = [`error: ${what}`, "", ...hints.map((hint) => `hint: ${hint}`)];
  writeSync(2, `${lines.join("\n")}\n`);
  process.exit(1);
}
