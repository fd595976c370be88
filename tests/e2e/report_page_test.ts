/** A report in a real browser: what it loads and runs, how it fits, and who can read it. */
import assert from "node:assert/strict";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { makeHome } from "../reliability/home.ts";
import { browserTest, startBrowser } from "../support/chromium.ts";
import { writeHistory } from "../support/report_history.ts";
import { until } from "../support/wait.ts";

const VIEWS = [
  { name: "light", colorScheme: "light", width: 1_100 },
  { name: "dark", colorScheme: "dark", width: 1_100 },
  { name: "phone", colorScheme: "light", width: 390 },
  { name: "dark phone", colorScheme: "dark", width: 390 },
] as const;

/** What a page says of itself: `script` is evaluated in it. */
const said = async <T>(page: Page, script: string): Promise<T> => await page.evaluate(script) as T;

const openAll = (page: Page) =>
  said(page, "document.querySelectorAll('details').forEach((one) => one.open = true)");

browserTest(
  "a report loads nothing, runs nothing, fits, and can be read by everybody",
  async () => {
    await using stack = new AsyncDisposableStack();
    const home = stack.use(await makeHome());
    await writeHistory(home);
    const { stdout } = await home.ralph("report", "one");
    const file = `file://${stdout.trim()}`;
    const browser = stack.adopt(await startBrowser(), (one) => one.close());
    for (const { name, colorScheme, width } of VIEWS) {
      const page = await browser.newPage({ colorScheme, viewport: { width, height: 900 } });
      const heard: string[] = [];
      page.on("request", (request) => {
        if (request.url() !== file) heard.push(`asks for ${request.url()}`);
      });
      page.on("console", (message) => heard.push(`console: ${message.text()}`));
      page.on("pageerror", (error) => heard.push(`error: ${error.message}`));
      await page.goto(file);
      await openAll(page);
      assert.equal(await said(page, "typeof window.hit"), "undefined", name);
      assert.equal(await said(page, "document.querySelectorAll('script, img').length"), 0);
      assert.deepEqual(heard, [], name);
      const widest = await said<number>(page, "document.documentElement.scrollWidth");
      assert(widest <= width, `${name}: ${widest} wide`);
      const thin = await said<string[]>(
        page,
        "[...document.querySelectorAll('td')].filter((td) => td.innerText.trim().length > 12 && " +
          "td.clientWidth < 90).map((td) => td.innerText)",
      );
      assert.deepEqual(thin, [], `${name}: a word under the other`);
      const body = await said<string>(page, "getComputedStyle(document.body).backgroundColor");
      assert.equal(body, colorScheme === "dark" ? "rgb(20, 23, 26)" : "rgb(255, 255, 255)");
      assert.deepEqual(await violations(page), [], name);
      await page.close();
    }
  },
);

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await said<axe.AxeResults>(page, "axe.run()");
  return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes[0].html}`);
}

browserTest(
  "what is folded opens without a script, and links lead into the report",
  async () => {
    await using stack = new AsyncDisposableStack();
    const home = stack.use(await makeHome());
    await writeHistory(home);
    const { stdout } = await home.ralph("report", "one");
    const browser = stack.adopt(await startBrowser(), (one) => one.close());
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(`file://${stdout.trim()}`);
    const rounds = page.locator("details[id^=s]");
    assert.equal(await rounds.count(), 8);
    const output = rounds.nth(1).locator("pre");
    assert.equal(await output.isVisible(), false);
    await rounds.nth(1).locator("summary").click();
    assert.equal(await output.isVisible(), true);
    await page.locator("a[href^='#c-']").first().click();
    assert.match(page.url(), /#c-[0-9a-f]{40}$/);
  },
);

browserTest(
  "text of charts can be selected; on paper iterations are whole, and changes folded",
  async () => {
    await using stack = new AsyncDisposableStack();
    const home = stack.use(await makeHome());
    await writeHistory(home);
    const { stdout } = await home.ralph("report", "one");
    const browser = stack.adopt(await startBrowser(), (one) => one.close());
    const page = await browser.newPage({ colorScheme: "dark" });
    await page.goto(`file://${stdout.trim()}`);
    await page.locator("svg text", { hasText: "11-20 09:58" }).dblclick({
      position: { x: 5, y: 8 },
    });
    assert.match(
      await said<string>(page, "getSelection().toString()"),
      /^(11-20|11|20|09:58|09|58)/,
    );
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    const isSeen = (selector: string) =>
      said<boolean>(
        page,
        `document.querySelector(${JSON.stringify(selector)})` +
          ".checkVisibility({ contentVisibilityAuto: true })",
      );
    // it lays out what comes into view with the next frame
    await until(() => isSeen("details[id^=s] li"), { what: "the iterations on paper" });
    assert.equal(await isSeen("details[id^=c-] pre"), false);
    const ink = await said<string>(page, "getComputedStyle(document.body).color");
    assert.equal(ink, "rgb(27, 31, 36)");
    await page.evaluate("getSelection().selectAllChildren(document.querySelector('svg'))");
    assert.match(await said<string>(page, "getSelection().toString()"), /11-20 09:58/);
  },
);
