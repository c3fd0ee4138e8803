//! What a newcomer reads.

use std::fmt::Write as _;

use crate::Fabric;

/// Addresses, sign-ins and what to try.
pub(crate) fn text(fabric: &Fabric) -> String {
    let (forms, admin, password) = (
        fabric.forms_url(),
        fabric.admin_url(),
        fabric.password().expose(),
    );
    let end = if fabric.keeps_state() {
        "what it stores stays in the folder below;\n  passwords and certificates are made anew at each start."
    } else {
        "all of it is thrown away at the end."
    };
    let source = if fabric.uses_node_red() {
        "real Node-RED, one for each customer"
    } else {
        "A BUILT-IN SOURCE: there is no Node-RED on this machine (the log says why)"
    };
    let customers: String = fabric
        .satellites()
        .iter()
        .map(|satellite| {
            format!(
                "               {} ({})\n",
                satellite.tenant().title,
                satellite.tenant().id
            )
        })
        .collect();
    let ca = fabric.ca_file();
    let ca = ca.display();
    let mut text = format!(
        "
  Spokegate runs on this machine. Nothing of it is reachable from elsewhere, and {end}

  Forms        {forms}
  Admin        {admin}
               The browser warns about the certificate: its authority is as old as this start. Go on past it.
  API          {forms}/api/v1 and {admin}/api/v1
  CA file      {ca}
               For programs: `curl --cacert`, or `ca` in the file that `spokegate report` reads.

  Sign in as   alice   forms
               carol   forms and administration
               erin    in no group, so let in nowhere
  Password     {password}   (all three)

  Customers    with data from {source}
{customers}
  Try          1. Sign in to the forms as alice, open \"Customer overview\", choose both customers, make the report.
                  Watch the data come in from their segments, and download the Word document.
               2. Look at the administration as carol: satellites, quarantine, sessions, the audit trail.
"
    );
    if let Some((title, id)) = killable(fabric) {
        let _ = writeln!(
            text,
            "               3. Stop {title}'s Node-RED with `kill {id}` and make the report again: the run says what is missing."
        );
    }
    let _ = write!(
        text,
        "\n  State        {}\n  Stop         Ctrl-C\n\n",
        fabric.folder().display()
    );
    text
}

/// A Node-RED for the visitor to stop.
fn killable(fabric: &Fabric) -> Option<(&str, u32)> {
    let satellite = fabric.satellites().last()?;
    Some((&satellite.tenant().title, satellite.node_red()?.id()))
}
