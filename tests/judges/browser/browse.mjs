// Opens pages in a headless browser and tells what it sees there: a JSON document in, one out.
//
// in:  {"pages": [{"file": "...", "width": 375, "scheme": "dark", "screenshot": "...", "print": false}, ...]}
// out: {"browser": "...", "pages": [{"violations": [...], "incomplete": [...], "requests": [...],
//       "refused": [...], "dialogs": [...], "scrolls": ..., "written": ..., ...}, ...]}
//
// `incomplete` is what axe could not judge, `refused` what the console says. The browser is a program
// inside an npm package: nothing else is downloaded.

import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

// The packages are installed beside the build, not beside this file, and the browser is unpacked there.
const folder = path.resolve(process.argv[2]);
process.env.TMPDIR = folder;
// With this the package unpacks the libraries too that a bare machine lacks. It has one font, and
// looks for it where it would be in Lambda.
process.env.AWS_LAMBDA_JS_RUNTIME = "nodejs20.x";
process.env.FONTCONFIG_FILE = path.join(folder, "fonts.conf");
writeFileSync(
  process.env.FONTCONFIG_FILE,
  `<fontconfig><dir>${folder}/fonts</dir><cachedir>${folder}/fonts-cache</cachedir></fontconfig>`,
);
const require = createRequire(path.join(folder, "node_modules", "index.js"));
const { default: chromium } = await import(
  pathToFileURL(path.join(folder, "node_modules/@sparticuz/chromium/build/esm/index.js")).href
);
const puppeteer = require("puppeteer-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const FLAGS = ["--no-sandbox", "--no-zygote", "--disable-gpu", "--hide-scrollbars", "--font-render-hinting=none"];
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

const told = ({ id, impact, help, nodes }) => ({
  id,
  impact,
  help,
  nodes: nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)}: ${failureSummary ?? ""}`),
});

async function look(browser, asked) {
  const page = await browser.newPage();
  const seen = { requests: [], refused: [], dialogs: [] };
  page.on("request", (request) => seen.requests.push(request.url()));
  page.on("console", (message) => seen.refused.push(message.text()));
  page.on("dialog", async (dialog) => {
    seen.dialogs.push(dialog.message());
    await dialog.dismiss();
  });
  await page.setViewport({ width: asked.width, height: 900 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: asked.scheme }]);
  if (asked.print) await page.emulateMediaType("print");
  await page.goto(pathToFileURL(asked.file).href, { waitUntil: "load" });
  if (asked.screenshot) await page.screenshot({ path: asked.screenshot, fullPage: true });
  const facts = await page.evaluate(() => ({
    scrolls: document.scrollingElement.scrollWidth - document.documentElement.clientWidth,
    written: document.querySelector("h1").getBoundingClientRect().height,
    headings: document.querySelectorAll("h1").length,
    scripts: document.querySelectorAll("script, img, link, iframe, object").length,
    background: getComputedStyle(document.body).backgroundColor,
    policy: document.querySelector("meta[http-equiv=Content-Security-Policy]")?.content,
  }));
  // axe is put there by the debugger, which no policy of a page stops.
  await page.evaluate(axe);
  const found = await page.evaluate((tags) => window.axe.run(document, { runOnly: tags }), TAGS);
  await page.close();
  return {
    ...seen,
    ...facts,
    violations: found.violations.map(told),
    incomplete: found.incomplete.map(told),
    passes: found.passes.length,
  };
}

const { pages } = JSON.parse(readFileSync(0, "utf8"));
const executablePath = await chromium.executablePath();
const browser = await puppeteer.launch({ executablePath, args: FLAGS, headless: "shell" });
const answers = [];
try {
  for (const page of pages) answers.push(await look(browser, page));
  process.stdout.write(JSON.stringify({ browser: await browser.version(), pages: answers }));
} finally {
  await browser.close();
}
