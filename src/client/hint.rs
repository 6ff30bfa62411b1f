//! What the server's words may mean, and what to do: our words for people, behind the server's.

use super::advice::advice;
use super::policy::Failed;
use super::report::{Bounded, Report};
use crate::auth::Mechanism;
use crate::code::{Code, Outcome, Phase, Reason};
use crate::limits::REPLY_TEXT_BYTES;
use crate::octets::{copy, is_same_word};
use crate::session::Settings;
use crate::wire::capability::Capabilities;

/// Stands between the server's words and ours.
const DASH: &[u8] = b" - ";

/// What a hint depends on.
struct Case<'a> {
    report: &'a Report,
    settings: &'a Settings<'a>,
    /// The name of the mechanism that was tried last.
    mechanism: &'a [u8],
}

impl Case<'_> {
    fn is(&self, code: Code, reason: Reason) -> bool {
        self.report.code == code && self.report.reason == reason
    }

    fn says(&self, word: &[u8]) -> bool {
        let text = self.report.text.octets();
        text.windows(word.len()).any(|words| is_same_word(words, word))
    }

    fn is_refused(&self) -> bool {
        self.report.reply >= 500
    }

    fn logs_in(&self) -> bool {
        !self.settings.mechanisms.is_empty()
    }

    fn has_username(&self) -> bool {
        !self.settings.username().is_empty()
    }

    /// The server wants TLS before it goes on.
    fn wants_tls(&self) -> bool {
        match self.report.reply {
            538 => true,
            530 | 550 | 554 => self.says(b"STARTTLS"),
            _ => false,
        }
    }

    /// The server does not do what it offers.
    fn refuses_starttls(&self) -> bool {
        self.report.phase == Phase::StartTls && self.report.reply >= 400 && self.report.code != Code::NotReady
    }

    /// The server wants a login, and there was none.
    fn wants_login(&self) -> bool {
        let envelope = matches!(self.report.phase, Phase::Mail | Phase::Rcpt | Phase::Data);
        let wants = self.report.reply == 530 || self.report.code == Code::RelayDenied;
        envelope && wants && self.is_refused() && !self.logs_in()
    }

    /// The server refused user name and password.
    fn login_refused(&self) -> bool {
        let refused = matches!(self.report.code, Code::BadUsername | Code::BadPassword);
        refused && self.report.phase == Phase::Auth && self.is_refused()
    }

    /// The server refused where we come from (RFC 3463: X.7.z is policy), whatever the sender is. The blanks keep words apart
    /// from addresses that the server repeats.
    fn refuses_our_address(&self) -> bool {
        self.report.enhanced[1] == 7
            && (self.says(b" IP ") || self.says(b" client host") || self.says(b" block") || self.says(b" blacklist"))
    }

    /// The server refused the login with these enhanced status codes (RFC 3463), whatever the class.
    fn login_refused_as(&self, detail: u32) -> bool {
        let [_, subject, of_subject] = self.report.enhanced;
        self.login_refused() && (subject, of_subject) == (7, detail)
    }

    /// Microsoft's: who manages the mailbox has switched logins off.
    fn smtp_auth_is_off(&self) -> bool {
        let says = self.says(b"SmtpClientAuthentication is disabled")
            || self.says(b"asic authentication is disabled")
            || self.says(b"security defaults policy")
            || self.says(b"did not meet the criteria");
        self.login_refused() && says
    }

    /// There were too many logins, or wrong ones.
    fn is_locked(&self) -> bool {
        let says = self.says(b"too many") || self.says(b"locked") || self.says(b"web browser");
        self.report.phase == Phase::Auth && self.report.reply >= 400 && says
    }

    /// The login was refused, and the password was a token.
    fn token_refused(&self) -> bool {
        self.login_refused() && matches!(self.mechanism, b"XOAUTH2" | b"OAUTHBEARER")
    }

    /// With its token the response is longer than what RFC 4954, 4 has a server take.
    fn token_is_long(&self) -> bool {
        self.settings.password().len() > 9000
    }

    /// What the server offers has no mechanism for us; the text has the list.
    fn offers_none(&self) -> bool {
        self.report.code == Code::AuthUnsupported && self.report.phase == Phase::Auth && self.report.reply == 250
    }

    /// The server offers a mechanism that would say the password, and the configuration has us say it to a verified server only.
    fn keeps_the_password(&self) -> bool {
        let offered = self.offers(b"PLAIN") || self.offers(b"LOGIN");
        self.offers_none() && self.settings.login.guarded && !self.settings.login.verified && offered
    }

    /// The same of a token.
    fn keeps_the_token(&self) -> bool {
        let tokens = self.settings.mechanisms.both(Capabilities::TOKENS);
        let offered = self.offers(b"XOAUTH2") || self.offers(b"OAUTHBEARER");
        self.offers_none() && !tokens.is_empty() && !self.settings.login.verified && offered
    }

    /// One of the words of the text.
    fn offers(&self, mechanism: &[u8]) -> bool {
        let mut words = self.report.text.octets().split(|octet| matches!(octet, b' ' | b'='));
        words.any(|word| is_same_word(word, mechanism))
    }

    /// The server has no mechanism that this library knows at all.
    fn offers_strange_ones_only(&self) -> bool {
        let known = [
            "PLAIN",
            "LOGIN",
            "CRAM-MD5",
            "SCRAM-SHA-1",
            "SCRAM-SHA-256",
            "XOAUTH2",
            "OAUTHBEARER",
        ];
        self.offers_none() && !known.iter().any(|name| self.offers(name.as_bytes()))
    }

    fn username_is_address(&self) -> bool {
        self.settings.username().contains(&b'@')
    }

    fn is_silent_in(&self, phase: Phase) -> bool {
        self.report.reason == Reason::Deadline && self.report.phase == phase
    }
}

