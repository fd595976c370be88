// Prints what CHANGELOG.md says of a version: `node tools/release_notes.mjs 0.2.0`. Exit code 1 where it
// says nothing.
import fs from "node:fs";

const version = process.argv[2];
const text = fs.readFileSync(new URL("../CHANGELOG.md", import.meta.url), "utf8");
const section = text.split(/^(?=## )/m).find((one) => one.startsWith(`## [${version}]`));
const notes = section?.slice(section.indexOf("\n")).trim();
if (!notes) {
  console.error(`error: CHANGELOG.md has no section \`## [${version}]\``);
  process.exit(1);
}
console.log(notes);
