//! What the sink is told on its command line.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// The commands, and other occasions to reply, that `--reply` knows.
const REPLIES: [&str; 11] = [
    "GREETING", "EHLO", "HELO", "AUTH", "MAIL", "RCPT", "DATA", "BDAT", "END", "RSET", "QUIT",
];

/// Mail size when `--size` names no other.
pub const SIZE_LIMIT: usize = 32 << 20;

/// The answer to `--help`.
pub const HELP: &str = "mail_sink: an SMTP server that keeps the mail it gets
  --address IP         where to listen (127.0.0.1)
  --port N             0: any free port (0)
  --port-file FILE     written, atomically, once the port is open
  --user U --password P  offer AUTH PLAIN LOGIN, and take no mail without it
  --no-pipelining      do not offer PIPELINING
  --no-8bitmime        do not offer 8BITMIME
  --chunking           offer CHUNKING
  --size N             offer SIZE N and hold mails to it (33554432)
  --greeting-delay MS  wait so long before the greeting, and refuse who talks meanwhile (0)
  --reply 'CMD=CODE TEXT'  answer GREETING, EHLO, HELO, AUTH, MAIL, RCPT, DATA, BDAT (not its last one),
                       END, RSET or QUIT so; repeatable; a line break in TEXT makes the reply multi-line;
                       421 also hangs up
  --out DIR            keep each mail as DIR/0001.eml, ...
  --mails N            exit 0 after N mails, when the last session has ended
  --seconds N          exit 1 after so long (60)
  --transcript         print the dialogue, credentials masked
  --turns              at the end print 'turns N mails M': how often clients had to wait for an answer
                       (one for each write of the server; the goodbye alone, which nobody waits for, is not counted)";

/// All options. `--help` says what each does.
pub struct Options {
    /// Where to listen; port 0 is any free one.
    pub address: SocketAddr,
    /// Gets the port once it is open.
    pub port_file: Option<PathBuf>,
    /// User name and password, where a login is wanted.
    pub login: Option<(String, String)>,
    /// Whether PIPELINING is offered.
    pub pipelining: bool,
    /// Whether 8BITMIME is offered.
    pub eight_bit_mime: bool,
    /// Whether CHUNKING is offered.
    pub chunking: bool,
    /// The SIZE that is offered, and the longest mail; 0 offers no limit.
    pub size: usize,
    /// How long the greeting is held back.
    pub greeting_delay: Duration,
    /// Replies that `--reply` has put in place of the usual ones.
    pub replies: HashMap<String, (u16, String)>,
    /// The folder that mails are kept in.
    pub out: Option<PathBuf>,
    /// How many mails to wait for.
    pub mails: Option<u64>,
    /// How long to wait for them.
    pub seconds: u64,
    /// Whether the dialogue is printed.
    pub transcript: bool,
    /// Whether the clients' waits are counted at the end.
    pub turns: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            port_file: None,
            login: None,
            pipelining: true,
            eight_bit_mime: true,
            chunking: false,
            size: SIZE_LIMIT,
            greeting_delay: Duration::ZERO,
            replies: HashMap::new(),
            out: None,
            mails: None,
            seconds: 60,
            transcript: false,
            turns: false,
        }
    }
}

/// Reads the command line, without the program's name.
///
/// # Errors
///
/// The words say which option is wrong.
pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    let (mut user, mut password) = (None, None);
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{name} needs a value"));
        match name.as_str() {
            "--address" => options.address.set_ip(number(&name, &value()?)?),
            "--port" => options.address.set_port(number(&name, &value()?)?),
            "--port-file" => options.port_file = Some(value()?.into()),
            "--user" => user = Some(value()?),
            "--password" => password = Some(value()?),
            "--no-pipelining" => options.pipelining = false,
            "--chunking" => options.chunking = true,
            "--no-8bitmime" => options.eight_bit_mime = false,
            "--size" => options.size = number(&name, &value()?)?,
            "--greeting-delay" => options.greeting_delay = Duration::from_millis(number(&name, &value()?)?),
            "--reply" => {
                let (command, code, text) = parse_reply(&value()?)?;
                options.replies.insert(command, (code, text));
            }
            "--out" => options.out = Some(value()?.into()),
            "--mails" => options.mails = Some(number(&name, &value()?)?),
            "--seconds" => options.seconds = number(&name, &value()?)?,
            "--transcript" => options.transcript = true,
            "--turns" => options.turns = true,
            _ => return Err(format!("unknown option {name}; --help lists them")),
        }
    }
    options.login = match (user, password) {
        (Some(user), Some(password)) => Some((user, password)),
        (None, None) => None,
        _ => return Err("--user and --password belong together".to_owned()),
    };
    Ok(options)
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{name} {value}: not a proper value"))
}

fn parse_reply(value: &str) -> Result<(String, u16, String), String> {
    let parts = value.split_once('=').and_then(|(command, reply)| {
        let (code, text) = reply.split_once(' ').unwrap_or((reply, ""));
        let code: u16 = code.parse().ok().filter(|code| (200..600).contains(code))?;
        REPLIES
            .contains(&command)
            .then(|| (command.to_owned(), code, text.to_owned()))
    });
    parts.ok_or_else(|| format!("--reply {value}: want CMD=CODE TEXT, CMD one of {REPLIES:?}"))
}

#[cfg(test)]
mod tests {
    use super::{HELP, Options, REPLIES, parse};

    fn parsed(line: &[&str]) -> Result<Options, String> {
        parse(line.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn without_options_it_listens_on_the_loopback_interface_and_offers_no_login() {
        let options = parsed(&[]).map_err(|words| panic!("{words}")).unwrap_or_default();
        assert!(options.address.ip().is_loopback());
        assert_eq!(options.login, None);
        assert!(options.pipelining && options.eight_bit_mime);
    }

    #[test]
    fn a_reply_is_taken_with_its_command_code_and_text() {
        let options = parsed(&["--reply", "END=452 4.3.1 Full", "--reply", "RCPT=250"]);
        let replies = options.map_err(|words| panic!("{words}")).unwrap_or_default().replies;
        assert_eq!(replies.get("END"), Some(&(452, "4.3.1 Full".to_owned())));
        assert_eq!(replies.get("RCPT"), Some(&(250, String::new())));
    }

    #[test]
    fn what_is_wrong_with_an_option_is_said() {
        for (line, words) in [
            (["--seconds"].as_slice(), "--seconds needs a value"),
            (&["--seconds", "soon"], "--seconds soon: not a proper value"),
            (&["--port", "65536"], "--port 65536"),
            (&["--user", "unit7"], "belong together"),
            (&["--reply", "NOOP=250 Ok"], "--reply NOOP=250 Ok: want"),
            (&["--reply", "END=199 no"], "--reply END=199 no: want"),
            (&["--reply", "END 250"], "--reply END 250: want"),
            (&["--verbose"], "unknown option --verbose"),
        ] {
            let told = parsed(line).err().unwrap_or_default();
            assert!(told.contains(words), "{line:?}: {told}");
        }
    }

    #[test]
    fn the_help_names_every_reply() {
        for command in REPLIES {
            assert!(HELP.contains(command), "{command}");
        }
    }
}
