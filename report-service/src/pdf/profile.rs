//! The settings under which LibreOffice opens a document that it must not trust.

use std::io;
use std::path::Path;

/// Registry path, property, value.
const SETTINGS: &[(&str, &str, &str)] = &[
    // Nothing is fetched for a document from nowhere: no linked picture, from the network or from the disk.
    (
        "Common/Security/Scripting",
        "BlockUntrustedRefererLinks",
        "true",
    ),
    (
        "Common/Security/Scripting",
        "DisableMacrosExecution",
        "true",
    ),
    ("Common/Security/Scripting", "MacroSecurityLevel", "3"),
    // Links are updated never.
    ("Writer/Content/Update", "Link", "2"),
    ("Calc/Content/Update", "Link", "2"),
    ("Common/Misc", "FirstRun", "false"),
];

/// Makes a profile with these settings and nothing else.
pub(super) fn write(folder: &Path) -> io::Result<()> {
    let user = folder.join("user");
    std::fs::create_dir_all(&user)?;
    let items: String = SETTINGS
        .iter()
        .map(|(path, name, value)| {
            format!(
                "<item oor:path=\"/org.openoffice.Office.{path}\"><prop oor:name=\"{name}\" oor:op=\"fuse\">\
                 <value>{value}</value></prop></item>\n"
            )
        })
        .collect();
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<oor:items xmlns:oor=\"http://openoffice.org/2001/registry\" \
         xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n\
         {items}</oor:items>\n"
    );
    std::fs::write(user.join("registrymodifications.xcu"), text)
}
