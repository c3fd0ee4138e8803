//! What people see before they do anything.

use clap::{CommandFactory as _, Parser as _};

use super::Operator;

#[test]
fn the_help_of_every_verb_is_the_golden_one() {
    let mut text = String::new();
    help(Operator::command(), &mut text);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/help.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        golden == text,
        "the help changed; UPDATE_GOLDEN=1 cargo test -p spokegate-provisioner"
    );
}

#[test]
fn no_secret_is_taken_from_the_command_line() {
    fn check(command: &clap::Command) {
        for argument in command.get_arguments() {
            let name = argument.get_id().as_str();
            let secret = ["token", "secret", "key", "password", "proof"].contains(&name);
            assert!(!secret, "{} --{name}", command.get_name());
        }
        command.get_subcommands().for_each(check);
    }
    check(&Operator::command());
}

#[test]
fn a_list_is_not_raised_to_where_no_other_can_follow() {
    let raised = |above: &str| {
        Operator::try_parse_from([
            "spokegate",
            "crl",
            "raise",
            "--directory",
            "ca",
            "--above",
            above,
        ])
    };
    assert!(raised("281474976710656").is_ok());
    assert!(raised("281474976710657").is_err() && raised("18446744073709551615").is_err());
}

/// The long help of a command and of all below it.
fn help(mut command: clap::Command, text: &mut String) {
    command = command.term_width(100).disable_help_subcommand(true);
    command.build();
    append(&mut command, text);
}

fn append(command: &mut clap::Command, text: &mut String) {
    let name = command.get_bin_name().unwrap_or("spokegate").to_owned();
    let shown = command.render_long_help();
    *text += &format!("$ {name} --help\n{shown}\n");
    for below in command.get_subcommands_mut() {
        if below.get_name() != "help" {
            append(below, text);
        }
    }
}
