//! Runs single cases of the original suite, which is not part of this repository, in processes of their own.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The suite's script runs all of its cases at once; this has it run the one that is named, or list them.
const ONE: &str = r#"
import runpy, sys, unittest
folder, port, name = sys.argv[1:4]
sys.path.insert(0, folder)
def one():
    cases = sys._getframe(1).f_globals["Test"]
    if name == "list":
        print("\n".join(unittest.TestLoader().getTestCaseNames(cases)))
        sys.exit(0)
    suite = unittest.TestSuite([cases(name)])
    sys.exit(0 if unittest.TextTestRunner().run(suite).wasSuccessful() else 1)
unittest.main = one
sys.argv = ["client_test.py", "--hostname", "127.0.0.1", "-p", port]
runpy.run_path(folder + "/client_test.py", run_name="__main__")
"#;

/// Longest that a case may take; some wait for a keep-alive to run out.
const CASE: Duration = Duration::from_secs(60);

fn command(folder: &str, port: u16, name: &str) -> Command {
    let folder = Path::new(folder).join("interoperability");
    let mut command = Command::new("python3");
    command
        .args(["-c", ONE])
        .arg(folder)
        .arg(port.to_string())
        .arg(name);
    command
}

/// The cases of the suite.
pub(crate) fn names(folder: &str) -> Vec<String> {
    let output = command(folder, 1_883, "list").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let names: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("test"))
        .map(str::to_owned)
        .collect();
    assert!(
        names.len() >= 10,
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    names
}

/// Whether the broker on this port passes a case.
pub(crate) fn passes(folder: &str, port: u16, name: &str) -> bool {
    let mut child = command(folder, port, name)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..CASE.as_millis() / 100 {
        if let Some(status) = child.try_wait().unwrap() {
            return status.success();
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}
