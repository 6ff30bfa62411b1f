//! What a mechanism logs in with.

#[cfg(feature = "std")]
use crate::buffer::Window;

/// What a mechanism logs in with. It is asked for where it is written, and never copied.
pub trait Credentials {
    /// The user name.
    fn username(&self) -> &[u8];

    /// The password.
    fn password(&self) -> &[u8];

    /// Both as SCRAM has them.
    #[cfg(feature = "std")]
    fn prepared(&self) -> [&[u8]; 2];

    /// Writes the server's name or address.
    #[cfg(feature = "std")]
    fn write_host(&self, out: &mut Window<'_>);

    /// The server's port.
    #[cfg(feature = "std")]
    fn port(&self) -> u32;
}
