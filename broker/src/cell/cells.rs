//! The broker's cells by tenant.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use spokegate_contract::TenantId;

use super::{Cell, Depths, Sizes};
use crate::lock;
use crate::policy::Session;

/// All cells of the broker.
#[derive(Debug)]
pub(crate) struct Cells {
    sizes: Sizes,
    tenants_max: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    made: usize,
    open: Option<Arc<Cell>>,
    tenants: HashMap<TenantId, Arc<Cell>>,
}

/// There are as many cells as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no more tenants fit")]
pub(crate) struct Full;

impl Cells {
    /// No cells yet.
    pub(crate) fn new(sizes: Sizes, tenants_max: usize) -> Self {
        Self {
            sizes,
            tenants_max,
            inner: Mutex::default(),
        }
    }

    /// The cell that this session belongs to, made or made anew if need be. No other code looks cells up.
    pub(crate) fn of(&self, session: &Session) -> Result<Arc<Cell>, Full> {
        let mut guard = lock(&self.inner);
        let Inner {
            made,
            open,
            tenants,
        } = &mut *guard;
        let current = match session.tenant() {
            None => open.as_ref(),
            Some(tenant) => tenants.get(tenant),
        };
        if let Some(cell) = current.filter(|cell| !cell.dead.load(Ordering::SeqCst)) {
            return Ok(Arc::clone(cell));
        }
        if current.is_none() && tenants.len() >= self.tenants_max {
            return Err(Full);
        }
        *made += 1;
        let cell = Cell::start(*made, self.sizes, session.tenant());
        match session.tenant() {
            None => *open = Some(Arc::clone(&cell)),
            Some(tenant) => {
                tenants.insert(tenant.clone(), Arc::clone(&cell));
            }
        }
        Ok(cell)
    }

    /// How many tenants have a cell.
    pub(crate) fn tenants(&self) -> usize {
        lock(&self.inner).tenants.len()
    }

    /// What the queues of all tenants hold.
    pub(crate) fn depths(&self) -> Depths {
        let cells: Vec<_> = lock(&self.inner).tenants.values().cloned().collect();
        let mut depths = Depths::default();
        for cell in cells {
            cell.flows.measure(&mut depths);
        }
        depths
    }

    /// Ends one tenant's router as a bug in it would.
    #[cfg(any(test, feature = "fault-injection"))]
    pub(crate) fn kill_router(&self, tenant: &TenantId) {
        let cell = lock(&self.inner).tenants.get(tenant).cloned();
        if let Some(cell) = cell {
            cell.kill_router();
        }
    }
}
