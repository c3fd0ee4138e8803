// Node-RED settings for one tenant. Everything that differs between tenants comes from the environment:
//
//   SPOKEGATE_NODE_RED_DATA         folder for flows and state (required; the only place Node-RED writes to)
//   SPOKEGATE_NODE_RED_HOST         loopback address to listen on                       (127.0.0.1)
//   SPOKEGATE_NODE_RED_PORT         port to listen on                                   (1880)
//   SPOKEGATE_NODE_RED_EDITOR       on: the editor at /editor, without a sign-in        (off: no editor, no admin API)
//   SPOKEGATE_NODE_RED_LOG          level of the log on standard output                 (info)
//   SPOKEGATE_AGENT_TOKEN_FILE      the token that the satellite agent shows at /spokegate/...  (required)
//   SPOKEGATE_PUSH_URL              the agent's push endpoint, e.g. http://127.0.0.1:8021/v1/push
//   SPOKEGATE_PUSH_TOKEN_FILE       the token that flows show there
//   SPOKEGATE_NODE_RED_MODULES      folder of modules that came with a flow set; the agent sets it               (none)
//   SPOKEGATE_NODE_RED_TRIAL        on: the agent tries flows for a moment, beside those in force; nothing is pushed   (off)
//
// The tenant's secrets come from the agent (`spokegate secret set`) and are ${NAME} to flows, from the next start on.
// Flows reach the last two as ${SPOKEGATE_PUSH_URL} and ${SPOKEGATE_PUSH_AUTHORIZATION}, so that neither is in a flow.

"use strict";

const path = require("node:path");

const { agentOnly, readToken } = require("./agent-token.js");
const { takeSecrets } = require("./secrets.js");
const storage = require("./storage.js");

const environment = process.env;

function required(name) {
  const value = environment[name];
  if (!value) {
    throw new Error(`${name} is not set. hint: deploy/node-red/settings.js lists what it needs`);
  }
  return value;
}

function loopback(host) {
  if (host !== "::1" && !/^127(\.\d{1,3}){3}$/.test(host)) {
    throw new Error(
      `SPOKEGATE_NODE_RED_HOST is ${host}; allowed: 127.0.0.0/8 or ::1. ` +
        "hint: the agent reaches Node-RED over loopback; nothing else may",
    );
  }
  return host;
}

const guard = agentOnly(readToken(required("SPOKEGATE_AGENT_TOKEN_FILE")));
const editor = environment.SPOKEGATE_NODE_RED_EDITOR === "on";

if (environment.SPOKEGATE_PUSH_TOKEN_FILE) {
  const token = readToken(environment.SPOKEGATE_PUSH_TOKEN_FILE);
  environment.SPOKEGATE_PUSH_AUTHORIZATION = `Bearer ${token}`;
  if (environment.SPOKEGATE_PUSH_URL) {
    takeSecrets(environment, environment.SPOKEGATE_PUSH_URL, token);
  }
}
if (environment.SPOKEGATE_NODE_RED_TRIAL === "on") {
  delete environment.SPOKEGATE_PUSH_URL;
  delete environment.SPOKEGATE_PUSH_AUTHORIZATION;
}

module.exports = {
  uiHost: loopback(environment.SPOKEGATE_NODE_RED_HOST || "127.0.0.1"),
  uiPort: Number(environment.SPOKEGATE_NODE_RED_PORT || 1880),
  userDir: required("SPOKEGATE_NODE_RED_DATA"),
  // Files of this machine, each replaced whole: storage.js says which, and what becomes of an older flows.json.
  storageModule: storage,
  flowFile: "flows.json",
  // Nodes that answer datasets and push without a word of HTTP.
  nodesDir: [path.join(__dirname, "palette"), environment.SPOKEGATE_NODE_RED_MODULES].filter(Boolean),

  // Two roots, so that a proxy can publish the editor without ever publishing a data endpoint.
  httpAdminRoot: editor ? "/editor" : false,
  httpNodeRoot: "/spokegate",
  // In front of everything below httpNodeRoot. httpNodeMiddleware would guard `http in` nodes only.
  httpNodeAuth: guard.middleware,
  webSocketNodeVerifyClient: guard.verifyClient,
  tcpInAllowInboundConnections: false,
  udpInAllowInboundConnections: false,

  // A tenant's flow counts as arbitrary code all the same: its container and its network are what contain it.
  functionExternalModules: false,
  nodesExcludes: ["90-exec.js"],
  externalModules: {
    autoInstall: false,
    palette: { allowInstall: false, allowUpdate: false, allowUpload: false },
    modules: { allowInstall: false },
  },

  telemetry: { enabled: false, updateNotification: false },
  diagnostics: { enabled: false, ui: false },
  runtimeState: { enabled: false, ui: false },
  editorTheme: { tours: false, projects: { enabled: false } },
  logging: { console: { level: environment.SPOKEGATE_NODE_RED_LOG || "info", metrics: false, audit: false } },
};
