import assert from "node:assert/strict";
import { RalphError } from "../../../src/error.ts";
import { DEFAULT_SERVER_URL, serverUrl } from "../../../src/settings/server_url.ts";

Deno.test("an address on this machine becomes its origin", () => {
  assert.equal(serverUrl(DEFAULT_SERVER_URL), DEFAULT_SERVER_URL);
  assert.equal(serverUrl("http://127.0.0.1:14096/"), "http://127.0.0.1:14096");
  assert.equal(serverUrl("HTTP://LocalHost:80"), "http://localhost");
  assert.equal(serverUrl("http://[::1]:9"), "http://[::1]:9");
});

const REFUSED: readonly [texts: readonly string[], message: RegExp][] = [
  [
    ["", "localhost:14096", "ftp://127.0.0.1", "https://127.0.0.1:1", "file:///etc/passwd", "a b"],
    /is no http address$/,
  ],
  [["http://example.com", "http://0.0.0.0:1", "http://127.0.0.1.evil.org"], /not on this machine/],
  [
    ["http://127.0.0.1:1/base", "http://127.0.0.1:1/?a", "http://127.0.0.1:1/#b"],
    /its address must end after the port$/,
  ],
  [
    ["http://me:geheim@127.0.0.1:1", "https://geheim@127.0.0.1", "me:geheim@127.0.0.1:1"],
    /must not hold a password$/,
  ],
];

for (const [texts, message] of REFUSED) {
  for (const text of texts) {
    Deno.test(`${JSON.stringify(text)} is refused, and no password is shown`, () => {
      assert.throws(() => serverUrl(text), (error: RalphError) => {
        assert.equal(error.kind, "usage");
        assert.match(error.message, message);
        assert(!error.message.includes("geheim"));
        return error.hints.length > 0;
      });
    });
  }
}

Deno.test("the address in an error is safe to print", () => {
  assert.throws(() => serverUrl("http://\x1b[31mx"), (error: RalphError) => {
    // deno-lint-ignore no-control-regex
    return !/\x1b/.test(error.message);
  });
});

Deno.test("the caller words the error", () => {
  assert.throws(
    () => serverUrl("x", (reason) => new RalphError("usage", `at line 3: ${reason}`)),
    { message: "at line 3: `x` is no http address" },
  );
});