/// Makes the function that finds a hint: that of the first condition that holds. A table of functions and texts would be larger.
macro_rules! hints {
    ($case:ident: $($condition:expr, $hint:literal;)*) => {
        fn hint_for($case: &Case<'_>) -> Option<&'static str> {
            $(if $condition {
                return Some($hint);
            })*
            None
        }

        #[cfg(test)]
        const HINTS: &[&str] = &[$($hint),*];
    };
}

hints! {
    case:
    case.wants_tls(),
    "the server wants TLS first";
    case.refuses_starttls(),
    "it offers STARTTLS and refuses it: try port 465 with tls 2";
    case.wants_login() && case.has_username(),
    "a login is configured, but switched off (auth is 0)";
    case.wants_login(),
    "the server wants a login: set user name, password and auth";
    case.keeps_the_password(),
    "no password is said in the clear: set tls, or name PLAIN or LOGIN in auth";
    case.keeps_the_token(),
    "a token is said over TLS that verifies the server only: set tls to 1 or 2";
    case.offers_strange_ones_only(),
    "none of these is ours: the server has to offer PLAIN, LOGIN, CRAM-MD5 or SCRAM";
    case.offers_none() && case.settings.device,
    "sds_smtp_configure() has PLAIN and LOGIN only";
    case.offers_none() && case.settings.login.guarded,
    "these need a token, which auth 1 (ANY) has not: name one of them";
    case.offers_none(),
    "auth names none of these";
    case.is_locked(),
    "too many logins, or wrong ones: wait, or look into the account with a browser";
    case.smtp_auth_is_off(),
    "SMTP AUTH is off there: its administrator can allow it, or take XOAUTH2";
    case.token_refused() && case.token_is_long(),
    "get a new token; many servers take none of more than 9000 octets";
    case.token_refused(),
    "get a new token; it has to be for SMTP, and for this user name";
    case.login_refused_as(9) || case.login_refused() && case.says(b"gsmtp"),
    "an application password is needed: the account's settings make one";
    case.login_refused_as(139) || case.login_refused_as(3),
    "check the password; or SMTP AUTH is off there, or wants XOAUTH2";
    case.login_refused() && case.username_is_address(),
    "check the password; or try the user name without the domain";
    case.login_refused(),
    "check the password; or try the whole e-mail address as user name";
    case.report.code == Code::HeloFailed && case.is_refused(),
    "set an EHLO name that this server accepts";
    case.report.code == Code::SenderRefused && case.is_refused() && case.report.reply != 530 && !case.refuses_our_address(),
    "the sender has to be a whole e-mail address that this server accepts";
    case.is(Code::ConnectFailed, Reason::Refused),
    "nothing listens there: check the server's address and port";
    case.is(Code::ConnectFailed, Reason::Unreachable),
    "check the server's address and the network";
    case.is(Code::ConnectFailed, Reason::NoSource),
    "it has to be one of this device, and of the server's IP version";
    case.is_silent_in(Phase::Connect),
    "check the server's address and port, and the firewall";
    case.report.code == Code::TlsFailed && case.is_silent_in(Phase::Greeting),
    "this port speaks TLS from the first octet on: use another port, or tls 2";
    case.is_silent_in(Phase::Greeting) && case.report.tls_version == 0,
    "the server does not greet: does this port speak TLS?";
    case.report.code == Code::NameNotFound,
    "check the name, and the network's name service";
}

/// Says what to do about a mail that failed: its advice, and where there is a hint, that behind the server's words.
/// `mechanism`: the one that logged in, or tried to.
pub fn explain(report: &mut Report, settings: &Settings<'_>, mechanism: Option<Mechanism>) {
    let failed = Failed {
        outcome: report.outcome,
        code: report.code,
        reply: report.reply,
        reason: report.reason,
    };
    report.advice = advice(&failed, report.phase);
    let case = Case {
        report,
        settings,
        mechanism: mechanism.map_or(&[], Mechanism::name),
    };
    // A refused login is one with this mechanism.
    let name = if case.login_refused() { case.mechanism } else { &[] };
    if let Some(hint) = hint(&case) {
        report.text = with_hint(report.text.octets(), name, hint.as_bytes());
    }
}

/// Says something more behind what the text says already.
pub fn append(report: &mut Report, words: &[u8]) {
    report.text = with_hint(report.text.octets(), &[], words);
}

fn hint(case: &Case<'_>) -> Option<&'static str> {
    if case.report.outcome != Outcome::NotSent || case.report.phase == Phase::Start {
        return None;
    }
    hint_for(case)
}

/// The words with the hint behind them, and before the hint what it is about. The words are cut where both do not fit; the hint
/// never is.
fn with_hint(words: &[u8], about: &[u8], hint: &[u8]) -> Bounded<REPLY_TEXT_BYTES> {
    let dash = if words.is_empty() { &[] } else { DASH };
    let colon: &[u8] = if about.is_empty() { b"" } else { b": " };
    Bounded::written(|room| {
        let ours = [dash, about, colon, hint].iter().map(|part| part.len()).sum();
        let most = room.len().saturating_sub(ours);
        let mut length = 0usize;
        for part in [words.get(..most).unwrap_or(words), dash, about, colon, hint] {
            length = length.saturating_add(copy(room.get_mut(length..).unwrap_or(&mut []), part));
        }
        length
    })
}

#[cfg(test)]
mod tests {
    use super::super::advice::Advice;
    use super::*;
    use crate::session::job::Field;
    use crate::wire::reply::enhanced_status_code;
    use std::string::{String, ToString};

    /// A mail that the server refused.
    fn refused(code: Code, phase: Phase, reply: u16, words: &str) -> Report {
        Report {
            reply,
            enhanced: enhanced_status_code(words.as_bytes()),
            text: Bounded::new(words.as_bytes()),
            ..Report::unsent(code, phase, Outcome::NotSent, Reason::None)
        }
    }

    /// A mail that had no answer.
    fn unanswered(code: Code, phase: Phase, reason: Reason) -> Report {
        Report::unsent(code, phase, Outcome::NotSent, reason)
    }

    fn explained(report: Report, mechanisms: Capabilities, username: &'static str) -> (Advice, String) {
        let mut settings = Settings::NONE;
        settings.mechanisms = mechanisms;
        settings.set_text(Field::Username, username.as_bytes());
        let mut report = report;
        explain(&mut report, &settings, None);
        let text = core::str::from_utf8(report.text.octets()).unwrap().to_string();
        (report.advice, text)
    }

    const OFF: Capabilities = Capabilities::NONE;
    const ON: Capabilities = Capabilities::MECHANISMS;

    #[test]
    fn a_person_reads_these_sentences() {
        for (report, auth, username, advice, wanted) in [
            (
                refused(Code::SenderRefused, Phase::Mail, 530, "5.7.0 Authentication required"),
                OFF,
                "sds",
                Advice::Configuration,
                "5.7.0 Authentication required - a login is configured, but switched off (auth is 0)",
            ),
            (
                refused(Code::SenderRefused, Phase::Mail, 530, "5.7.0 Authentication required"),
                OFF,
                "",
                Advice::Configuration,
                "5.7.0 Authentication required - the server wants a login: set user name, password and auth",
            ),
            (
                refused(Code::RelayDenied, Phase::Rcpt, 530, "5.7.1 log in first"),
                OFF,
                "sds@example.org",
                Advice::Configuration,
                "5.7.1 log in first - a login is configured, but switched off (auth is 0)",
            ),
            (
                refused(
                    Code::RelayDenied,
                    Phase::Rcpt,
                    554,
                    "5.7.1 <a@b.cz>: Relay access denied",
                ),
                OFF,
                "",
                Advice::Configuration,
                "5.7.1 <a@b.cz>: Relay access denied - the server wants a login: set user name, password and auth",
            ),
            // With a login it is not the login that is missing.
            (
                refused(Code::SenderRefused, Phase::Mail, 530, "5.7.0 Authentication required"),
                ON,
                "sds",
                Advice::Configuration,
                "5.7.0 Authentication required",
            ),
            (
                refused(
                    Code::RelayDenied,
                    Phase::Rcpt,
                    554,
                    "5.7.1 <a@b.cz>: Relay access denied",
                ),
                ON,
                "sds",
                Advice::Configuration,
                "5.7.1 <a@b.cz>: Relay access denied",
            ),
            (
                refused(
                    Code::SenderRefused,
                    Phase::Mail,
                    530,
                    "5.7.0 Must issue a STARTTLS command first",
                ),
                OFF,
                "sds",
                Advice::Configuration,
                "5.7.0 Must issue a STARTTLS command first - the server wants TLS first",
            ),
            (
                refused(Code::TlsFailed, Phase::StartTls, 454, "4.7.0 TLS not available"),
                OFF,
                "sds",
                Advice::Configuration,
                "4.7.0 TLS not available - it offers STARTTLS and refuses it: try port 465 with tls 2",
            ),
            (
                refused(Code::AuthUnsupported, Phase::Auth, 538, "encryption required"),
                ON,
                "sds",
                Advice::Configuration,
                "encryption required - the server wants TLS first",
            ),
            (
                refused(
                    Code::BadPassword,
                    Phase::Auth,
                    535,
                    "5.7.8 Error: authentication failed",
                ),
                ON,
                "sds",
                Advice::Configuration,
                "5.7.8 Error: authentication failed - check the password; or try the whole e-mail address as user name",
            ),
            (
                refused(Code::BadPassword, Phase::Auth, 534, "5.7.9 no"),
                ON,
                "sds@example.org",
                Advice::Configuration,
                "5.7.9 no - an application password is needed: the account's settings make one",
            ),
            (
                refused(Code::BadUsername, Phase::Auth, 535, "no such user"),
                ON,
                "sds@example.org",
                Advice::Configuration,
                "no such user - check the password; or try the user name without the domain",
            ),
            (
                refused(Code::SenderRefused, Phase::Mail, 553, "5.1.8 no such domain"),
                ON,
                "sds",
                Advice::Configuration,
                "5.1.8 no such domain - the sender has to be a whole e-mail address that this server accepts",
            ),
            (
                refused(
                    Code::SenderRefused,
                    Phase::Rcpt,
                    504,
                    "5.5.2 <sds>: Sender address rejected: need fully-qualified address",
                ),
                OFF,
                "",
                Advice::Configuration,
                "5.5.2 <sds>: Sender address rejected: need fully-qualified address - the sender has to be a \
                 whole e-mail address that this server accepts",
            ),
            // It is about where we come from, not about the sender.
            (
                refused(
                    Code::SenderRefused,
                    Phase::Mail,
                    554,
                    "5.7.1 Client host [192.0.2.7] blocked using bl.example.org",
                ),
                OFF,
                "",
                Advice::Configuration,
                "5.7.1 Client host [192.0.2.7] blocked using bl.example.org",
            ),
            (
                refused(
                    Code::SenderRefused,
                    Phase::Mail,
                    554,
                    "5.7.1 Your IP 192.0.2.7 is not allowed to send here",
                ),
                OFF,
                "",
                Advice::Configuration,
                "5.7.1 Your IP 192.0.2.7 is not allowed to send here",
            ),
            (
                refused(
                    Code::SenderRefused,
                    Phase::Mail,
                    554,
                    "5.7.606 Access denied, banned sending IP [192.0.2.7]",
                ),
                OFF,
                "",
                Advice::Configuration,
                "5.7.606 Access denied, banned sending IP [192.0.2.7]",
            ),
            (
                refused(
                    Code::SenderRefused,
                    Phase::Mail,
                    554,
                    "5.7.25 Client host rejected: no reverse name",
                ),
                OFF,
                "",
                Advice::Configuration,
                "5.7.25 Client host rejected: no reverse name",
            ),
            (
                refused(
                    Code::SenderRefused,
                    Phase::Rcpt,
                    554,
                    "5.7.1 <blocked@example.test>: Sender address rejected: Access denied",
                ),
                OFF,
                "",
                Advice::Configuration,
                "5.7.1 <blocked@example.test>: Sender address rejected: Access denied - the sender has to be a whole \
                 e-mail address that this server accepts",
            ),
            (
                refused(
                    Code::SenderRefused,
                    Phase::Mail,
                    550,
                    "5.7.1 Sender not allowed to send from this account",
                ),
                ON,
                "sds",
                Advice::Configuration,
                "5.7.1 Sender not allowed to send from this account - the sender has to be a whole e-mail address that \
                 this server accepts",
            ),
            (
                refused(
                    Code::SenderRefused,
                    Phase::Mail,
                    553,
                    "5.1.7 sender is on our blacklist",
                ),
                ON,
                "sds",
                Advice::Configuration,
                "5.1.7 sender is on our blacklist - the sender has to be a whole e-mail address that this server accepts",
            ),
            (
                refused(
                    Code::HeloFailed,
                    Phase::Rcpt,
                    504,
                    "5.5.2 <x>: Helo command rejected: need fully-qualified hostname",
                ),
                OFF,
                "",
                Advice::Configuration,
                "5.5.2 <x>: Helo command rejected: need fully-qualified hostname - set an EHLO name that this server accepts",
            ),
            (
                unanswered(Code::ConnectFailed, Phase::Connect, Reason::Refused),
                OFF,
                "",
                Advice::Later,
                "connection refused - nothing listens there: check the server's address and port",
            ),
            (
                unanswered(Code::ConnectFailed, Phase::Connect, Reason::Unreachable),
                OFF,
                "",
                Advice::Later,
                "server unreachable - check the server's address and the network",
            ),
            (
                unanswered(Code::ConnectFailed, Phase::Connect, Reason::NoSource),
                OFF,
                "",
                Advice::Later,
                "our own address (source) cannot be used - it has to be one of this device, and of the server's IP version",
            ),
            (
                unanswered(Code::Timeout, Phase::Connect, Reason::Deadline),
                OFF,
                "",
                Advice::Later,
                "no answer in time - check the server's address and port, and the firewall",
            ),
            (
                unanswered(Code::Timeout, Phase::Greeting, Reason::Deadline),
                OFF,
                "",
                Advice::Later,
                "no answer in time - the server does not greet: does this port speak TLS?",
            ),
            (
                // It does speak TLS.
                Report {
                    tls_version: 0x304,
                    ..unanswered(Code::Timeout, Phase::Greeting, Reason::Deadline)
                },
                OFF,
                "",
                Advice::Later,
                "no answer in time",
            ),
            (
                unanswered(Code::TlsFailed, Phase::Greeting, Reason::Deadline),
                OFF,
                "",
                Advice::Configuration,
                "no answer in time - this port speaks TLS from the first octet on: use another port, or tls 2",
            ),
            (
                unanswered(Code::NameNotFound, Phase::Resolve, Reason::None),
                OFF,
                "",
                Advice::Later,
                "check the name, and the network's name service",
            ),
        ] {
            assert_eq!(explained(report, auth, username), (advice, wanted.to_string()));
        }
    }

    /// What large providers are known to say, and what a person reads then: their words first, ours behind.
    #[test]
    fn the_replies_of_large_providers_are_explained() {
        let app = "an application password is needed: the account's settings make one";
        let off = "SMTP AUTH is off there: its administrator can allow it, or take XOAUTH2";
        let locked = "too many logins, or wrong ones: wait, or look into the account with a browser";
        let token = "get a new token; it has to be for SMTP, and for this user name";
        for (reply, words, mechanism, hint) in [
            // Google.
            (
                534,
                "5.7.9 Application-specific password required. For more information, go to 5.7.9 \
                 https://support.google.com/mail/?p=InvalidSecondFactor 5b1f17-gsmtp",
                Mechanism::Plain,
                app,
            ),
            (
                535,
                "5.7.8 Username and Password not accepted. For more information, go to 5.7.8 \
                 https://support.google.com/mail/?p=BadCredentials 5b1f17 - gsmtp",
                Mechanism::Login,
                app,
            ),
            (
                534,
                "5.7.14 <https://accounts.google.com/signin/continue> Please log in via your web browser and then try again. \
                 5b1f17 - gsmtp",
                Mechanism::Plain,
                locked,
            ),
            (
                535,
                "5.7.8 Username and Password not accepted. 5b1f17 - gsmtp - {\"status\":\"400\",\"schemes\":\"Bearer\"}",
                Mechanism::XOAuth2,
                token,
            ),
            // Microsoft.
            (
                535,
                "5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit \
                 https://aka.ms/smtp_auth_disabled for more information.",
                Mechanism::Login,
                off,
            ),
            (
                535,
                "5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.",
                Mechanism::Login,
                off,
            ),
            (
                535,
                "5.7.139 Authentication unsuccessful, basic authentication is disabled.",
                Mechanism::Login,
                off,
            ),
            (
                535,
                "5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy.",
                Mechanism::Login,
                locked,
            ),
            (
                535,
                "5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully.",
                Mechanism::Login,
                off,
            ),
            (
                535,
                "5.7.3 Authentication unsuccessful [DB7PR02CA0001.eurprd02.prod.outlook.com]",
                Mechanism::Login,
                "check the password; or SMTP AUTH is off there, or wants XOAUTH2",
            ),
            // Yahoo.
            (
                535,
                "5.7.0 (#AUTH005) Too many bad auth attempts.",
                Mechanism::Plain,
                locked,
            ),
            // Postfix, Dovecot, and most others.
            (
                535,
                "5.7.8 Error: authentication failed: authentication failure",
                Mechanism::ScramSha256,
                "check the password; or try the whole e-mail address as user name",
            ),
            (
                535,
                "5.7.8 Error: authentication failed:",
                Mechanism::OAuthBearer,
                token,
            ),
        ] {
            let mut settings = Settings::NONE;
            settings.mechanisms = ON;
            settings.set_text(Field::Username, b"sds");
            settings.set_text(Field::Password, b"secret");
            let mut report = refused(Code::BadPassword, Phase::Auth, reply, words);
            explain(&mut report, &settings, Some(mechanism));
            let text = core::str::from_utf8(report.text.octets()).unwrap();
            let name = core::str::from_utf8(mechanism.name()).unwrap();
            let ours = std::format!(" - {name}: {hint}");
            let room = REPLY_TEXT_BYTES - ours.len();
            assert_eq!(text, std::format!("{}{ours}", &words[..words.len().min(room)]));
        }
        let mut report = refused(
            Code::NotReady,
            Phase::Auth,
            454,
            "4.7.0 Too many login attempts, please try again later. 5b1f17 - gsmtp",
        );
        explain(&mut report, &Settings::NONE, Some(Mechanism::Plain));
        let text = core::str::from_utf8(report.text.octets()).unwrap();
        assert!(text.starts_with("4.7.0 Too many") && text.ends_with(locked), "{text}");
        assert_eq!(report.advice, Advice::Later);
    }

    /// The list that the server offers stands first.
    #[test]
    fn a_server_without_a_mechanism_for_us_is_explained() {
        for (offered, set, guarded, verified, hint) in [
            (
                "AUTH NTLM GSSAPI",
                Capabilities::ANY,
                true,
                false,
                "none of these is ours: the server has to offer PLAIN, LOGIN, CRAM-MD5 or SCRAM",
            ),
            (
                "AUTH PLAIN LOGIN",
                Capabilities::ANY,
                true,
                false,
                "no password is said in the clear: set tls, or name PLAIN or LOGIN in auth",
            ),
            (
                "AUTH=LOGIN NTLM",
                Capabilities::ANY,
                true,
                false,
                "no password is said in the clear: set tls, or name PLAIN or LOGIN in auth",
            ),
            (
                "AUTH XOAUTH2 OAUTHBEARER",
                Capabilities::ANY,
                true,
                true,
                "these need a token, which auth 1 (ANY) has not: name one of them",
            ),
            (
                "AUTH PLAIN XOAUTH2",
                Capabilities::TOKENS,
                false,
                false,
                "a token is said over TLS that verifies the server only: set tls to 1 or 2",
            ),
            (
                "AUTH PLAIN",
                Capabilities::CHALLENGED,
                false,
                false,
                "auth names none of these",
            ),
        ] {
            let mut settings = Settings::NONE;
            settings.mechanisms = set;
            (settings.login.guarded, settings.login.verified) = (guarded, verified);
            let mut report = refused(Code::AuthUnsupported, Phase::Auth, 250, offered);
            explain(&mut report, &settings, None);
            let text = core::str::from_utf8(report.text.octets()).unwrap();
            assert_eq!(text, std::format!("{offered} - {hint}"));
        }
    }

    #[test]
    fn a_long_token_that_is_refused_may_have_been_too_long() {
        static LONG: [u8; 9001] = [b't'; 9001];
        let mut settings = Settings::NONE;
        settings.mechanisms = Capabilities::TOKENS;
        settings.set_text(Field::Password, &LONG);
        let mut report = refused(Code::BadPassword, Phase::Auth, 535, "5.7.8 Invalid base64");
        explain(&mut report, &settings, Some(Mechanism::XOAuth2));
        let text = core::str::from_utf8(report.text.octets()).unwrap();
        assert!(
            text.ends_with("many servers take none of more than 9000 octets"),
            "{text}"
        );
    }

    #[test]
    fn a_temporary_refusal_and_what_did_not_start_have_no_hint() {
        for report in [
            refused(Code::SenderRefused, Phase::Mail, 451, "4.1.8 domain not found"),
            refused(Code::RelayDenied, Phase::Rcpt, 454, "4.7.1 Relay access denied"),
            refused(Code::NotReady, Phase::Auth, 454, "4.7.0 try later"),
            refused(Code::InvalidRecipient, Phase::Rcpt, 550, "5.1.1 unknown"),
            unanswered(Code::BadPassword, Phase::Auth, Reason::Lost),
            unanswered(Code::Timeout, Phase::Rcpt, Reason::Deadline),
            unanswered(Code::Timeout, Phase::Greeting, Reason::TotalDeadline),
            unanswered(Code::ConnectFailed, Phase::Start, Reason::NotConfigured),
        ] {
            let before = core::str::from_utf8(report.text.octets()).unwrap().to_string();
            assert_eq!(explained(report, OFF, "sds").1, before);
        }
    }

    #[test]
    fn a_mail_that_was_sent_or_is_unknown_has_no_hint() {
        for (outcome, advice) in [(Outcome::Sent, Advice::None), (Outcome::Unknown, Advice::Unknown)] {
            let report = Report {
                outcome,
                ..refused(Code::SenderRefused, Phase::End, 553, "words")
            };
            assert_eq!(explained(report, OFF, "sds"), (advice, "words".to_string()));
        }
    }

    #[test]
    fn long_words_of_the_server_are_cut_and_ours_are_whole() {
        for length in [0, 1, 100, 180, 190, 200, 254, 255] {
            let words = "x".repeat(length);
            let report = refused(Code::BadPassword, Phase::Auth, 535, &words);
            let (_, text) = explained(report, ON, "sds");
            let hint = "check the password; or try the whole e-mail address as user name";
            let room = REPLY_TEXT_BYTES - hint.len() - DASH.len();
            let wanted = match length {
                0 => hint.to_string(),
                _ => "x".repeat(length.min(room)) + " - " + hint,
            };
            assert_eq!(text, wanted, "{length}");
        }
    }

    #[test]
    fn every_hint_is_printable_and_leaves_room_for_the_server() {
        for hint in HINTS {
            assert!(hint.bytes().all(|octet| matches!(octet, 0x20..=0x7e)));
            assert!(hint.len() <= 80, "{hint}");
        }
    }
}
