//! How a connection is kept for the next mail, or was.

/// How a connection is kept.
#[derive(Clone, Copy, Default)]
pub struct Keeping {
    /// Until when it waits for the next mail; None: it does not.
    pub until: Option<u64>,
    /// The mail goes over a connection that was kept from an earlier one.
    pub reused: bool,
    /// It has not begun there yet: what it has is not known.
    pub resumes: bool,
    /// Another connection is to be made for the mail.
    pub anew: bool,
    /// The same for recipients that are left, when this connection is closed.
    pub others: bool,
    /// The session says QUIT after it was kept.
    pub parts: bool,
}

impl Keeping {
    /// Between two mails, or between one and its session.
    pub fn is_between(self) -> bool {
        self.until.is_some() || self.resumes
    }
}
