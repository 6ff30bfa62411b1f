//! x
use super::report::Report;
use crate::session::Settings;
/// x
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Advice {
    None = 0,
    Later,
    Configuration,
    Message,
    Unknown,
}
/// x
#[cfg(feature = "std")]
pub fn explain(_report: &mut Report, _settings: &Settings<'_>) {}
