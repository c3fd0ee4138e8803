//! Names that authors cannot use: those of the helpers that prepared sources call, which write markup as it is.

use minijinja::machinery::{Token, tokenize};

use super::syntax;
use crate::locate::{Faults, Place};

/// What they begin with.
pub(crate) const OWN_NAMES: &str = "__";
/// What an author is told who uses one.
pub(crate) const OWN_NAMES_TOLD: &str = "names that begin with __ belong to the engine";

/// Reports a name of the engine's own in what an author wrote.
pub(crate) fn own_names(body: &str, place: &Place, faults: &mut Faults) {
    if names_engine(body) == Some(true) {
        let hint = "give the value another name".to_owned();
        faults.add(place.error(OWN_NAMES_TOLD, Some(hint)));
    }
}

/// True when code names something of the engine's own, also as the filter that `map` is given; none when it cannot be
/// read.
pub(crate) fn names_engine(code: &str) -> Option<bool> {
    let mut behind_dot = false;
    // A filter that is given the name of another one or of a test, and its bracket.
    let (mut giver, mut given) = (false, false);
    for token in tokenize(code, true, syntax()) {
        let (token, _) = token.ok()?;
        let name = match &token {
            Token::Ident(name) if !behind_dot => *name,
            Token::Str(text) if given => *text,
            Token::String(text) if given => &**text,
            _ => "",
        };
        if name.starts_with(OWN_NAMES) {
            return Some(true);
        }
        behind_dot = matches!(token, Token::Dot);
        given = giver && matches!(token, Token::ParenOpen);
        giver = matches!(token, Token::Ident("map" | "select" | "reject"));
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::names_engine;

    #[test]
    fn names_of_the_engine_are_found_in_code_only() {
        let check = |code: &str, expected| assert_eq!(names_engine(code), expected, "{code}");
        check("__kept(x, [])", Some(true));
        check("'v'|__runs('<w:object/>', false)", Some(true));
        check("set __x = 1", Some(true));
        check("filter __plain", Some(true));
        check("[x]|map('__plain')", Some(true));
        check("[x]|map (\"\\x5f_plain\")", Some(true));
        check("[x]|select( '__x' )", Some(true));
        check("{'a': __kept}", Some(true));
        check("x if y is __z else 1", Some(true));
        check("a.__class__ ~ '__kept' ~ a['__b'] ~ _c ~ d__e", Some(false));
        check("[x]|map('upper', '__kept')", Some(false));
        check("x, title='", None);
    }
}
