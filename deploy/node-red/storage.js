// Where Node-RED keeps flows, credentials, settings, sessions and its library: in files of this machine, always. Node-RED
// never waits for the link, and never starts empty because of it.
//
// Files, below `<userDir>/storage/`, 0600 in folders of 0700:
//
//   flows.json                     the flows: a JSON array of nodes, as Node-RED exports and imports it
//   credentials.json               {"$": "<encrypted>"} as Node-RED makes it; the key is not in it
//   credentials.other-key-*.json   what another key had encrypted when new credentials were saved, the newest eight
//   settings.json                  Node-RED's own settings; `_credentialSecret`, the key, stands here
//   sessions.json                  who is signed in to the editor
//   library/<type>/<path>          one file per entry: lines `// name: value`, then the text; flows end in .json
//   deploying.json                 only while a deploy is between credentials and flows
//   sent.json                      which snapshot of flows and library the agent has taken for the centre last
//   taken.json                     which files of Node-RED's own storage were taken over
//   *.previous                     the generation before the present one; *.damaged: what could not be read
//
// Whoever puts flows in place writes flows.json whole, to a temporary name and then by rename, while Node-RED is stopped.
// A file is replaced whole or not at all. One that cannot be read is kept as *.damaged, told in the log, and the previous
// generation is used; so to begin with no flows, remove both generations.
//
// What Node-RED's own storage left in `<userDir>` is taken over and left there: settings, sessions and library at the
// first start, `flows.json` and `flows_cred.json` at the first start and whenever a start finds other content in them than
// was taken before. So a file of flows that is put there is in force from the next start on, and is taken once.
//
// With SPOKEGATE_PUSH_URL and its token each change goes on to the centre in the background, as a push of `node-red-storage`
// through agent, broker and sanitizer: snapshot.js says what of it, and sync.js when.
//
// A plain object, since Node-RED asks `hasOwnProperty` what a storage can do.

"use strict";

module.exports = require("./storage/plugin.js").create();
