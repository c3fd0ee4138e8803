//! Tells cargo that the embedded migrations, pages and assets are inputs of the build.

fn main() {
    for folder in ["migrations", "templates", "assets"] {
        rerun_if_changed(folder);
    }
}

fn rerun_if_changed(folder: &str) {
    println!("cargo::rerun-if-changed={folder}");
}
