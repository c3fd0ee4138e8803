// Does every journey in a real Chromium. What it needs comes as one JSON object on standard input, so that no password
// stands in an argument or in the environment: { forms, admin, password, pictures, only }.
import { readdir } from "node:fs/promises";
import { Stage } from "./stage.mjs";

const setup = JSON.parse(await read(process.stdin));
const here = new URL("./journeys/", import.meta.url);
const files = (await readdir(here)).filter((file) => file.endsWith(".mjs")).sort();
const stage = await Stage.open(setup);
let done = 0;
let wanted = 0;
for (const file of files) {
  const journey = await import(new URL(file, here));
  if (setup.only && !file.includes(setup.only)) continue;
  wanted += 1;
  try {
    await journey.run(stage);
    await stage.leave();
    done += 1;
    console.log(`journey: ${journey.title}: ok`);
  } catch (error) {
    await stage.leave({ picture: file.replace(".mjs", "-FAILED") });
    console.log(`journey: ${journey.title}: FAILED: ${error.stack}`);
  }
}
for (const [site, path] of stage.seen()) console.log(`seen: ${site} ${path}`);
console.log(`journeys: ${done} of ${wanted}, pages looked at: ${stage.looks}, accessibility faults: ${stage.faults}`);
await stage.close();
process.exit(done === wanted && wanted > 0 && stage.faults === 0 ? 0 : 1);

async function read(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
