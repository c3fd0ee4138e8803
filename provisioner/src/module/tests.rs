use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tar::{Builder, Header};

use super::*;

const GOOD: &str =
    r#"{"name":"node-red-contrib-x","version":"1.2.0","node-red":{"nodes":{"x":"x.js"}}}"#;

fn packed(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut archive = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, kind, content) in entries {
        let mut header = Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o4777);
        header.set_entry_type(*kind);
        // As an attacker would: without the library's own look at the path.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        if kind.is_symlink() || kind.is_hard_link() {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        archive.append(&header, *content).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

/// A package with this package.json, and more files.
fn package(manifest: &str, more: &[(&str, &[u8])]) -> Vec<u8> {
    let mut entries = vec![
        (
            "package/package.json",
            EntryType::Regular,
            manifest.as_bytes(),
        ),
        (
            "package/x.js",
            EntryType::Regular,
            &b"module.exports = () => {}"[..],
        ),
    ];
    entries.extend(
        more.iter()
            .map(|(path, content)| (*path, EntryType::Regular, *content)),
    );
    packed(&entries)
}

#[track_caller]
fn refused(bytes: &[u8], words: &str) {
    let fault = read(bytes).unwrap_err().to_string();
    assert!(fault.contains(words), "{fault}");
}

#[test]
fn a_package_with_all_that_it_needs_is_taken() {
    let module = read(&*package(GOOD, &[])).unwrap();
    let note = module.note();
    assert_eq!(
        (note.name.as_str(), note.version.as_str()),
        ("node-red-contrib-x", "1.2.0")
    );
    assert_eq!(
        module.files.keys().collect::<Vec<_>>(),
        ["package.json", "x.js"]
    );
    // Whatever the archive says besides: times, owners, modes and folders are no part of it.
    let again = packed(&[
        ("other/", EntryType::Directory, b""),
        (
            "other/x.js",
            EntryType::Regular,
            b"module.exports = () => {}",
        ),
        ("other/package.json", EntryType::Regular, GOOD.as_bytes()),
    ]);
    assert_eq!(read(&*again).unwrap(), module);
    let plugin = GOOD.replace("nodes", "plugins");
    assert!(read(&*package(&plugin, &[])).is_ok());
    let needs = GOOD.replace("1.2.0\",", "1.2.0\",\"dependencies\":{\"@a/b\":\"^1\"},");
    refused(&package(&needs, &[]), "it needs @a/b");
    let inside: (&str, &[u8]) = ("package/node_modules/@a/b/package.json", b"{}");
    assert!(read(&*package(&needs, &[inside])).is_ok());
}

