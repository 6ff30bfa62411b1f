//! Every bound of the engine, each with its source.
//!
//! Nothing that a server, a network or a caller sends is kept without one of these.

/// The longest address, without the angle brackets: a path is at most 256 octets with them (RFC 5321, 4.5.3.1.3).
pub const ADDRESS_BYTES: usize = 254;

/// The longest local part (RFC 5321, 4.5.3.1.1).
pub const LOCAL_PART_BYTES: usize = 64;

/// The longest domain (RFC 5321, 4.5.3.1.2).
pub const DOMAIN_BYTES: usize = 255;

/// The longest label of a domain (RFC 1035, 2.3.4).
pub const LABEL_BYTES: u8 = 63;

/// Recipients of one mail: what every server has to accept (RFC 5321, 4.5.3.1.8).
pub const RECIPIENTS: usize = 100;

/// The longest list of recipients: each as long as it may be, a comma and a blank behind it.
pub const RECIPIENT_LIST_BYTES: usize = RECIPIENTS * (ADDRESS_BYTES + 2);

/// The longest subject. RFC 5322 sets no limit to a folded header; displays and filters do, far below this.
pub const SUBJECT_BYTES: usize = 2000;

/// The longest text of a mail: more than any server takes by default (50 MB at the most in practice).
pub const TEXT_BYTES: usize = 64 * 1024 * 1024;

/// The longest display name of the sender: several encoded words, and still a name.
pub const NAME_BYTES: usize = 200;

/// The longest name of a charset: RFC 2978, 2.3 (40 characters), which leaves an encoded word 28 octets of text.
pub const CHARSET_BYTES: usize = 40;

/// The longest user name and the longest password: together in one PLAIN response they stay under the 12,288
/// octets that RFC 4954, 4 wants a server to take (base64 makes 4 out of 3).
pub const CREDENTIAL_BYTES: usize = 4096;

/// What `sds_smtp_configure()` takes for user name and password: 32 since the devices' firmware of 17 July 2010.
pub const DEVICE_CREDENTIAL_BYTES: usize = 32;

/// The longest command line with its CRLF (RFC 5321, 4.5.3.1.4). An initial response goes into the AUTH command
/// only where the line stays within it.
pub const COMMAND_LINE_BYTES: usize = 512;

/// The longest line of a message without its CRLF (RFC 5322, 2.1.1).
pub const LINE_BYTES: usize = 998;

/// The length that header lines are folded to (RFC 5322, 2.1.1), and that of a line with encoded words (RFC 2047, 2).
pub const HEADER_LINE_BYTES: usize = 76;

/// The longest encoded word (RFC 2047, 2).
pub const ENCODED_WORD_BYTES: usize = 75;

/// The longest line of quoted-printable (RFC 2045, 6.7, rule 5).
pub const QUOTED_PRINTABLE_LINE_BYTES: usize = 76;

/// A whole reply, all its lines: 127 lines of the longest kind (RFC 5321, 4.5.3.1.5). More is not SMTP.
pub const REPLY_BYTES: u16 = u16::MAX;

/// What is kept of a reply's text.
pub const REPLY_TEXT_BYTES: usize = 255;

/// A number of octets of a mail. Where there is a system a mail may have more than 4 GiB.
#[cfg(feature = "std")]
pub type Size = u64;

/// A number of octets of a mail.
#[cfg(not(feature = "std"))]
pub type Size = u32;

/// What is kept of a line of the dialogue for those who listen: the longest reply line (RFC 5321, 4.5.3.1.5).
pub const EVENT_LINE_BYTES: usize = 512;

/// The longest challenge while logging in: RFC 4954, 4 allows 12,288 octets, and tokens have more.
pub const CHALLENGE_BYTES: usize = 16 * 1024;

/// Entries of a client's log.
pub const LOG_ENTRIES: usize = 64;

/// What a log entry keeps of the recipient; longer addresses are cut there.
pub const LOG_RECIPIENT_BYTES: usize = 95;

/// What a log entry keeps of the server's words.
pub const LOG_TEXT_BYTES: usize = 127;

/// A Message-ID: 32 digits, `<`, `@`, `>` and the sender's domain.
pub const MESSAGE_ID_BYTES: usize = 32 + 3 + DOMAIN_BYTES;

/// What is read of a text at a time that is given in pieces.
pub const PIECE_BYTES: usize = 4096;

/// What a source of a text returns when it has nothing now.
pub const READ_LATER: i32 = -2;

/// The storage of a client without an operating system, without its arena; more with pointers of 64 bits.
pub const CLIENT_STORAGE_BYTES: usize = if cfg!(target_pointer_width = "64") { 1136 } else { 928 };

/// Clients that a process may have at once, the built-in one included.
pub const CLIENTS: usize = 65_536;

/// The smallest buffer that the session can write into: the longest thing that is written in one piece is a soft
/// line break before an escaped octet.
pub const SMALLEST_BUFFER: usize = 16;

/// How many time limits there are.
pub const LIMITS: usize = 11;

/// How long each part of a mail may take, in milliseconds.
///
/// The values of [`Timeouts::RFC_5321`] are those of RFC 5321, 4.5.3.2; where it says nothing the source is beside
/// the field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands: 60 s (systems give up between 20 s and 130 s).
    pub connect: u32,
    /// Until the greeting: 5 min.
    pub greeting: u32,
    /// The answer to EHLO or HELO: 5 min, as for MAIL.
    pub ehlo: u32,
    /// Each answer while logging in: 5 min, as for MAIL.
    pub auth: u32,
    /// The answer to MAIL: 5 min.
    pub mail: u32,
    /// The answer to each RCPT: 5 min.
    pub rcpt: u32,
    /// The answer to DATA: 2 min.
    pub data: u32,
    /// Until some more of the text has left: 3 min.
    pub block: u32,
    /// The answer to the end of the data: 10 min.
    pub end: u32,
    /// The answers to RSET and QUIT, when the result stands already: 5 s each.
    pub quit: u32,
    /// The whole mail: 30 min.
    pub total: u32,
}

impl Timeouts {
    /// The values of RFC 5321, 4.5.3.2.
    pub const RFC_5321: Self = Self {
        connect: 60_000,
        greeting: 300_000,
        ehlo: 300_000,
        auth: 300_000,
        mail: 300_000,
        rcpt: 300_000,
        data: 120_000,
        block: 180_000,
        end: 600_000,
        quit: 5_000,
        total: 1_800_000,
    };

    /// All of them, in the order in which they stand above: from `connect` on as the phases go.
    pub const fn in_order(&self) -> [u32; LIMITS] {
        [
            self.connect,
            self.greeting,
            self.ehlo,
            self.auth,
            self.mail,
            self.rcpt,
            self.data,
            self.block,
            self.end,
            self.quit,
            self.total,
        ]
    }

    /// The same in seconds, which take half the room.
    // It runs while the library is built.
    #[allow(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::indexing_slicing
    )]
    pub const fn in_seconds(&self) -> [u16; LIMITS] {
        let (limits, mut seconds) = (self.in_order(), [0; LIMITS]);
        let mut at = 0;
        while at < LIMITS {
            assert!(limits[at] % 1000 == 0 && limits[at] / 1000 <= u16::MAX as u32);
            seconds[at] = (limits[at] / 1000) as u16;
            at += 1;
        }
        seconds
    }
}
