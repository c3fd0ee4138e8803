// What a Node-RED flow would do with a message in JSON: parse, validate with ajv, write. Prints one line of JSON with the
// microseconds of one message, and of the validation alone. node validate.js SCHEMA DATA SECONDS
'use strict'
const fs = require('node:fs')
const Ajv = require('ajv/dist/2020')
const addFormats = require('ajv-formats')

const [schemaFile, dataFile, seconds] = process.argv.slice(2)
const ajv = new Ajv({ strict: false, allErrors: false })
addFormats(ajv)
const validate = ajv.compile(JSON.parse(fs.readFileSync(schemaFile, 'utf8')))
const text = fs.readFileSync(dataFile, 'utf8')
const parsed = JSON.parse(text)

// Microseconds of one call, after a warm-up of a fifth of the time.
function measure (work) {
  const limit = Number(seconds) * 1e9
  const run = (time) => {
    const begin = process.hrtime.bigint()
    let count = 0
    let spent = 0
    while (spent < time) {
      for (let i = 0; i < 8; i++) work()
      count += 8
      spent = Number(process.hrtime.bigint() - begin)
    }
    return spent / count / 1000
  }
  run(limit / 5)
  return run(limit)
}

let written = 0
const whole = measure(() => {
  const value = JSON.parse(text)
  if (!validate(value)) throw new Error(JSON.stringify(validate.errors))
  written += JSON.stringify(value).length
})
const alone = measure(() => {
  if (!validate(parsed)) throw new Error('refused')
})
console.log(JSON.stringify({ whole_us: whole, alone_us: alone, written }))
