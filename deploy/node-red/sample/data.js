// Made-up data for a tenant: the same rows whenever it is asked, different ones for each tenant, any number of them.
// Rows are written as JSON text at once, so that 100,000 of them cost a fraction of a second.

"use strict";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const LIMIT_MAX = 1_000_000;

const KINDS = {
  server: { systems: ["Windows Server 2022", "Windows Server 2019", "Debian GNU/Linux"], patched: true },
  workstation: { systems: ["Windows 11 Pro", "Windows 11 Pro", "Windows 10 Pro", "Ubuntu"], patched: true },
  laptop: { systems: ["Windows 11 Pro", "macOS", "Windows 11 Pro"], patched: true },
  printer: { systems: ["Firmware"], patched: false },
  switch: { systems: ["ArubaOS", "RouterOS"], patched: false },
  firewall: { systems: ["FortiOS"], patched: false },
};

const VERSIONS = {
  "Windows Server 2022": ["21H2"],
  "Windows Server 2019": ["1809"],
  "Debian GNU/Linux": ["12.9", "12.8", "11.11"],
  "Windows 11 Pro": ["24H2", "23H2"],
  "Windows 10 Pro": ["22H2"],
  Ubuntu: ["24.04.1", "22.04.5"],
  macOS: ["15.2", "14.7.2"],
  Firmware: ["4.11.2", "4.9.0"],
  RouterOS: ["7.16.2"],
  FortiOS: ["7.4.6", "7.2.10"],
  ArubaOS: ["10.4.1"],
};

const PROFILES = {
  acme: {
    devices: 24,
    subnet: "10.20",
    names: {
      server: ["dc", "files", "pms", "imaging"],
      workstation: ["reception", "surgery", "xray", "hygiene"],
      laptop: ["dentist", "manager"],
      printer: ["mfp", "labels"],
      switch: ["switch"],
      firewall: ["firewall"],
    },
    people: ["Dr. Amelia Hart", "Dr. Søren Kjær", "Priya Raman", "Tom Okafor", "Zoë Lindqvist", "Front desk"],
    jobs: ["Nightly image", "Databases", "File shares", "Offsite copy"],
  },
  globex: {
    devices: 40,
    subnet: "10.64",
    names: {
      server: ["dc", "wms", "edi", "sql", "backup"],
      workstation: ["dispatch", "dock", "customs", "office"],
      laptop: ["driver", "planner", "sales"],
      printer: ["pallet-labels", "waybills"],
      switch: ["switch", "yard-switch"],
      firewall: ["firewall"],
    },
    people: ["Marta Kowalska", "Jürgen Weiß", "Aiko Tanaka", "María Peña", "Lars Nygård", "Dispatch team", "Dock 4"],
    jobs: ["Nightly image", "Databases", "Transaction logs", "File shares", "Offsite copy"],
  },
};

const OTHER_PROFILE = {
  devices: 12,
  subnet: "10.99",
  names: {
    server: ["srv"],
    workstation: ["pc"],
    laptop: ["nb"],
    printer: ["prn"],
    switch: ["switch"],
    firewall: ["firewall"],
  },
  people: ["Alex Novak", "Sam Rivera", "Kim Larsen"],
  jobs: ["Nightly image", "File shares"],
};

// The kinds of any twelve devices in a row.
const KINDS_IN_TURN = [
  "server", "workstation", "laptop", "workstation", "switch", "workstation",
  "printer", "laptop", "server", "workstation", "firewall", "workstation",
];
const FAILURES = ["Target volume is full", "Snapshot timed out after 600 s", "Host was not reachable"];
const WARNINGS = ["3 files were in use and skipped", "Finished, but slower than its window", "Old copy not removed: in use"];

const VOLUMES = {
  windows: [["C:", "NTFS", 256], ["D:", "NTFS", 2048]],
  other: [["/", "ext4", 128], ["/srv", "xfs", 4096]],
};
const TICKETS = [
  ["Printer prints blank pages", "Hardware"],
  ["Cannot open a shared calendar", "Mail"],
  ["New colleague needs an account", "Access"],
  ["Line to the branch is slow", "Network"],
  ["Backup reports a full target", "Backup"],
];
const STATES = ["open", "pending", "resolved", "closed"];
const PRIORITIES = ["low", "normal", "normal", "high", "urgent"];

