/** The client of OpenCode 1 alone: what it asks is all that is asked. */
import type { OpenCode } from "../../src/opencode/client.ts";
import { createHttp, type HttpOptions } from "../../src/opencode/http.ts";
import { createV1 } from "../../src/opencode/v1/client.ts";

export function createV1Client(options: HttpOptions): OpenCode {
  return createV1(createHttp(options));
}
