//! What the processes say to each other over their pipes.
//!
//! A frame is `u32 length, u32 length of the head, head, body`, lengths in network order and without themselves. The
//! head is JSON of a type below; the body is opaque to whoever only passes it on.

mod codec;
mod heads;

pub(crate) use codec::{Frame, FrameReader, encode_into, read_frame};
pub(crate) use heads::{
    AnswerHead, BUDGET_CHANNEL, BudgetNews, CallVerb, Condemned, FromEgress, FromIngest,
    FromWorker, Holder, Note, Outcome, Reason, RecordHead, RefusalHead, ToEgress, ToIngest,
    ToWorker, WorkHead,
};
