use super::*;

const PDF: &[u8] = b"%PDF-1.4\n%%EOF\n";

/// What is taken from a folder that was left like this.
fn taken(leave: impl Fn(&Path)) -> Result<Vec<u8>, String> {
    let around = tempfile::tempdir().unwrap();
    let document = around.path().join("a.docx");
    std::fs::write(&document, "x").unwrap();
    std::fs::write(around.path().join("other.pdf"), PDF).unwrap();
    let folder = Folder::prepare(&document, around.path()).unwrap();
    leave(folder.path());
    let taken = folder.take(1_000).map(|(file, bytes)| {
        let text = std::fs::read(file.path()).unwrap();
        assert_eq!(text.len() as u64, bytes);
        text
    });
    drop(folder);
    let mut names: Vec<_> = std::fs::read_dir(around.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["a.docx", "other.pdf"], "nothing is left behind");
    assert_eq!(std::fs::read(around.path().join("other.pdf")).unwrap(), PDF);
    taken.map_err(|failure| failure.to_string())
}

#[test]
fn only_a_plain_whole_pdf_is_taken() {
    use std::os::unix::fs::symlink;
    let write = |folder: &Path, text: &[u8]| std::fs::write(folder.join(MADE), text).unwrap();
    assert_eq!(taken(|folder| write(folder, PDF)).unwrap(), PDF);

    let check = |what: &str, leave: &dyn Fn(&Path)| {
        let told = taken(leave).unwrap_err();
        assert!(told.contains("it left no whole file"), "{what}: {told}");
    };
    check("nothing", &|_| {});
    check("an empty file", &|folder| write(folder, b""));
    check("no head", &|folder| write(folder, b"secret\n%%EOF\n"));
    check("no end", &|folder| write(folder, b"%PDF-1.4\n"));
    check("too large", &|folder| {
        write(folder, &[PDF, &[b' '; 1_000], PDF].concat());
    });
    check("a link to another document", &|folder| {
        symlink("../other.pdf", folder.join(MADE)).unwrap();
    });
    check("a second name of another document", &|folder| {
        std::fs::hard_link(folder.join("../other.pdf"), folder.join(MADE)).unwrap();
    });
    check("a link to its own file", &|folder| {
        std::fs::write(folder.join("own.pdf"), PDF).unwrap();
        symlink("own.pdf", folder.join(MADE)).unwrap();
    });
    check("a folder", &|folder| {
        std::fs::create_dir(folder.join(MADE)).unwrap();
    });
    check("a pipe", &|folder| {
        rustix::fs::mkfifoat(rustix::fs::CWD, folder.join(MADE), Mode::RWXU).unwrap();
    });
}

#[test]
fn a_folder_of_any_depth_is_removed_and_no_link_is_followed() {
    let around = tempfile::tempdir().unwrap();
    let kept = around.path().join("kept");
    std::fs::create_dir(&kept).unwrap();
    std::fs::write(kept.join("file"), "x").unwrap();
    let folder = around.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink(&kept, folder.join("link")).unwrap();
    // Names that the moved ones might have got, and a path that is longer than any name of a file may be.
    std::fs::write(folder.join("1"), "x").unwrap();
    std::fs::create_dir_all(folder.join("2/3")).unwrap();
    let mut deepest = open(rustix::fs::CWD, &folder).unwrap();
    for _ in 0..3_000 {
        rustix::fs::mkdirat(&deepest, "deep", Mode::RWXU).unwrap();
        rustix::fs::symlinkat("../../kept", &deepest, "away").unwrap();
        deepest = open(&deepest, "deep").unwrap();
    }
    remove(&folder).unwrap();
    assert!(!folder.exists());
    assert_eq!(std::fs::read(kept.join("file")).unwrap(), b"x");

    std::os::unix::fs::symlink(&kept, &folder).unwrap();
    remove(&folder).unwrap_err();
    assert_eq!(std::fs::read(kept.join("file")).unwrap(), b"x");
}