/** A well-mixed 32-bit number from a seed, an index and a purpose (murmur3's finaliser). */
function mix(seed, index, purpose) {
  let h = seed ^ Math.imul(index + 1, 0x9e3779b1) ^ Math.imul(purpose + 1, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function seedOf(text) {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  }
  return h >>> 0;
}

// Few different times occur in many rows, and writing one costs more than the rest of its row.
const written = new Map();

function timestamp(ms) {
  let text = written.get(ms);
  if (text === undefined) {
    text = new Date(ms).toISOString().slice(0, 19) + "Z";
    if (written.size < 10_000) {
      written.set(ms, text);
    }
  }
  return text;
}

/** Asked for something that does not exist; `message` is for the caller. */
class BadParameter extends Error {}

function limitOf(query, otherwise) {
  if (query.limit === undefined) {
    return otherwise;
  }
  const limit = Number(query.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX) {
    throw new BadParameter(`limit: ${query.limit} is not a whole number from 1 to ${LIMIT_MAX}`);
  }
  return limit;
}

/** The datasets of `tenant`, each a function from query parameters to JSON text. */
function sampleData(tenant, now = Date.now()) {
  const profile = Object.hasOwn(PROFILES, tenant) ? PROFILES[tenant] : OTHER_PROFILE;
  const seed = seedOf(tenant);
  // Times hang on the minute of the start, so that two answers of one process are equal.
  const base = now - (now % MINUTE_MS);
  const pick = (list, index, purpose) => list[mix(seed, index, purpose) % list.length];
  const kindOf = (index) => KINDS_IN_TURN[index % KINDS_IN_TURN.length];
  const roleOf = (index) => pick(profile.names[kindOf(index)], index, 1);
  const hostOf = (index) => `${tenant}-${roleOf(index)}-${String(index + 1).padStart(2, "0")}`;
  const servers = Array.from({ length: profile.devices }, (_, index) => index).filter((index) => kindOf(index) === "server");
  const addressOf = (index) => `${profile.subnet}.${(index / 250) & 255}.${(index % 250) + 4}`;

  function device(index) {
    const kind = kindOf(index);
    const os = pick(KINDS[kind].systems, index, 2);
    const version = pick(VERSIONS[os], index, 3);
    const online = mix(seed, index, 4) % 10 !== 0;
    const away_ms = online ? (mix(seed, index, 5) % 9) * MINUTE_MS : (1 + (mix(seed, index, 5) % 30)) * 9 * HOUR_MS;
    const personal = kind === "workstation" || kind === "laptop";
    const owner = personal ? pick(profile.people, index, 6) : "IT";
    return (
      `{"hostname":"${hostOf(index)}","kind":"${kind}","os":"${os}","os_version":"${version}",` +
      `"ip":"${addressOf(index)}","last_seen":"${timestamp(base - away_ms)}","online":${online},"owner":"${owner}"}`
    );
  }

  function missing(index) {
    const luck = mix(seed, index, 7) % 12;
    return { critical: luck === 0 ? 1 + (mix(seed, index, 8) % 3) : 0, important: luck < 4 ? 1 + (mix(seed, index, 9) % 6) : 0 };
  }

  function patchStatus(index) {
    const { critical, important } = missing(index);
    const days = critical + important === 0 ? mix(seed, index, 10) % 14 : 20 + (mix(seed, index, 10) % 50);
    const pending = mix(seed, index, 11) % 7 === 0;
    return (
      `{"hostname":"${hostOf(index)}","missing_critical":${critical},"missing_important":${important},` +
      `"last_patched":"${timestamp(base - days * DAY_MS)}","reboot_pending":${pending},"compliant":${critical + important === 0 && !pending}}`
    );
  }

  /** One row per job and server, as of last night; any further rows are of the nights before. */
  function backupJob(index, nights) {
    const job = index % profile.jobs.length;
    const server = Math.floor(index / profile.jobs.length) % servers.length;
    const night = Math.floor(index / profile.jobs.length / servers.length) % nights;
    const host = hostOf(servers[server]);
    const luck = mix(seed, index, 12) % 14;
    const result = luck === 0 ? "failed" : luck < 3 ? "warning" : "success";
    const message = luck === 0 ? pick(FAILURES, index, 13) : luck < 3 ? pick(WARNINGS, index, 13) : "";
    const size = luck === 0 ? 0 : (1 + (mix(seed, job + server * 8, 14) % 400)) * 268_435_456 + (mix(seed, index, 15) % 268_435_456);
    const age_ms = night * DAY_MS + 3 * HOUR_MS + (job * 25 + server * 7) * MINUTE_MS;
    return (
      `{"job":"${profile.jobs[job]}","hostname":"${host}","last_run":"${timestamp(base - age_ms)}",` +
      `"result":"${result}","size_bytes":${size},"duration_s":${120 + (mix(seed, index, 17) % 7200)},"message":"${message}"}`
    );
  }

  /** One row per volume of each server; the first number of an index is the server's, the last bit the volume's. */
  function diskCapacity(index) {
    const server = servers[Math.floor(index / 2) % servers.length];
    const windows = pick(KINDS.server.systems, server, 2).startsWith("Windows");
    const [volume, fileSystem, gigabytes] = VOLUMES[windows ? "windows" : "other"][index % 2];
    const size = gigabytes * 1_073_741_824;
    const free = Math.floor((size / 100) * (100 - usedPercent(index)));
    const growth = (mix(seed, index, 22) % 40) * 67_108_864 - 268_435_456;
    return (
      `{"hostname":"${hostOf(server)}","volume":"${volume}","file_system":"${fileSystem}","size_bytes":${size},` +
      `"free_bytes":${free},"growth_bytes_per_day":${growth},"measured_at":"${timestamp(base - (mix(seed, server, 23) % 60) * MINUTE_MS)}"}`
    );
  }

  function usedPercent(index) {
    return 20 + (mix(seed, index, 21) % 78);
  }

  function ticketOf(index) {
    const state = STATES[mix(seed, index, 31) % STATES.length];
    const age_ms = (1 + (mix(seed, index, 32) % 60)) * DAY_MS;
    return { state, opened_ms: age_ms, changed_ms: Math.floor(age_ms / 3 / HOUR_MS) * HOUR_MS };
  }

  function ticket(index) {
    const { state, opened_ms, changed_ms } = ticketOf(index);
    const [subject, category] = pick(TICKETS, index, 33);
    const done = state === "resolved" || state === "closed";
    const resolved = done ? `"resolved_at":"${timestamp(base - changed_ms)}","summary":"Looked at it.\\nSolved.",` : "";
    return (
      `{"number":"${tenant.toUpperCase()}-${10_000 + index}","subject":"${subject}","state":"${state}",` +
      `"priority":"${pick(PRIORITIES, index, 34)}","category":"${category}","requester":"${pick(profile.people, index, 35)}",` +
      `"hostname":"${hostOf(mix(seed, index, 36) % profile.devices)}",${resolved}` +
      `"opened_at":"${timestamp(base - opened_ms)}","changed_at":"${timestamp(base - changed_ms)}"}`
    );
  }

  /** A whole number of the query, or what stands for its absence. */
  function numberOf(query, name, least, most, otherwise) {
    const number = query[name] === undefined ? otherwise : Number(query[name]);
    if (query[name] !== undefined && (!Number.isInteger(number) || number < least || number > most)) {
      throw new BadParameter(`${name}: ${query[name]} is not a whole number from ${least} to ${most}`);
    }
    return number;
  }

  /** `count` rows of those indices that `wanted` admits; without a limit, those among the tenant's own `count`. */
  function rows(query, wanted, row, count = profile.devices) {
    const limit = limitOf(query, Infinity);
    const end = limit === Infinity ? count : Infinity;
    const parts = [];
    for (let index = 0; index < end && parts.length < limit; index++) {
      if (wanted(index)) {
        parts.push(row(index));
      }
    }
    return `[${parts.join(",\n")}]`;
  }

  return {
    BadParameter,

    devices(query = {}) {
      if (query.kind !== undefined && !Object.hasOwn(KINDS, query.kind)) {
        throw new BadParameter(`kind: ${query.kind} is not one of ${Object.keys(KINDS).join(", ")}`);
      }
      return rows(query, (index) => query.kind === undefined || kindOf(index) === query.kind, device);
    },

    patchStatus(query = {}) {
      const behind = (index) => missing(index).critical + missing(index).important > 0;
      const all = String(query.only_missing) !== "true";
      return rows(query, (index) => KINDS[kindOf(index)].patched && (all || behind(index)), patchStatus);
    },

    diskCapacity(query = {}) {
      const least = numberOf(query, "used_percent_min", 0, 100, 0);
      // Nothing in the sample is fuller than 97 percent.
      const wanted = (index) => usedPercent(index) >= Math.min(least, 97);
      return rows(query, wanted, diskCapacity, servers.length * 2);
    },

    tickets(query = {}) {
      if (query.state !== undefined && !STATES.includes(query.state)) {
        throw new BadParameter(`state: ${query.state} is not one of ${STATES.join(", ")}`);
      }
      const days = numberOf(query, "since_days", 1, 3650, Infinity);
      const wanted = (index) => {
        const { state, changed_ms } = ticketOf(index);
        return (query.state === undefined || state === query.state) && changed_ms <= days * DAY_MS;
      };
      return rows(query, wanted, ticket);
    },

    backupJobs(query = {}) {
      const days = query.since_days === undefined ? 1 : Number(query.since_days);
      if (!Number.isInteger(days) || days < 1 || days > 365) {
        throw new BadParameter(`since_days: ${query.since_days} is not a whole number from 1 to 365`);
      }
      const count = limitOf(query, profile.jobs.length * servers.length);
      const parts = [];
      for (let index = 0; index < count; index++) {
        parts.push(backupJob(index, days));
      }
      return `[${parts.join(",\n")}]`;
    },
  };
}

module.exports = { sampleData };
