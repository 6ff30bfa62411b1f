//! How far a mail came, and what became of it.

/// How far a mail came; C sees the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// No mail yet.
    None = 0,
    /// Between two attempts.
    Waiting = 5,
    /// Checking the arguments: nothing left the device.
    Start = 10,
    /// Looking the server's name up.
    Resolve = 20,
    /// Connecting.
    Connect = 30,
    /// TLS, from the first octet on.
    Tls = 40,
    /// Waiting for the greeting.
    Greeting = 50,
    /// EHLO or HELO.
    Hello = 60,
    /// STARTTLS.
    StartTls = 70,
    /// Logging in.
    Auth = 80,
    /// MAIL FROM.
    Mail = 90,
    /// RCPT TO.
    Rcpt = 100,
    /// DATA.
    Data = 110,
    /// The text is being sent.
    Text = 120,
    /// The final dot has been sent.
    End = 130,
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
