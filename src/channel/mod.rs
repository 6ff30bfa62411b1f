//! Between a session and what carries its octets: one pump, for the host and for a device.
//!
//! - [`carrier`]: what a channel is
//! - [`pump`]: what is carried, when, and how much at a time

pub mod carrier;
pub mod pump;

pub use carrier::{Channel, Moved};
pub use pump::{Pump, Turn};
