//! What a mechanism logs in with.

/// What a mechanism logs in with. It is asked for where it is written, and never copied.
pub trait Credentials {
    /// The user name.
    fn username(&self) -> &[u8];

    /// The password.
    fn password(&self) -> &[u8];
}
