//! Why a text names no server.

use crate::code::Code;
use crate::octets::list;

/// What is wrong with a name that is not ASCII.
#[cfg(feature = "unicode")]
macro_rules! not_ascii {
    () => {
        "this is no internationalized name (RFC 5890)"
    };
}
#[cfg(not(feature = "unicode"))]
macro_rules! not_ascii {
    () => {
        "this build takes names of ASCII only: give the name as A-labels (xn--...)"
    };
}

/// One list makes the reasons and their texts.
macro_rules! reasons {
    ($($reason:ident, $text:expr;)*) => {
        /// Why a text names no server.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum NoServer {
            $(#[doc = $text] $reason,)*
        }

        list! {
            text:
            $($text),*
        }

        impl NoServer {
            /// The reason, for people.
            pub fn text(self) -> &'static str {
                core::str::from_utf8(text(self as usize)).unwrap_or_default()
            }
        }
    };
}

reasons! {
    Empty, "no server is given";
    WithPort, "a port where a name or an address alone is needed";
    EmptyEntry, "an empty entry in the list of servers";
    TooMany, "more than 100 servers";
    TooLong, "the list of servers is too long";
    NoList, "a list where one IP address is needed";
    NoName, "a name where an IP address is needed";
    Url, "a URL, not a server: sds_smtp_client_configure_url() takes URLs";
    Path, "a slash: no server has one";
    MailAddress, "an e-mail address, not a server";
    Blank, "a blank or a control character in a server's name";
    Character, "a character that no server's name has";
    Brackets, "brackets that do not hold exactly one IPv6 address";
    BehindBracket, "something other than a port behind the bracket";
    Colons, "several colons, but no IPv6 address (with a port, it stands in brackets)";
    NoHost, "a port without a server";
    PortNumber, "the port is not a number";
    PortRange, "the port is not between 1 and 65535";
    BrokenAddress, "this looks like an IP address, and is none";
    Unspecified, "this address stands for any address, and is no server's";
    Multicast, "a multicast address is no server's";
    Zone, "this system has no such interface (the zone behind %)";
    ZoneWithoutIpv6, "only IPv6 addresses have a zone (behind %)";
    EmptyLabel, "an empty part between two dots of a name";
    LongLabel, "a part of a name has more than 63 octets";
    LongName, "a name has more than 253 octets";
    Hyphen, "a part of a name begins or ends with a hyphen";
    NotUtf8, "a name is not UTF-8";
    NotAscii, not_ascii!();
    NoMemory, "out of memory";
}

impl NoServer {
    /// The code of a call that is refused for a name that is not a server to connect to.
    pub fn code_of_name(self) -> Code {
        match self.code() {
            Code::ConnectFailed => Code::BadArgument,
            code => code,
        }
    }

    /// The code of a call that is refused for it.
    pub fn code(self) -> Code {
        match self {
            #[cfg(not(feature = "unicode"))]
            Self::NotAscii => Code::NotSupported,
            Self::NoMemory => Code::DataFailed,
            _ => Code::ConnectFailed,
        }
    }
}
