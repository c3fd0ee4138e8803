//! The lists of a document that is inserted: each begins anew at each place.

use minijinja::Error;

use super::Place;
use crate::additions;
use crate::numbering;
use crate::prepare::ListStyles;
use crate::subdocument::lists::Lists;

impl Place<'_> {
    /// The list that stands for one of the document; it begins anew each time that the document is inserted.
    pub(super) fn list(&mut self, number: u32) -> Result<u32, Error> {
        let import = self.import()?;
        if let Some(now) = import.lists_now.get(&number) {
            return Ok(*now);
        }
        let new = match import.lists.get(&number) {
            Some(first) => numbering::again(*first)?,
            None => {
                // A number without a list: no list.
                let Some(list) = import.source.lists.get(number).cloned() else {
                    return Ok(0);
                };
                numbering::define(&list.levels, &list.overrides)?
            }
        };
        let import = self.import()?;
        import.lists.entry(number).or_insert(new);
        import.lists_now.insert(number, new);
        Ok(new)
    }

    /// The numbering of a paragraph whose style gives it a list, so that this too begins anew; nothing where the
    /// style's own is the same.
    pub(super) fn list_of_style(&mut self, id: &str) -> Result<String, Error> {
        let Some((number, level)) = self.other_list(id)? else {
            return Ok(String::new());
        };
        Ok(format!(
            "<w:numPr><w:ilvl w:val=\"{level}\"/><w:numId w:val=\"{number}\"/></w:numPr>"
        ))
    }

    /// The indent of such a style, which that numbering would hide.
    pub(super) fn indent_of_style(&mut self, id: &str) -> Result<String, Error> {
        if self.other_list(id)?.is_none() {
            return Ok(String::new());
        }
        let style = self.style(id)?;
        let indent = if self.is_own(&style) {
            self.own_styles().indent(&style).map(str::to_owned)
        } else {
            self.source.list_styles.indent(id).map(str::to_owned)
        };
        Ok(indent.unwrap_or_default())
    }

    /// The list and level of a paragraph with this style, when it is another one than the style's.
    fn other_list(&mut self, id: &str) -> Result<Option<(u32, u32)>, Error> {
        let style = self.style(id)?;
        if !self.is_own(&style) {
            let Some((number, level)) = self.source.list_styles.numbering(id) else {
                return Ok(None);
            };
            let now = self.list(number)?;
            let first = self.import()?.lists.get(&number).copied();
            return Ok((first != Some(now)).then_some((now, level)));
        }
        let Some((number, level)) = self.own_styles().numbering(&style) else {
            return Ok(None);
        };
        let now = match self.import()?.own_lists_now.get(&number) {
            Some(now) => *now,
            None => self.own_list_apart(number)?,
        };
        self.import()?.own_lists_now.insert(number, now);
        Ok((now != number).then_some((now, level)))
    }

    /// A list like one of the template's that is counted apart from it; the same where nothing is counted. Lists of one
    /// kind go on counting after each other, so it is of a kind of its own.
    fn own_list_apart(&mut self, number: u32) -> Result<u32, Error> {
        if let Some(first) = self.import()?.own_lists.get(&number) {
            return numbering::again(*first);
        }
        let lists = self.imports.lists.get_or_insert_with(|| {
            let original = additions::original();
            let text = original.and_then(|original| original.text(&original.related("numbering")?));
            Lists::read(text.as_deref().unwrap_or_default())
        });
        let Some(list) = lists.get(number).filter(|list| list.is_counted()).cloned() else {
            return Ok(number);
        };
        let first = numbering::define(&list.levels, &list.overrides)?;
        self.import()?.own_lists.insert(number, first);
        Ok(first)
    }

    /// What the template's styles say about lists.
    fn own_styles(&mut self) -> &ListStyles {
        self.imports.list_styles.get_or_insert_with(|| {
            let original = additions::original();
            let text = original.and_then(|original| original.text(&original.related("styles")?));
            ListStyles::read(text.as_deref().unwrap_or_default())
        })
    }

    /// True for a style of the template.
    fn is_own(&self, id: &str) -> bool {
        !self.imports.style_ids.contains(&id.to_lowercase())
    }
}