#[test]
fn what_is_no_package_says_why() {
    refused(b"", "npm pack");
    refused(b"PK\x03\x04", "npm pack");
    let whole = package(GOOD, &[]);
    refused(&whole[..whole.len() / 2], "npm pack");
    refused(
        &packed(&[("package/x.js", EntryType::Regular, b"")]),
        "is not there",
    );
    refused(
        &packed(&[("package.json", EntryType::Regular, b"{}")]),
        "lies in no folder",
    );
    for (manifest, words) in [
        ("{", "is no JSON"),
        ("{}", "has no \"name\""),
        (r#"{"name":"x"}"#, "has no \"version\""),
        (r#"{"name":"x","version":"1"}"#, "no module for Node-RED"),
        (
            r#"{"name":"x","version":"1","node-red":{"nodes":{}}}"#,
            "no module for Node-RED",
        ),
        (
            r#"{"name":"../x","version":"1","node-red":{"nodes":{"x":"x.js"}}}"#,
            "no module's name",
        ),
        (
            r#"{"name":"node-red","version":"1","node-red":{"nodes":{"x":"x.js"}}}"#,
            "comes with Node-RED",
        ),
        (
            r#"{"name":"x","version":"../1","node-red":{"nodes":{"x":"x.js"}}}"#,
            "is no version",
        ),
    ] {
        refused(&package(manifest, &[]), words);
    }
    let long = format!("{GOOD}{}", " ".repeat(MANIFEST_BYTES_MAX));
    refused(&package(&long, &[]), "has more than");
}

#[test]
fn nothing_of_an_archive_leads_out_of_its_folder() {
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Fifo,
        EntryType::Char,
        EntryType::Block,
    ] {
        let entries = [
            ("package/package.json", EntryType::Regular, GOOD.as_bytes()),
            ("package/x", kind, b""),
        ];
        refused(&packed(&entries), "neither a file nor a folder");
    }
    for path in [
        "package/../x",
        "package/a/../../x",
        "/etc/x",
        "package//x",
        "package/a\\b",
    ] {
        refused(&package(GOOD, &[(path, b"x")]), "no path within a module");
    }
    refused(&package(GOOD, &[("package/x.js", b"x")]), "is there twice");
    refused(&package(GOOD, &[("other/x.js", b"x")]), "is there twice");
    refused(
        &package(GOOD, &[("package/x.js/y", b"x")]),
        "a file and a folder",
    );
}

#[test]
fn a_bomb_ends_at_the_limit() {
    let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
    let mut header = Header::new_ustar();
    header.set_path("package/zeros").unwrap();
    header.set_entry_type(EntryType::Regular);
    header.set_size(PARCEL_BYTES_MAX + 1);
    header.set_cksum();
    bomb.write_all(header.as_bytes()).unwrap();
    let zeros = vec![0; 1 << 20];
    (0..80).for_each(|_| bomb.write_all(&zeros).unwrap());
    refused(&bomb.finish().unwrap(), "unpacked it has more");
    let names: Vec<_> = (0..PARCEL_FILES_MAX).map(|n| format!("p/{n}")).collect();
    let many: Vec<_> = names
        .iter()
        .map(|n| (n.as_str(), EntryType::Regular, &b""[..]))
        .collect();
    refused(&packed(&many), "is not there");
    let more = [&many[..], &[("p/more", EntryType::Regular, &b""[..])]].concat();
    refused(&packed(&more), "unpacked it has more");
}

#[test]
fn a_parcel_is_the_same_in_whatever_order_modules_come() {
    let named =
        |name: &str| read(&*package(&GOOD.replace("node-red-contrib-x", name), &[])).unwrap();
    let flows_alone = parcel(b"[1]", &mut []).unwrap();
    assert_eq!(
        (flows_alone.as_slice(), flows(&flows_alone)),
        (&b"[1]"[..], Ok(&b"[1]"[..]))
    );
    let one = parcel(b"[1]", &mut [named("a"), named("b")]).unwrap();
    let other = parcel(b"[1]", &mut [named("b"), named("a")]).unwrap();
    assert_eq!(one, other);
    assert_eq!(flows(&one), Ok(&b"[1]"[..]));
    assert!(one.starts_with(b"{\"form\":1,\"flows\":3,\"modules\":[{\"name\":\"a\""));
    assert!(flows(&one[..one.len() / 4]).is_err());
    assert!(parcel(b"[]", &mut [named("a"), named("a")]).is_err());
    let big = |n: u8| Module {
        files: BTreeMap::from([("x".to_owned(), vec![0; PARCEL_BYTES_MAX as usize / 2])]),
        ..named(&format!("m{n}"))
    };
    assert!(parcel(b"[]", &mut [big(1)]).is_ok());
    assert!(parcel(b"[]", &mut [big(1), big(2)]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, flips: Vec<(usize, u8)>) {
        let _ = read(&*bytes);
        let mut tar = Vec::new();
        GzDecoder::new(&*package(GOOD, &[])).read_to_end(&mut tar).unwrap();
        for (at, flip) in flips {
            let at = at % tar.len();
            tar[at] ^= flip;
        }
        let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
        zipped.write_all(&tar).unwrap();
        let _ = read(&*zipped.finish().unwrap());
    }
}
