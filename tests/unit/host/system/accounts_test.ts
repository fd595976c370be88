import assert from "node:assert/strict";
import { accountName, foreignHome } from "../../../../src/host/system/accounts.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { NO_SECOND_USER } from "../../../support/other_user.ts";

Deno.test("a HOME of one's own, of root or of nobody that has an account is not foreign", () => {
  using own = temporaryFolder();
  for (const home of [own.path, "/", "/nowhere"]) assert.equal(foreignHome(home), undefined, home);
  assert.equal(accountName(4_000_000_000), undefined);
});

Deno.test({
  name: "a HOME of another account is told, with its name",
  ignore: NO_SECOND_USER !== undefined,
  fn() {
    using home = temporaryFolder();
    Deno.chownSync(home.path, 65534, null);
    assert.equal(foreignHome(home.path)?.owner, "nobody");
    Deno.chownSync(home.path, 4_000_000, null);
    assert.equal(foreignHome(home.path), undefined);
  },
});
