// A first look at the peer's speed, given the URL that start.js prints: node measure.js http://127.0.0.1:PORT/report
"use strict";

const http = require("node:http");

const CLIENTS = 8;
const LATENCY_ROWS = [10, 1_000, 10_000, 100_000];
const RATE_ROWS = [10, 1_000, 10_000];
const RATE_MS = 8_000;
const agent = new http.Agent({ keepAlive: true });

const report = (url, rows) =>
  new Promise((resolve, reject) => {
    const from = process.hrtime.bigint();
    const request = http.get(`${url}?limit=${rows}`, { agent }, (response) => {
      let size = 0;
      response.on("data", (data) => (size += data.length));
      response.once("end", () => {
        if (response.statusCode !== 200) {
          reject(new Error(`status ${response.statusCode}`));
        }
        resolve({ ms: Number(process.hrtime.bigint() - from) / 1e6, size });
      });
    });
    request.once("error", reject);
  });

async function latency(url, rows) {
  const times = [];
  const repeats = rows > 10_000 ? 3 : rows > 1_000 ? 7 : 25;
  let size = 0;
  for (let i = 0; i < repeats; i++) {
    const one = await report(url, rows);
    times.push(one.ms);
    size = one.size;
  }
  times.sort((a, b) => a - b);
  console.log(`${rows} rows: median ${times[times.length >> 1].toFixed(1)} ms, ${size} bytes`);
}

async function rate(url, rows) {
  let done = 0;
  const from = Date.now();
  const client = async () => {
    while (Date.now() - from < RATE_MS) {
      await report(url, rows);
      done++;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  console.log(`${rows} rows, ${CLIENTS} clients: ${((done * 1000) / (Date.now() - from)).toFixed(1)} reports a second`);
}

async function main(url) {
  for (const rows of LATENCY_ROWS) {
    await latency(url, rows);
  }
  for (const rows of RATE_ROWS) {
    await rate(url, rows);
  }
  agent.destroy();
}

main(process.argv[2]);
