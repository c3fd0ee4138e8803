//! The agent, whole, as a later version of itself: what a satellite is updated to in the tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    spokegate_agent::main("99.0.0")
}
