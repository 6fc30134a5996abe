//! The driver's TOML file: every key with its kind, default and origin.
//!
//! One table ([`keys::KEYS`]) names the keys; reading, `check-config` and the nearest-key advice
//! all follow it. Values stay in a [`Settings`] map until the backend that needs them asks.

mod find;
pub mod keys;
mod load;
mod policy;
mod read;
mod settings;
mod show;
mod value;

pub use self::load::{Loaded, load, load_text};
pub use self::policy::{RegistryCredential, Rule};
pub use self::settings::{Origin, Settings};
pub use self::show::show;
pub use self::value::{Provider, Role, Toleration, Value};
