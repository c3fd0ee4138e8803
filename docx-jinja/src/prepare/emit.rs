//! Writes the minijinja source of a part.

use super::cells::{self, Directive};
use super::drawings;
use super::structure::Structure;
use super::{Draft, EXPRESSION, Piece, Prepared, STATEMENT, lists};
use crate::check;
use crate::locate::{Faults, SourceMap};
use crate::numbering::RESTART;
use crate::tags::TagKind;
use crate::values::{DRAWING_ID, ROOM};
use crate::xml::{self, Kind, Token};

/// Filter that escapes a value where `w:br` and `w:tab` cannot stand.
pub(crate) const PLAIN: &str = "__plain";

/// Writes all tokens with everything that replaces or joins them.
pub(super) fn write(draft: &Draft<'_>, faults: &mut Faults) -> Prepared {
    let size = draft.tokens.iter().map(|t| t.raw.len()).sum::<usize>();
    let mut emitter = Emitter {
        draft,
        source: String::with_capacity(size + size / 8),
        map: SourceMap::default(),
        structure: Structure::new(draft),
    };
    let mut index = 0;
    while index < draft.tokens.len() {
        index = emitter.token(index, faults);
    }
    emitter.structure.finish(faults);
    Prepared {
        source: emitter.source,
        map: emitter.map,
        idle: false,
    }
}

struct Emitter<'d, 'a> {
    draft: &'d Draft<'a>,
    source: String,
    map: SourceMap,
    structure: Structure<'d, 'a>,
}

impl Emitter<'_, '_> {
    /// Writes the token and gives the index of the next one to write.
    fn token(&mut self, index: usize, faults: &mut Faults) -> usize {
        let token = self.draft.tokens[index];
        for &id in self.draft.before.get(&index).into_iter().flatten() {
            self.tag(id, token.parent, faults);
        }
        if let Some(global) = self.draft.guards.get(&index) {
            self.expression(global);
        }
        for piece in self.draft.fronts.get(&index).into_iter().flatten() {
            self.piece(piece, token.parent, faults);
        }
        let next = match self.draft.overrides.get(&index) {
            Some((last, pieces)) => {
                for piece in pieces {
                    match piece {
                        Piece::Raw(raw) => self.raw(token.raw, raw),
                        _ => self.piece(piece, token.parent, faults),
                    }
                }
                last + 1
            }
            None => {
                self.plain(index, token);
                index + 1
            }
        };
        for piece in self.draft.backs.get(&index).into_iter().flatten() {
            self.piece(piece, token.parent, faults);
        }
        for &id in self.draft.after.get(&index).into_iter().flatten() {
            self.tag(id, token.parent, faults);
        }
        next
    }

    fn plain(&mut self, index: usize, token: Token<'_>) {
        let text = index + 1;
        let filled = token.name == "w:t"
            && token.kind == Kind::Open
            && self.draft.overrides.contains_key(&text);
        if filled && xml::attribute(token.raw, "xml:space").is_none() {
            self.source.push_str(token.raw.trim_end_matches('>'));
            self.source.push_str(" xml:space=\"preserve\">");
        } else {
            self.raw(token.raw, token.raw);
        }
    }

    /// A piece of a tag of the template; drawings that a loop repeats are numbered anew.
    fn raw(&mut self, tag: &str, raw: &str) {
        match drawings::numbered(tag, raw).filter(|_| self.structure.in_loop()) {
            Some((before, behind)) => {
                self.source.push_str(before);
                self.expression(&format!("{DRAWING_ID}()"));
                self.source.push_str(behind);
            }
            None => self.source.push_str(raw),
        }
    }

    fn piece(&mut self, piece: &Piece<'_>, anchor: usize, faults: &mut Faults) {
        match piece {
            Piece::Raw(raw) => self.raw(raw, raw),
            Piece::Made(raw) => self.source.push_str(raw),
            Piece::Tag(id) => self.tag(*id, anchor, faults),
            Piece::Expression(body) => self.expression(body),
            Piece::Told { place, expression } => {
                let mut place = place.clone();
                place.loops = self.structure.loops();
                self.map.add(self.source.len(), place);
                self.expression(expression);
            }
            Piece::Asked { id, before, behind } => self.asked(*id, before, behind),
            Piece::Statement(body) => self.statement(body),
            Piece::Wall(id) => self.structure.wall(*id, faults),
            Piece::WallEnd(id) => self.structure.wall_end(*id, faults),
        }
    }

