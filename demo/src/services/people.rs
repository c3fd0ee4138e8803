//! Who is in the demonstration's directory.

use spokegate_daemon::Secret;

use crate::directory::{Content, Group, Person};

/// May use the forms.
pub(crate) const FORMS_GROUP: &str = "forms-users";
/// May administer.
pub(crate) const ADMIN_GROUP: &str = "fabric-admins";

/// alice may use the forms; carol administers, and uses the forms because administrators are in the forms group; erin
/// is in no group.
pub(crate) fn content(password: &Secret, service_password: &Secret) -> Content {
    let person = |uid: &str, name: &str| Person {
        uid: uid.to_owned(),
        name: name.to_owned(),
        password: password.clone(),
    };
    let group = |name: &str, people: &[&str], groups: &[&str]| Group {
        name: name.to_owned(),
        people: people.iter().map(|uid| (*uid).to_owned()).collect(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    };
    Content {
        people: vec![
            person("alice", "Alice Moreau"),
            person("carol", "Carol Tan"),
            person("erin", "Erin Vale"),
        ],
        groups: vec![
            group(ADMIN_GROUP, &["carol"], &[]),
            group(FORMS_GROUP, &["alice"], &[ADMIN_GROUP]),
        ],
        service_password: service_password.clone(),
    }
}
