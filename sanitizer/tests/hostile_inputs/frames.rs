//! Bytes on the worker's pipe that are no frames: what a taken-over neighbour could send.

use super::worker::frame;

pub(crate) fn attacks() -> Vec<(String, Vec<u8>)> {
    let lengths = |length: u32, head: u32| [length.to_be_bytes(), head.to_be_bytes()].concat();
    let work = r#"{"work":{"token":1,"tenant":"acme","satellite":"hq","at_ms":1,"channel":"reply","dataset":"any","version":1,"id":null,"condemned":null}}"#;
    let changed = |from: &str, to: &str| {
        assert!(work.contains(from), "{from}");
        frame(&work.replace(from, to), b"\x80")
    };
    let deep = |open: &str| frame(&open.repeat(100_000), b"");
    let attacks: Vec<(&str, Vec<u8>)> = vec![
        ("length 0", lengths(0, 0)),
        ("length 3", lengths(3, 0)),
        ("length over the limit", lengths(2 * 1024 * 1024 + 1, 0)),
        ("length 2^31", lengths(1 << 31, 0)),
        ("length 2^32-1", lengths(u32::MAX, 0)),
        ("head past the frame", [lengths(8, 5), vec![0; 4]].concat()),
        ("head of 2^32-1", lengths(4, u32::MAX)),
        ("head empty", frame("", b"")),
        ("head no json", frame("{", b"")),
        ("head two values", frame(&format!("{work}{work}"), b"")),
        ("head null", frame("null", b"")),
        ("head a number", frame("1e400", b"")),
        ("head of 100000 arrays", deep("[")),
        ("head of 100000 maps", deep("{\"work\":")),
        ("head not utf-8", [lengths(6, 2), vec![0xff, 0xfe]].concat()),
        (
            "head with a byte-order mark",
            frame(&format!("\u{feff}{work}"), b""),
        ),
        ("verb unknown", frame(r#"{"shutdown":null}"#, b"")),
        (
            "verb of egress",
            frame(
                r#"{"outcome":{"call":1,"status":200,"class":null,"detail":""}}"#,
                b"",
            ),
        ),
        (
            "verb twice",
            frame(&format!("{},{}", &work[..work.len() - 1], &work[1..]), b""),
        ),
        (
            "setup twice",
            frame(
                r#"{"setup":{"schemas":"/","stage":{"sandbox":"best-effort","user":null,"foreign_keys":[]},"memory_bytes_max":1,"cpu_ms_max":1}}"#,
                b"",
            ),
        ),
        ("tenant with a path", changed("\"acme\"", "\"../acme\"")),
        ("tenant empty", changed("\"acme\"", "\"\"")),
        ("satellite with a wildcard", changed("\"hq\"", "\"+\"")),
        ("token negative", changed("\"token\":1", "\"token\":-1")),
        (
            "token past 2^64",
            changed("\"token\":1", "\"token\":18446744073709551616"),
        ),
        ("token missing", changed("\"token\":1,", "")),
        (
            "version past 2^16",
            changed("\"version\":1", "\"version\":65536"),
        ),
        ("id no id", changed("\"id\":null", "\"id\":\"x\"")),
        ("dataset no id", changed("\"any\"", "\"../any\"")),
        (
            "member twice",
            changed("\"token\":1", "\"token\":1,\"token\":2"),
        ),
        (
            "reason unknown",
            changed(
                "\"condemned\":null",
                "\"condemned\":{\"reason\":\"x\",\"rule\":\"\"}",
            ),
        ),
        ("cut in the length", vec![0, 0]),
        ("cut in the head", frame(work, b"")[..40].to_vec()),
        (
            "cut in the body",
            frame(work, &[0x80; 1_000])[..500].to_vec(),
        ),
        ("zeros", vec![0; 100_000]),
        ("ones", vec![0xff; 100_000]),
        ("text", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
    ];
    attacks
        .into_iter()
        .map(|(name, bytes)| (format!("worker-frame/{name}"), bytes))
        .collect()
}
