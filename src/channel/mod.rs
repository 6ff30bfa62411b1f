//! Between a session and what carries its octets: one pump, for the host and for a device.
//!
//! - [`carrier`]: what a channel is
//! - `callbacks`: functions of the program that are told of a mail
//! - [`pump`]: what is carried, when, and how much at a time
//! - `transport`: a connection that the program provides

#[cfg(feature = "std")]
#[allow(unsafe_code)]
pub mod callbacks;
#[forbid(unsafe_code)]
pub mod carrier;
#[forbid(unsafe_code)]
pub mod pump;
#[cfg(any(feature = "std", feature = "firmware"))]
#[allow(unsafe_code)]
pub mod transport;

pub use carrier::{Channel, Moved};
pub use pump::{Pump, Turn};
#[cfg(any(feature = "std", feature = "firmware"))]
pub use transport::{Called, Transport};
