import assert from "node:assert/strict";
import { workerEnvironment } from "../../../src/worker/environment.ts";

Deno.test("a worker's environment: what gates and git get, and no key beside", () => {
  const shell = {
    PATH: "/bin",
    HOME: "/home/me",
    GIT_AUTHOR_NAME: "Ann",
    SSH_AUTH_SOCK: "/run/agent",
    AWS_SECRET_ACCESS_KEY: "k",
    ANTHROPIC_API_KEY: "k",
    DATABASE_URL: "postgres://me:k@db",
    OPENCODE_SERVER_PASSWORD: "k",
    RALPH_SERVER: "http://127.0.0.1:1",
    EMPTY: "",
  };
  const always = {
    PATH: "/bin",
    HOME: "/home/me",
    GIT_AUTHOR_NAME: "Ann",
    SSH_AUTH_SOCK: "/run/agent",
  };
  assert.deepEqual(workerEnvironment(shell, []), always);
  assert.deepEqual(workerEnvironment(shell, ["DATABASE_URL", "AWS_*", "OPENCODE_*"]), {
    ...always,
    DATABASE_URL: "postgres://me:k@db",
    AWS_SECRET_ACCESS_KEY: "k",
  });
});
