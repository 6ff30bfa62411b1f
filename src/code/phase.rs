//! How far a mail came, and what became of it.

/// How far a mail came; C sees the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// No mail yet.
    None = 0,
    /// Checking the arguments: nothing left the device.
    Start = 1,
    /// Connecting.
    Connect = 2,
    /// Waiting for the greeting.
    Greeting = 3,
    /// EHLO or HELO.
    Hello = 4,
    /// Logging in.
    Auth = 5,
    /// MAIL FROM.
    Mail = 6,
    /// RCPT TO.
    Rcpt = 7,
    /// DATA.
    Data = 8,
    /// The text is being sent.
    Text = 9,
    /// The final dot has been sent.
    End = 10,
}

/// What became of the mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Outcome {
    /// No mail yet.
    None = 0,
    /// The server has it.
    Sent = 1,
    /// The server does not have it: repeating it is safe.
    NotSent = 2,
    /// The final dot had left and no answer came: repeating it may deliver it twice.
    Unknown = 3,
}
