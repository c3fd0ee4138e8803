//! The program `spokegate-sanitizer`.

use std::process::ExitCode;

fn main() -> ExitCode {
    spokegate_sanitizer::main()
}
