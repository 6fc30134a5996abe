//! What every transport shares: one script's way over any channel that carries a command's streams.
//!
//! For whoever writes a [`RemoteExec`](crate::RemoteExec): implement [`Commands`] and [`Session`]
//! for the protocol at hand and call [`run_script`]. How a script gets to the task as data, how its
//! end is told from the end of the connection, what a left-behind process may delay, and how a
//! process group is ended are then the same as everywhere else.

mod commands;
mod dial;
mod end;
mod epilogue;
mod follow;
mod preamble;
mod script;
mod tail;
mod wrapper;

pub use self::commands::{Commands, Event, Input, Patience, Session, StatusBy};
pub use self::dial::{ByteStream, Dial};
pub use self::script::run_script;
pub use self::wrapper::command_line;
