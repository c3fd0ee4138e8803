//! Every limit of the wire, with its unit. A number that two processes must agree on stands here and nowhere else.

/// Shortest id.
pub const ID_BYTES_MIN: usize = 2;
/// Longest id.
pub const ID_BYTES_MAX: usize = 40;
/// Longest topic; AWS IoT and others stop at 256.
pub const TOPIC_BYTES_MAX: usize = 256;

/// Largest MQTT packet, header included: what every hosted broker takes.
pub const PACKET_BYTES_MAX: usize = 131_072;
/// Largest MQTT payload: a packet less 4 KiB for its header and topic.
pub const MESSAGE_BYTES_MAX: usize = 126_976;
/// A producer closes a chunk once its body has this many bytes.
pub const CHUNK_BYTES_TARGET: usize = 98_304;
/// Largest body of a chunk: a payload less 1 KiB for the envelope.
pub const CHUNK_BYTES_MAX: usize = 125_952;
/// A producer closes a chunk once it has this many rows.
pub const CHUNK_ROWS_MAX: usize = 2_000;
/// Most chunks of one answer.
pub const PULL_CHUNKS_MAX: u32 = 8_192;
/// Most body bytes of one answer.
pub const PULL_BYTES_MAX: u64 = 268_435_456;
/// Most rows of one answer.
pub const PULL_ROWS_MAX: u64 = 1_000_000;
/// Chunks in flight per pull: what the centre grants ahead of what it has taken over.
pub const CREDIT_CHUNKS: u32 = 8;
/// Longest time between a request and its deadline.
pub const DEADLINE_MS_MAX: u64 = 600_000;
/// Longest lease of a tenant's session.
pub const LEASE_MS_MAX: u64 = 10_000;
/// Clocks of centre and segment may differ by this much.
pub const CLOCK_SKEW_MS_MAX: u64 = 300_000;
/// Bytes of a failure's detail.
pub const FAILURE_TEXT_BYTES_MAX: usize = 400;
/// Datasets that one hello may announce.
pub const HELLO_DATASETS_MAX: usize = 64;
/// Bytes of a version text.
pub const VERSION_TEXT_BYTES_MAX: usize = 40;
/// Bytes of a certificate signing request in DER.
pub const CSR_BYTES_MAX: usize = 2_048;
/// Digits of a join token's id.
pub const TOKEN_ID_DIGITS: usize = 16;
/// Bytes of an address as text, in its longest form.
pub const PEER_TEXT_BYTES_MAX: usize = 45;
/// Bytes of a certificate's serial number (RFC 5280 §4.1.2.2).
pub const SERIAL_BYTES_MAX: usize = 20;
/// Bytes of an ECDSA P-256 signature in ASN.1: two integers of up to 33 bytes, and some room.
pub const SIGNATURE_BYTES_MAX: usize = 80;
/// Bytes of a P-256 public key: an uncompressed point.
pub const PUBLIC_KEY_BYTES: usize = 65;
/// Bytes of an issued certificate in DER.
pub const CERTIFICATE_BYTES_MAX: usize = 4_096;
/// Bytes of the fabric's roots in PEM.
pub const ROOTS_BYTES_MAX: usize = 16_384;
/// Latest end of a certificate, in seconds since 1970: the last moment of the year 9999 (RFC 5280 §4.1.2.5).
pub const NOT_AFTER_S_MAX: u64 = 253_402_300_799;
/// Longest time that a pending enrolment may be told to wait: a day.
pub const RETRY_S_MAX: u32 = 86_400;
/// Admissions in one call of the centre.
pub const ADMISSIONS_MAX: usize = 64;
/// Bytes of a revocation list in DER.
pub const CRL_BYTES_MAX: usize = 120_000;

/// Bytes of a command's encoded arguments.
pub const COMMAND_ARGS_BYTES_MAX: usize = 32_768;
/// Bytes of the name of a tenant's secret.
pub const SECRET_NAME_BYTES_MAX: usize = 64;
/// Bytes of a secret: sealed and in base64 it fits a command's arguments.
pub const SECRET_BYTES_MAX: usize = 8_192;
/// Secrets that a satellite keeps.
pub const SECRETS_MAX: usize = 64;
/// Longest time between a command and its end: what a satellite has not taken by then is not done any more.
pub const COMMAND_LIFE_MS_MAX: u64 = 604_800_000;
/// Commands and parts of parcels in one call of the centre.
pub const COMMANDS_MAX: usize = 8;
/// Bytes of a part of a parcel; the last one may be shorter.
pub const PARCEL_PART_BYTES: usize = 98_304;
/// Most bytes of a parcel.
pub const PARCEL_BYTES_MAX: u64 = 67_108_864;
/// Most bytes of a flow set: what Node-RED takes over its own API unless told otherwise.
pub const FLOW_SET_BYTES_MAX: u64 = 5_242_880;
/// Bytes of the first line of a flow set with modules, which says what is in it.
pub const PARCEL_INDEX_BYTES_MAX: usize = 1_048_576;
/// Files of all modules of a flow set.
pub const PARCEL_FILES_MAX: usize = 8_192;
/// Most parts of a parcel that a satellite asks for at once.
pub const PARCEL_PARTS_WANTED_MAX: u32 = 8;

/// Bytes of a request's encoded parameters.
pub const PARAMS_BYTES_MAX: usize = 16_384;

/// Deepest nesting of a body; a scalar has depth 0.
pub const DEPTH_MAX: usize = 16;
/// Values and keys in a body.
pub const NODES_MAX: usize = 200_000;
/// Bytes of a text in a body, unless its schema allows more.
pub const STRING_BYTES_MAX: usize = 4_096;
/// Bytes of a text in a body, whatever its schema says.
pub const STRING_BYTES_HARD_MAX: usize = 65_536;
/// Bytes of a key.
pub const KEY_BYTES_MAX: usize = 128;
/// Entries of a map.
pub const MAP_ENTRIES_MAX: usize = 256;
/// Items of an array.
pub const ARRAY_ITEMS_MAX: usize = 20_000;
/// Bytes of canonical JSON that one byte of a body becomes at most, each value with its comma. A negative half has three
/// bytes and takes 21, seven times as many; a boolean one and 6, a single five and 25, a double nine and 25, an integer
/// one and 4 or nine and 18, a text or key of one character two and 5, an empty text or container one and 3.
pub const JSON_FACTOR_MAX: usize = 8;
/// Bytes of a refusal's place, a JSON pointer.
pub const POINTER_BYTES_MAX: usize = 200;
/// Largest magnitude of an integer, and of a float: 2^53 - 1 (RFC 7493 §2.2).
pub const INTEGER_MAX: u64 = 9_007_199_254_740_991;
