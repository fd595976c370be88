/** One turn on a real server by plain HTTP, to test the test support without ralph's own client. */
import assert from "node:assert/strict";

export interface Turn {
  /** Of the last message: all text parts, and all thinking. */
  readonly text: string;
  readonly reasoning: string;
  readonly info: {
    readonly finish?: string;
    readonly cost: number;
    readonly tokens: Readonly<Record<string, unknown>>;
    readonly error?: { readonly name: string; readonly data: { readonly message: string } };
  };
}

/** Sends `prompt` in a new OpenCode session that may do everything, and waits for the answer. */
export async function runTurn(
  server: { readonly url: string },
  options: { directory: string; prompt: string; model?: string },
): Promise<Turn> {
  const { directory, prompt, model = "ok" } = options;
  const permission = [{ permission: "*", pattern: "*", action: "allow" }];
  const { id } = await post(server, { path: "/session", directory }, { title: "test", permission });
  const { info, parts } = await post(server, { path: `/session/${id}/message`, directory }, {
    model: { providerID: "fake", modelID: model },
    parts: [{ type: "text", text: prompt }],
  });
  const textOf = (type: string): string =>
    parts.filter((part: { type: string }) => part.type === type)
      .map((part: { text: string }) => part.text).join("");
  return { text: textOf("text"), reasoning: textOf("reasoning"), info };
}

async function post(
  server: { readonly url: string },
  target: { path: string; directory: string },
  body: unknown,
) {
  const query = new URLSearchParams({ directory: target.directory });
  const response = await fetch(`${server.url}${target.path}?${query}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
}
