//! Writes a part's tags as ours, one after the other.

use super::edits::Edits;
use super::place::{self, Lift, lift};
use super::{Draft, Writing, Written};
use crate::docxtemplater::expression::Expr;
use crate::docxtemplater::scan::Mark;
use crate::docxtemplater::scopes::Scopes;
use crate::docxtemplater::sections::{Section, decide};
use crate::docxtemplater::translate::Translator;
use crate::docxtemplater::{Remark, Weight};

/// Why a section's other end is left as well.
const OTHER_END: &str = "the other end of this section could not be taken over";

/// A section that is open while the part is written: what ends it, or nothing when it is left.
struct Open {
    id: usize,
    ending: Option<(&'static str, Lift)>,
    scoped: bool,
}

pub(super) struct Writer<'d, 'a, 'w> {
    draft: &'d Draft<'a>,
    writing: &'d Writing<'w>,
    scopes: Scopes<'w>,
    open: Vec<Open>,
    edits: Edits,
    taken: usize,
    remarks: Vec<Remark>,
}

impl<'d, 'a, 'w> Writer<'d, 'a, 'w> {
    pub(super) fn new(draft: &'d Draft<'a>, writing: &'d Writing<'w>) -> Self {
        Self {
            draft,
            writing,
            scopes: Scopes {
                root: writing.shape,
                root_names: writing.outermost.clone(),
                stack: Vec::new(),
            },
            open: Vec::new(),
            edits: Edits::default(),
            taken: 0,
            remarks: Vec::new(),
        }
    }

    /// The part with everything that was written.
    pub(super) fn finish(mut self) -> Written {
        for literal in &self.draft.literals {
            self.edits.literal(*literal);
        }
        Written {
            xml: self.edits.apply(&self.draft.tokens),
            taken: self.taken,
            remarks: self.remarks,
        }
    }

    /// Takes the next tag.
    pub(super) fn tag(&mut self, id: usize) {
        let draft = self.draft;
        let placed = &draft.tags[id];
        match &placed.tag.mark {
            Mark::Value(_) => self.value(id),
            Mark::Picture { centred, .. } => self.picture(id, *centred),
            Mark::Open { .. } => self.opening(id),
            Mark::Close(_) => self.closing(id),
            Mark::Delimiters => self.edits.replace(&placed.covers, String::new()),
            Mark::Foreign(message, hint) => self.left(id, message, Some(hint)),
            Mark::Unclosed => {
                let hint = "close it; braces that are text can stay, they mean nothing here";
                self.remark(
                    id,
                    Weight::Look,
                    "the tag is never closed in its paragraph",
                    Some(hint),
                );
            }
        }
    }

    fn remark(&mut self, id: usize, weight: Weight, message: &str, hint: Option<&str>) {
        let remark = self.draft.tags[id].remark(self.draft.part, weight, message, hint);
        self.remarks.push(remark);
    }

    /// Keeps a tag as a remark of the template's, which is never printed.
    fn left(&mut self, id: usize, message: &str, hint: Option<&str>) {
        let draft = self.draft;
        let placed = &draft.tags[id];
        let kept = format!("{{# {} #}}", placed.tag.shown.replace("#}", "# }"));
        self.edits.replace(&placed.covers, kept);
        self.remark(id, Weight::Left, message, hint);
    }

    fn taken(&mut self, id: usize, text: String) {
        let draft = self.draft;
        self.edits.replace(&draft.tags[id].covers, text);
        self.taken += 1;
    }

    fn value(&mut self, id: usize) {
        let draft = self.draft;
        let expr = match &draft.tags[id].expr {
            Some(Ok(expr)) => expr,
            Some(Err(message)) => return self.left(id, message, None),
            None => return,
        };
        let translator = Translator {
            scopes: &self.scopes,
        };
        if let Expr::Assign(name, inner) = expr {
            match translator.value(inner) {
                Ok(piece) => self.taken(id, format!("{{% set {name} = {} %}}", piece.text)),
                Err(message) => self.left(id, &message, None),
            }
            return;
        }
        let piece = match translator.value(expr) {
            Ok(piece) => piece,
            Err(message) => return self.left(id, &message, None),
        };
        if matches!(expr, Expr::Both("/", ..)) {
            let hint = "add |number(2) to say how many decimals are shown";
            self.remark(
                id,
                Weight::Look,
                "a quotient is printed with its decimals: 5.0",
                Some(hint),
            );
        }
        let shape = piece.shape;
        let text = if !piece.sure && shape.is_some() {
            let message =
                "the sample does not always have it; the old system printed \"undefined\" there";
            self.remark(id, Weight::Look, message, None);
            piece.filtered("default")
        } else if shape.is_some_and(|shape| shape.truth && !shape.text) {
            // Where JavaScript prints true, Jinja prints True.
            piece.filtered("lower")
        } else if shape
            .is_some_and(|shape| shape.items.as_ref().is_some_and(|item| !item.is_object()))
        {
            piece.filtered("join(\",\")")
        } else {
            piece.text
        };
        self.taken(id, format!("{{{{ {text} }}}}"));
    }

