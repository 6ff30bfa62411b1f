//! Every bound of the engine, each with its source.
//!
//! What a server, a network or a caller sends is kept only within one of these.

/// The longest address: a path is at most 256 octets, angle brackets included (RFC 5321, 4.5.3.1.3).
pub const ADDRESS_BYTES: usize = 254;

/// The longest local part (RFC 5321, 4.5.3.1.1).
pub const LOCAL_PART_BYTES: usize = 64;

/// The longest domain (RFC 5321, 4.5.3.1.2).
pub const DOMAIN_BYTES: usize = 255;

/// The longest label of a domain (RFC 1035, 2.3.4).
pub const LABEL_BYTES: u8 = 63;

/// The longest name of a host, without a dot at its end: with it and the lengths of its labels it takes the 255 octets of
/// RFC 1035, 2.3.4.
pub const HOST_NAME_BYTES: usize = 253;

/// Servers of one configuration: more than anybody tries one after the other.
pub const SERVERS: usize = 100;

/// The longest list of servers: all of them as long as possible, each with a port, a dot, a comma and a blank.
pub const SERVER_LIST_BYTES: usize = SERVERS * (HOST_NAME_BYTES + 9);

/// Addresses of one name that are kept: more than a mail tries within its time.
pub const NAME_ADDRESSES: usize = 64;

/// Names that are looked up at once, each on a thread of its own.
pub const LOOKUPS: usize = 16;

/// Recipients of one mail: as many as every server has to accept (RFC 5321, 4.5.3.1.8).
pub const RECIPIENTS: u8 = 100;

/// Recipients of one mail on a system, `to`, `cc` and `bcc` together.
#[cfg(feature = "std")]
pub const MANY_RECIPIENTS: usize = 100_000;

/// The longest list of recipients: all of them as long as possible, each with a comma and a blank behind it.
pub const RECIPIENT_LIST_BYTES: usize = RECIPIENTS as usize * (ADDRESS_BYTES + 2);

/// The longest subject. RFC 5322 sets no limit to a folded header field; displays and filters have limits far below this.
pub const SUBJECT_BYTES: usize = 2000;

/// The longest text of a mail: more than servers accept by default (50 MB at most in practice).
pub const TEXT_BYTES: usize = 64 * 1024 * 1024;

/// The longest chunk of mail data (RFC 3030): it fits into the buffer of a long mail, with its command. A mail that is no longer
/// goes out at once, with its envelope.
#[cfg(feature = "std")]
pub const CHUNK_BYTES: usize = 64 * 1024;

/// Attachments of one mail.
#[cfg(feature = "std")]
pub const ATTACHMENTS: usize = 10_000;

/// The longest name of an attached file: what file systems take.
#[cfg(feature = "std")]
pub const FILE_NAME_BYTES: usize = 255;

/// The longest content type with its parameters: RFC 6838, 4.2 has 127 octets for each half of it.
#[cfg(feature = "std")]
pub const CONTENT_TYPE_BYTES: usize = 255;

/// The longest Content-ID: with its name and brackets it stands on a line of its own.
#[cfg(feature = "std")]
pub const CONTENT_ID_BYTES: usize = 200;

/// The longest path of a file, its NUL counted: PATH_MAX of Linux.
#[cfg(feature = "std")]
pub const PATH_BYTES: usize = 4096;

/// Threads that read files, and call the functions that attachments are read with.
#[cfg(feature = "std")]
pub const READERS: usize = 4;

/// The longest display name of the sender: several encoded words.
pub const NAME_BYTES: usize = 200;

/// The longest name of a charset: RFC 2978, 2.3 (40 characters), which leaves an encoded word 28 octets of text.
pub const CHARSET_BYTES: usize = 40;

/// The longest user name and the longest password. A PLAIN response with both is shorter than the 12,288 octets that a
/// server has to accept (RFC 4954, 4).
pub const CREDENTIAL_BYTES: usize = 4096;

/// The longest token (RFC 6750): those of large providers have 2 to 4 KB.
#[cfg(feature = "std")]
pub const TOKEN_BYTES: usize = 16 * 1024;

