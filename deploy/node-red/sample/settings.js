// The tenant's settings plus sample data, for the demonstration, the tests and the benchmark.
//   SPOKEGATE_TENANT   whose sample data to make up

"use strict";

const settings = require("../settings.js");
const { sampleData } = require("./data.js");

module.exports = {
  ...settings,
  functionGlobalContext: { sample: sampleData(process.env.SPOKEGATE_TENANT || "sample") },
};