    fn picture(&mut self, id: usize, centred: bool) {
        let draft = self.draft;
        let expr = match &draft.tags[id].expr {
            Some(Ok(expr)) => expr,
            Some(Err(message)) => return self.left(id, message, None),
            None => return,
        };
        match (Translator {
            scopes: &self.scopes,
        })
        .value(expr)
        {
            Ok(piece) => {
                let hint = if centred {
                    "centre its paragraph in Word, and say how wide it is: |image(width=\"8cm\")"
                } else {
                    "say how wide it is: |image(width=\"8cm\")"
                };
                self.remark(
                    id,
                    Weight::Look,
                    "the old program decided the picture's size",
                    Some(hint),
                );
                self.taken(id, format!("{{{{ {} }}}}", piece.filtered("image")));
            }
            Err(message) => self.left(id, &message, None),
        }
    }

    fn opening(&mut self, id: usize) {
        let Some(partner) = self.draft.tags[id].partner else {
            return self.left(id, "the section is never closed", None);
        };
        let decided = self.section(id, partner);
        let (section, lift) = match decided {
            Ok(decided) => decided,
            Err(message) => {
                self.open.push(Open {
                    id,
                    ending: None,
                    scoped: false,
                });
                return self.left(id, &message, None);
            }
        };
        if section.guessed && self.writing.shape.is_none() {
            let what = if section.closing == "endfor" {
                "a loop over a list"
            } else {
                "a question"
            };
            let message = format!("taken for {what}");
            let hint = "with a sample of the old data (--data) nothing is guessed";
            self.remark(id, Weight::Look, &message, Some(hint));
        }
        self.place(id, &section.opening, &lift, true);
        let scoped = section.scope.is_some();
        self.scopes.stack.extend(section.scope);
        self.open.push(Open {
            id,
            ending: Some((section.closing, lift)),
            scoped,
        });
    }

    fn section(&self, id: usize, partner: usize) -> Result<(Section<'w>, Lift), String> {
        let draft = self.draft;
        let (placed, other) = (&draft.tags[id], &draft.tags[partner]);
        let Mark::Open {
            inverted, expand, ..
        } = &placed.tag.mark
        else {
            return Err("it opens nothing".to_owned());
        };
        let lift = lift(
            &self.draft.tokens,
            placed,
            other,
            expand.as_deref(),
            self.draft.paragraph_loop,
        )?;
        let expr = match &placed.expr {
            Some(Ok(expr)) => expr,
            Some(Err(message)) => return Err(message.clone()),
            None => return Err("it has no name".to_owned()),
        };
        let body = self.draft.body(id, &lift);
        let section = decide(expr, *inverted, &body, &self.scopes, self.writing.names)?;
        Ok((section, lift))
    }

    fn closing(&mut self, id: usize) {
        let Some(partner) = self.draft.tags[id].partner else {
            return self.left(id, "it closes nothing", None);
        };
        let Some(open) = self.open.pop_if(|open| open.id == partner) else {
            return self.left(id, OTHER_END, None);
        };
        if open.scoped {
            self.scopes.stack.pop();
        }
        match open.ending {
            Some((closing, lift)) => self.place(id, closing, &lift, false),
            None => self.left(id, OTHER_END, None),
        }
    }

    /// Writes a statement in the tag's place, or into an element of its own beside the one that is repeated.
    fn place(&mut self, id: usize, statement: &str, lift: &Lift, opens: bool) {
        let text = format!("{{%{} {statement} %}}", lift.mark());
        match lift {
            Lift::Inline | Lift::Here(_) => self.taken(id, text),
            Lift::Beside(mark, first, last) => {
                let element = if opens { *first } else { *last };
                let made = place::holder(&self.draft.tokens, mark, element, &text);
                if opens {
                    self.edits.before(element, made);
                } else {
                    self.edits.after(self.draft.tokens[element].partner, made);
                }
                self.taken(id, String::new());
            }
        }
    }
}