/// The longest message of a server while logging in that its mechanism understands, base64 taken off: those of real servers have
/// less than 300 octets.
#[cfg(feature = "std")]
pub const SASL_MESSAGE_BYTES: usize = 2048;

/// The longest salt of SCRAM: 16 octets are usual, and a hash has no use for more than a block of 64.
#[cfg(feature = "std")]
pub const SCRAM_SALT_BYTES: usize = 1024;

/// The most rounds of SCRAM: RFC 7677 wants 4096 at least, and more than this would be an attack on our time.
#[cfg(feature = "std")]
pub const SCRAM_ROUNDS: u32 = 1_000_000;

/// The longest user name and password for `sds_smtp_configure()`: 32 since the devices' firmware of 17 July 2010.
pub const DEVICE_CREDENTIAL_BYTES: usize = 32;

/// The longest command line with its CRLF (RFC 5321, 4.5.3.1.4). The AUTH command has an initial response only if its line
/// is not longer.
pub const COMMAND_LINE_BYTES: usize = 512;

/// The longest line of a message without its CRLF (RFC 5322, 2.1.1).
pub const LINE_BYTES: usize = 998;

/// The length to which header lines are folded (RFC 5322, 2.1.1: 78; RFC 2047, 2: 76 with encoded words).
pub const HEADER_LINE_BYTES: usize = 76;

/// The longest encoded word (RFC 2047, 2).
pub const ENCODED_WORD_BYTES: usize = 75;

/// The longest line of quoted-printable (RFC 2045, 6.7, rule 5).
pub const QUOTED_PRINTABLE_LINE_BYTES: usize = 76;

/// The longest reply, all its lines together: 127 of the longest lines (RFC 5321, 4.5.3.1.5). More is not taken for SMTP.
pub const REPLY_BYTES: u16 = u16::MAX;

/// How much of a reply's text is kept.
pub const REPLY_TEXT_BYTES: usize = 255;

/// For so long, in milliseconds, a connection that was not used is taken for one that still stands. Later it hears RSET first.
#[cfg(feature = "std")]
pub const FRESH: u32 = 1000;

/// The size of a mail, in octets, as SIZE counts it (RFC 1870): on a system mails may be larger than 4 GiB.
#[cfg(feature = "std")]
pub type Size = u64;

/// The size of a mail, in octets, as SIZE counts it (RFC 1870).
#[cfg(not(feature = "std"))]
pub type Size = u32;

/// A number of recipients: on a system a mail may have more than 65,535.
#[cfg(feature = "std")]
pub type Count = u32;

/// A number of recipients.
#[cfg(not(feature = "std"))]
pub type Count = u16;

/// How much of a line of the dialogue an event has: the longest reply line (RFC 5321, 4.5.3.1.5).
pub const EVENT_LINE_BYTES: usize = 512;

/// What is kept of a conversation for `sds_smtp_client_dialogue()`: 4 KiB with the NUL that ends it.
#[cfg(feature = "std")]
pub const DIALOGUE_BYTES: usize = 4095;

/// What may wait for a trace function: all that one turn of the engine can bring, many times over.
#[cfg(feature = "std")]
pub const TRACE_BYTES: usize = 256 * 1024;

/// The longest challenge while logging in: RFC 4954, 4 allows 12,288 octets, and tokens have more.
pub const CHALLENGE_BYTES: usize = 16 * 1024;

/// Entries of a client's log.
pub const LOG_ENTRIES: usize = 64;

/// How much of the recipient a log entry keeps.
pub const LOG_RECIPIENT_BYTES: usize = 95;

/// How much of the server's text a log entry keeps.
pub const LOG_TEXT_BYTES: usize = 127;

/// The longest Message-ID: 32 digits, `<`, `@`, `>` and the sender's domain.
pub const MESSAGE_ID_BYTES: usize = 32 + 3 + DOMAIN_BYTES;

/// The longest Message-ID of the program's: what a result has room for.
#[cfg(feature = "std")]
pub const GIVEN_MESSAGE_ID_BYTES: usize = 319;

/// The program's own header fields, all together: far more than servers take.
#[cfg(feature = "std")]
pub const HEADERS_BYTES: usize = 1024 * 1024;

