//! The program `spokegate-sanitizer`.

use std::process::ExitCode;

fn main() -> ExitCode {
    spokegate_daemon::cli::main::<spokegate_sanitizer::SanitizerService>()
}
