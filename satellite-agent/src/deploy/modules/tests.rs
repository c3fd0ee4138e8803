use spokegate_contract::parcel_index::{ParcelFile, ParcelModule};

use super::*;

fn index(files: &[(&str, &str)]) -> ParcelIndex {
    let file = |(path, text): &(&str, &str)| ParcelFile {
        path: (*path).to_owned(),
        bytes: text.len() as u64,
    };
    let module = ParcelModule {
        name: "@msp/x".to_owned(),
        version: "1.0.0".to_owned(),
        files: files.iter().map(file).collect(),
    };
    ParcelIndex::new(2, vec![module]).unwrap()
}

fn parcel(files: &[(&str, &str)]) -> Vec<u8> {
    let mut whole = index(files).line().unwrap();
    whole.extend(b"[]");
    files
        .iter()
        .for_each(|(_, text)| whole.extend(text.as_bytes()));
    whole
}

struct World {
    folder: tempfile::TempDir,
    modules: Modules,
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let modules = Modules::below(folder.path());
    World { folder, modules }
}

impl World {
    fn unpack(&self, bytes: &[u8]) -> io::Result<Unpacked> {
        let path = self.folder.path().join("aa.part");
        std::fs::write(&path, bytes).unwrap();
        self.modules.unpack(&path)
    }

    fn there(&self) -> usize {
        std::fs::read_dir(self.folder.path().join(FOLDER))
            .unwrap()
            .count()
    }
}

#[test]
fn flows_alone_are_used_where_they_are() {
    let world = world();
    let unpacked = world.unpack(b"[]").unwrap();
    assert_eq!(unpacked.modules, None);
    assert_eq!(unpacked.flows, world.folder.path().join("aa.part"));
    assert!(!world.folder.path().join(FOLDER).exists());
}

#[test]
fn modules_are_unpacked_put_in_force_and_swept() {
    let world = world();
    let one = world
        .unpack(&parcel(&[("lib/x.js", "x"), ("package.json", "{}")]))
        .unwrap();
    assert_eq!(std::fs::read(&one.flows).unwrap(), b"[]");
    let name = one.modules.unwrap();
    let folder = world.modules.at(&name);
    let file = folder.join("node_modules/@msp/x/lib/x.js");
    assert_eq!(std::fs::read(&file).unwrap(), b"x");
    assert_eq!(names(&folder), ["@msp/x"]);
    assert_eq!(world.modules.in_force(), None);
    world.modules.put(Some(&name)).unwrap();
    assert_eq!(world.modules.in_force(), Some(folder.clone()));
    // The same once more, and another one that is not put in force.
    let again = world
        .unpack(&parcel(&[("lib/x.js", "x"), ("package.json", "{}")]))
        .unwrap();
    assert_eq!(again.modules.as_deref(), Some(name.as_str()));
    let print = fingerprint(&folder).unwrap();
    let other = world
        .unpack(&parcel(&[("lib/x.js", "y"), ("package.json", "{}")]))
        .unwrap();
    assert_ne!(
        fingerprint(&world.modules.at(&other.modules.unwrap())).unwrap(),
        print
    );
    assert_eq!(world.there(), 2);
    world.modules.sweep().unwrap();
    assert_eq!(
        (world.there(), world.modules.in_force().is_some()),
        (1, true)
    );
    assert_eq!(fingerprint(&folder).unwrap(), print);
    std::fs::write(folder.join("node_modules/@msp/x/more.js"), "").unwrap();
    assert_ne!(fingerprint(&folder).unwrap(), print);
    world.modules.put(None).unwrap();
    world.modules.sweep().unwrap();
    assert_eq!((world.there(), world.modules.in_force()), (0, None));
}

#[test]
fn what_is_not_as_its_index_says_is_refused() {
    let whole = parcel(&[("a.js", "abc")]);
    let world = world();
    assert!(world.unpack(&whole).is_ok());
    for (bytes, words) in [
        (whole[..whole.len() - 1].to_vec(), "shorter"),
        ([&whole[..], b"x"].concat(), "longer"),
        (b"{".to_vec(), "no end"),
        (b"{}\n".to_vec(), "cannot be read"),
        (vec![b'{'; PARCEL_INDEX_BYTES_MAX + 2], "no end"),
        (
            String::from_utf8(whole.clone())
                .unwrap()
                .replace("a.js", "../a")
                .into(),
            "no path",
        ),
    ] {
        let error = world.unpack(&bytes).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    // What was begun is nobody's, and goes.
    world.modules.sweep().unwrap();
    assert_eq!(world.there(), 0);
}

#[test]
fn a_note_that_names_another_place_is_none() {
    let world = world();
    for text in ["", "..", "../../x", "aa"] {
        std::fs::write(world.folder.path().join(IN_FORCE), text).unwrap();
        assert_eq!(world.modules.in_force(), None, "{text}");
    }
}