/// The longest ENVID, as xtext (RFC 3461, 4.4).
pub const ENVELOPE_ID_BYTES: usize = 100;

/// How much is read at a time of a text that comes in pieces.
pub const PIECE_BYTES: usize = 4096;

/// A source of a text returns this when it has nothing now.
pub const READ_LATER: i32 = -2;

/// The memory of a client without an operating system, its arena not counted; more with pointers of 64 bits.
pub const CLIENT_STORAGE_BYTES: usize = if cfg!(feature = "std") {
    // Where the device's client is built beside a system, which it never is for a program: with a system's session in it.
    1280
} else if cfg!(target_pointer_width = "64") {
    1136
} else {
    928
};

/// Clients that a process may have at once, the built-in one included.
pub const CLIENTS: usize = 65_536;

/// The wait before the first further attempt, in milliseconds: shorter than the minutes of greylisting, doubled for each attempt.
#[cfg(feature = "std")]
pub const RETRY_DELAY: u32 = 60_000;

/// The longest wait before a further attempt, in milliseconds.
#[cfg(feature = "std")]
pub const RETRY_DELAY_MOST: u32 = 900_000;

/// What of the total deadline has to be left for a further attempt, in milliseconds.
#[cfg(feature = "std")]
pub const RETRY_TIME: u32 = 30_000;

/// The smallest buffer that the session can write into. The longest piece that is not divided is a soft line break with the
/// escaped octet behind it.
pub const SMALLEST_BUFFER: usize = 16;

/// One list of the time limits makes all of these: [`Limit`], [`Timeouts`] and its values of RFC 5321.
macro_rules! time_limits {
    ($($(#[$doc:meta])* $limit:ident, $name:ident, $milliseconds:literal;)*) => {
        /// A time limit: its position in [`Timeouts::in_order`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Limit {
            $($(#[$doc])* $limit,)*
        }

        /// How many time limits there are.
        pub const LIMITS: usize = [$(Limit::$limit),*].len();

        /// How long each part of a mail may take, in milliseconds.
        ///
        /// The values of [`Timeouts::RFC_5321`] are those of RFC 5321, 4.5.3.2; where it says nothing the source is
        /// beside the field.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Timeouts {
            $($(#[$doc])* pub $name: u32,)*
        }

        impl Timeouts {
            /// The values of RFC 5321, 4.5.3.2.
            pub const RFC_5321: Self = Self { $($name: $milliseconds),* };

            /// All of them, in the order of [`Limit`].
            pub const fn in_order(&self) -> [u32; LIMITS] {
                [$(self.$name),*]
            }
        }
    };
}

time_limits! {
    /// Until the connection is made: 60 s (systems give up between 20 s and 130 s).
    Connect, connect, 60_000;
    /// Until the greeting: 5 min.
    Greeting, greeting, 300_000;
    /// The reply to EHLO or HELO: 5 min, as for MAIL.
    Ehlo, ehlo, 300_000;
    /// Each reply while logging in: 5 min, as for MAIL.
    Auth, auth, 300_000;
    /// The reply to MAIL: 5 min.
    Mail, mail, 300_000;
    /// The reply to each RCPT: 5 min.
    Rcpt, rcpt, 300_000;
    /// The reply to DATA: 2 min.
    Data, data, 120_000;
    /// Until some more of the mail data has left: 3 min.
    Block, block, 180_000;
    /// The reply to the end of the mail data: 10 min.
    End, end, 600_000;
    /// The replies to RSET and QUIT, which no longer change the result: 5 s each.
    Quit, quit, 5_000;
    /// The whole mail: 30 min.
    Total, total, 1_800_000;
}

impl Timeouts {
    /// The same in seconds, which take half the space.
    // Evaluated by the compiler.
    #[allow(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::indexing_slicing
    )]
    pub const fn in_seconds(&self) -> [u16; LIMITS] {
        let (limits, mut seconds) = (self.in_order(), [0; LIMITS]);
        let mut index = 0;
        while index < LIMITS {
            assert!(limits[index] % 1000 == 0 && limits[index] / 1000 <= u16::MAX as u32);
            seconds[index] = (limits[index] / 1000) as u16;
            index += 1;
        }
        seconds
    }
}