    fn tag(&mut self, id: usize, anchor: usize, faults: &mut Faults) {
        let placed = &self.draft.tags[id];
        let tag = &placed.tag;
        if Directive::of(tag).is_some() {
            let cell = xml::ancestor(&self.draft.tokens, anchor, "w:tc");
            self.structure.directive(id, cell, faults);
            return;
        }
        if lists::is_directive(tag) {
            return;
        }
        let (open, close) = match tag.kind {
            TagKind::Comment => return,
            TagKind::Statement => STATEMENT,
            TagKind::Variable => EXPRESSION,
        };
        let mut place = placed.place.clone();
        place.loops = self.structure.loops();
        self.map.add(self.source.len(), place);
        if tag.kind == TagKind::Statement {
            self.structure.statement(id, anchor, faults);
        }
        if let Some(insert) = &placed.insert {
            self.source.push_str(insert.before());
        }
        self.source.push_str(open);
        self.source.push_str(if tag.trim.0 { "-" } else { " " });
        // A tag that could not be guarded is a fault already.
        let guarded = check::guarded(tag).ok().flatten();
        let body = guarded.as_deref().unwrap_or(&tag.body);
        self.body(id, body);
        self.source.push_str(if tag.trim.1 { "-" } else { " " });
        self.source.push_str(close);
        if let Some(insert) = &placed.insert {
            self.source.push_str(&insert.after());
        }
        if matches!(tag.keyword(), "for" | "if" | "macro" | "set" | "with")
            && tag.kind == TagKind::Statement
        {
            self.watch(tag.trim.1);
        }
        for list in self.draft.restarts.get(&id).into_iter().flatten() {
            let close = if tag.trim.1 { "-" } else { " " };
            let (open, end) = EXPRESSION;
            self.source
                .push_str(&format!("{open} {RESTART}({list}){close}{end}"));
        }
    }

    /// A tag's body with the filters that its place asks for.
    fn body(&mut self, id: usize, body: &str) {
        let placed = &self.draft.tags[id];
        let room = self.draft.rooms.get(&id);
        let room = room.map(|room| format!("{ROOM}({room})"));
        let is_plain = placed.tag.kind == TagKind::Variable && !placed.in_run;
        let place = match &placed.insert {
            Some(insert) => Some(insert.filter()),
            None => is_plain.then(|| PLAIN.to_owned()),
        };
        if room.is_none() && place.is_none() {
            self.source.push_str(body);
            return;
        }
        self.source.push('(');
        self.source.push_str(body);
        self.source.push(')');
        for filter in room.iter().chain(&place) {
            self.source.push('|');
            self.source.push_str(filter);
        }
    }

    /// Writes nothing, which has the engine look at the time.
    fn watch(&mut self, trim: bool) {
        let (open, close) = EXPRESSION;
        self.source.push_str(open);
        self.source
            .push_str(if trim { " none -" } else { " none " });
        self.source.push_str(close);
    }

    /// Writes what a directive asks for, where it belongs.
    fn asked(&mut self, id: usize, before: &str, behind: &str) {
        let placed = &self.draft.tags[id];
        let mut place = placed.place.clone();
        place.loops = self.structure.loops();
        self.map.add(self.source.len(), place);
        let tag = cells::expression(&placed.tag);
        let guarded = check::guarded(&tag).ok().flatten();
        let body = guarded.as_deref().unwrap_or(&tag.body);
        self.expression(&format!("{before}{body}{behind}"));
    }

    fn statement(&mut self, body: &str) {
        self.source.push_str(STATEMENT.0);
        self.source.push(' ');
        self.source.push_str(body);
        self.source.push(' ');
        self.source.push_str(STATEMENT.1);
    }

    fn expression(&mut self, body: &str) {
        self.source.push_str(EXPRESSION.0);
        self.source.push(' ');
        self.source.push_str(body);
        self.source.push(' ');
        self.source.push_str(EXPRESSION.1);
    }
}
