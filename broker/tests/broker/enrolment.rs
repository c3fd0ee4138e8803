//! The enrolment door over real TLS sockets, with a centre that speaks through the sanitizer's session of the cell.

#[path = "enrolment/answers.rs"]
mod answers;
#[path = "enrolment/crowd.rs"]
mod crowd;
#[path = "enrolment/door.rs"]
mod door;
#[path = "enrolment/link.rs"]
mod link;
