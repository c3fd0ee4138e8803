//! Tells cargo that the embedded migrations, pages and assets are inputs of the build.

fn main() {
    for folder in ["migrations", "templates", "assets"] {
        rerun_if_changed(folder);
    }
}

#[expect(
    clippy::print_stdout,
    reason = "standard output is how a build script speaks to cargo"
)]
fn rerun_if_changed(folder: &str) {
    println!("cargo::rerun-if-changed={folder}");
}
