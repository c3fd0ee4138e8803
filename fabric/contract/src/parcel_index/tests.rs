use proptest::prelude::*;

use super::*;

fn module(name: &str, files: &[(&str, u64)]) -> ParcelModule {
    let file = |(path, bytes): &(&str, u64)| ParcelFile {
        path: (*path).to_owned(),
        bytes: *bytes,
    };
    ParcelModule {
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        files: files.iter().map(file).collect(),
    }
}

#[track_caller]
fn check(modules: Vec<ParcelModule>, expected: Result<(), &str>) {
    let index = ParcelIndex::new(2, modules);
    match (index, expected) {
        (Ok(index), Ok(())) => {
            let line = index.line().unwrap();
            let (end, line) = line.split_last().unwrap();
            assert_eq!((*end, ParcelIndex::read(line)), (b'\n', Ok(index)));
        }
        (Err(fault), Err(words)) => assert!(fault.to_string().contains(words), "{fault}"),
        (index, expected) => panic!("{index:?} is not {expected:?}"),
    }
}

#[test]
fn names_are_those_of_npm_and_nobody_elses() {
    let named = |name: &str, expected| check(vec![module(name, &[])], expected);
    named("node-red-contrib-x", Ok(()));
    named("@scope/x.y_z-1", Ok(()));
    named(&"n".repeat(NAME_BYTES_MAX), Ok(()));
    named(&"n".repeat(NAME_BYTES_MAX + 1), Err("no module's name"));
    let bad = [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "@a",
        "@/b",
        "@a/",
        "@a/b/c",
        "A",
        "x y",
        ".bin",
        "node_modules",
        "@a/../b",
    ];
    for name in bad {
        named(name, Err("no module's name"));
    }
    for name in ["node-red", "@node-red/nodes", "node-red-contrib-spokegate"] {
        named(name, Err("comes with Node-RED"));
    }
    named("node-red-contrib-spokegate-2", Ok(()));
}

#[test]
fn paths_stay_within_their_module() {
    let of = |path: &str, expected| check(vec![module("x", &[(path, 1)])], expected);
    for path in [
        "package.json",
        "lib/x.js",
        "node_modules/@a/b/c.js",
        "a b/ä.js",
        "...",
        ".eslintrc",
    ] {
        of(path, Ok(()));
    }
    for path in [
        "",
        "/etc/passwd",
        "../x",
        "a/../b",
        "a//b",
        "a/",
        "./a",
        "a\\b",
        "a\0",
        "a\nb",
    ] {
        of(path, Err("no path within a module"));
    }
    of(&"p".repeat(PATH_BYTES_MAX), Ok(()));
    of(&"p".repeat(PATH_BYTES_MAX + 1), Err("no path"));
    of(&format!("{}x", "d/".repeat(DEPTH_MAX)), Ok(()));
    of(&format!("{}x", "d/".repeat(DEPTH_MAX + 1)), Err("no path"));
}

#[test]
fn what_is_there_twice_or_too_much_is_refused() {
    check(vec![module("a", &[]), module("b", &[])], Ok(()));
    check(
        vec![module("b", &[]), module("a", &[])],
        Err("not in the order"),
    );
    check(vec![module("a", &[]), module("a", &[])], Err("there twice"));
    check(vec![module("a", &[("x", 1), ("x", 1)])], Err("there twice"));
    check(
        vec![module("a", &[("x", 1), ("x/y", 1)])],
        Err("a file and a folder"),
    );
    check(
        vec![module("a", &[("x", 1), ("x-y", 1), ("xx/y", 1)])],
        Ok(()),
    );
    check(
        vec![module("a", &[("x", 1), ("x.js", 1), ("x/y", 1)])],
        Err("a file and a folder"),
    );
    check(vec![], Err("0 modules"));
    let many = |count: usize| {
        (0..count)
            .map(|n| module(&format!("m{n:02}"), &[]))
            .collect()
    };
    check(many(MODULES_MAX), Ok(()));
    check(many(MODULES_MAX + 1), Err("33 modules"));
    let files = |count: usize| {
        let names: Vec<_> = (0..count).map(|n| format!("{n:05}")).collect();
        let files: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
        vec![module("a", &files)]
    };
    check(files(PARCEL_FILES_MAX), Ok(()));
    check(files(PARCEL_FILES_MAX + 1), Err("allowed are"));
    check(vec![module("a", &[("x", PARCEL_BYTES_MAX - 2)])], Ok(()));
    check(
        vec![module("a", &[("x", PARCEL_BYTES_MAX - 1)])],
        Err("allowed are"),
    );
    check(
        vec![module("a", &[("x", u64::MAX), ("y", 9)])],
        Err("allowed are"),
    );
    assert!(ParcelIndex::new(FLOW_SET_BYTES_MAX, vec![module("a", &[])]).is_ok());
    assert!(ParcelIndex::new(FLOW_SET_BYTES_MAX + 1, vec![module("a", &[])]).is_err());
}

#[test]
fn versions_and_forms() {
    let version = |version: &str| {
        let module = ParcelModule {
            version: version.to_owned(),
            ..module("a", &[])
        };
        ParcelIndex::new(2, vec![module]).is_ok()
    };
    assert!(version("1.2.3-beta.1+build") && version(&"1".repeat(VERSION_BYTES_MAX)));
    for bad in ["", "1 2", "1/2", &"1".repeat(VERSION_BYTES_MAX + 1)] {
        assert!(!version(bad), "{bad}");
    }
    let read = |text: &str| ParcelIndex::read(text.as_bytes());
    let whole = r#"{"form":1,"flows":2,"modules":[{"name":"a","version":"1","files":[{"path":"x","bytes":1}]}]}"#;
    assert!(read(whole).is_ok());
    assert_eq!(
        read(&whole.replace("form\":1", "form\":2")),
        Err(ParcelFault::Version(2))
    );
    for bad in [
        whole.replace("\"bytes\":1", "\"bytes\":-1"),
        whole.replace("\"bytes\":1", "\"bytes\":1,\"mode\":511"),
        whole.replace("\"path\":\"x\"", "\"path\":\"x\",\"path\":\"y\""),
        format!("{whole}{whole}"),
        "[]".to_owned(),
        String::new(),
    ] {
        assert!(matches!(read(&bad), Err(ParcelFault::Form(_))), "{bad}");
    }
    let long = format!("{whole}{}", " ".repeat(PARCEL_INDEX_BYTES_MAX));
    assert_eq!(read(&long), Err(ParcelFault::Index));
}

proptest! {
    #[test]
    fn any_line_is_read_or_refused(line: Vec<u8>) {
        let _ = ParcelIndex::read(&line);
    }

    #[test]
    fn no_path_that_is_taken_leads_elsewhere(path in "[a./\\\\]{0,12}") {
        let index = ParcelIndex::new(2, vec![module("a", &[(&path, 1)])]);
        if index.is_ok() {
            let whole = std::path::Path::new("/m").join(&path);
            let plain = whole.components().all(|part| {
                matches!(part, std::path::Component::Normal(_) | std::path::Component::RootDir)
            });
            prop_assert!(plain && whole.starts_with("/m") && whole != std::path::Path::new("/m"));
        }
    }
}
