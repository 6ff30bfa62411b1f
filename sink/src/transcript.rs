//! The dialogue as it is shown: without credentials, and without what a terminal would obey.

use std::io::{self, Write};

/// Prints one line of the dialogue; `side` is S, the server, or C, the client.
pub fn print(side: &str, line: &str) {
    // A reader that went away is no reason to fail the mail.
    let _ = writeln!(io::stdout().lock(), "{side}: {}", clean(line));
}

/// The line with a mark in place of each control character but the tab.
fn clean(line: &str) -> String {
    line.replace(|letter: char| letter.is_control() && letter != '\t', "\u{fffd}")
}

/// A command as the transcript may show it: no credentials, not even those that come as the answer to a question that
/// was never asked, and so look like an unknown command.
#[must_use]
pub fn masked(verb: &str, argument: &str, line: &str) -> String {
    let mechanism = argument.split(' ').next().unwrap_or_default();
    match verb {
        "EHLO" | "HELO" | "MAIL" | "RCPT" | "DATA" | "RSET" | "NOOP" | "QUIT" | "STARTTLS" => line.to_owned(),
        "AUTH" if !mechanism.eq_ignore_ascii_case("PLAIN") && !mechanism.eq_ignore_ascii_case("LOGIN") => {
            "AUTH ****".to_owned()
        }
        "AUTH" if mechanism.len() < argument.len() => format!("AUTH {mechanism} ****"),
        "AUTH" => line.to_owned(),
        _ => "****".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{clean, masked};

    fn shown(line: &str) -> String {
        let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
        masked(&verb.to_ascii_uppercase(), argument, line)
    }

    #[test]
    fn no_credential_is_shown() {
        assert_eq!(shown("AUTH PLAIN AHVzZXIAc2VjcmV0"), "AUTH PLAIN ****");
        assert_eq!(shown("auth login dXNlcg=="), "AUTH login ****");
        assert_eq!(shown("AUTH SECRET"), "AUTH ****");
        assert_eq!(shown("AUTH"), "AUTH ****");
        // The answer to a challenge, or what looks like one.
        assert_eq!(shown("c2VjcmV0"), "****");
        assert_eq!(shown("AHVzZXIA c2VjcmV0"), "****");
    }

    #[test]
    fn commands_without_credentials_are_shown_as_they_came() {
        for line in [
            "EHLO [127.0.0.1]",
            "mail FROM:<a@b>",
            "DATA",
            "AUTH PLAIN",
            "AUTH LOGIN",
        ] {
            assert_eq!(shown(line), line);
        }
    }

    #[test]
    fn a_terminal_is_not_given_orders() {
        assert_eq!(clean("a\tb\x1b[2Jc\u{9b}"), "a\tb\u{fffd}[2Jc\u{fffd}");
    }
}
