//! Pictures that are in the package already: the same bytes are kept once.

use std::collections::HashMap;
use std::sync::Arc;

/// Names of added pictures, by where their bytes lie and by what they are.
#[derive(Debug, Default)]
pub(super) struct Media {
    /// A picture shown in a thousand rows is compared by its content once. The bytes are kept below, so an address
    /// never stands for others.
    by_address: HashMap<usize, String>,
    by_content: HashMap<Arc<[u8]>, String>,
    kept: Vec<Arc<[u8]>>,
}

impl Media {
    pub(super) fn find(&mut self, bytes: &Arc<[u8]>) -> Option<String> {
        let address = bytes.as_ptr().addr();
        if let Some(name) = self.by_address.get(&address) {
            return Some(name.clone());
        }
        let name = self.by_content.get(bytes)?.clone();
        self.kept.push(Arc::clone(bytes));
        self.by_address.insert(address, name.clone());
        Some(name)
    }

    pub(super) fn keep(&mut self, bytes: &Arc<[u8]>, name: &str) {
        self.by_address
            .insert(bytes.as_ptr().addr(), name.to_owned());
        self.by_content.insert(Arc::clone(bytes), name.to_owned());
    }
}
