//! Yes or no, out of either database: SQLite keeps numbers, PostgreSQL booleans.

use sqlx::any::{AnyTypeInfo, AnyTypeInfoKind, AnyValueRef};
use sqlx::{Any, Decode, Type};

/// A column that the migrations call `BOOLEAN`. Read it with `row.try_get::<Flag, _>("column")?.0`; bind a plain `bool`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flag(pub(crate) bool);

impl Type<Any> for Flag {
    fn type_info() -> AnyTypeInfo {
        <bool as Type<Any>>::type_info()
    }

    fn compatible(found: &AnyTypeInfo) -> bool {
        found.kind() == AnyTypeInfoKind::Bool || found.kind().is_integer()
    }
}

impl<'r> Decode<'r, Any> for Flag {
    fn decode(value: AnyValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
        let number = <i64 as Decode<Any>>::decode(value.clone()).map(|number| number != 0);
        number
            .or_else(|_| <bool as Decode<Any>>::decode(value))
            .map(Self)
    }
}
