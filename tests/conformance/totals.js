// Prints one line of totals over the checks.json files of conformance runs, and fails unless at least
// so many checks have passed, and none has failed or warned.
//
//   totals.js <least> <checks.json>...

const fs = require('node:fs');

const [least, ...files] = process.argv.slice(2);
const totals = { SUCCESS: 0, FAILURE: 0, WARNING: 0, SKIPPED: 0, INFO: 0 };
for (const file of files) {
  for (const check of JSON.parse(fs.readFileSync(file, 'utf8'))) totals[check.status] += 1;
}
const counts = Object.entries(totals).map(([status, count]) => `${count} ${status}`);
console.log(`${files.length} scenarios, checks: ${counts.join(', ')}`);
if (totals.FAILURE || totals.WARNING || totals.SUCCESS < Number(least)) process.exitCode = 1;
