//! A server that repeats what we logged in with ("500 unknown command: AUTH PLAIN AHNkcw...").
//!
//! Result and log keep the server's words, so in the words of a refused login the credentials are masked, plain or in
//! base64. Where the kept text was cut off, a secret's beginning at its end counts, too.

use super::credentials::Credentials;
#[cfg(feature = "std")]
use super::exchange::Exchange;
use super::mechanism::Mechanism;
#[cfg(feature = "std")]
use super::{cram_md5, scram};
#[cfg(feature = "std")]
use crate::base64;
use crate::buffer::Window;
use crate::code::Step;
use crate::limits::{EVENT_LINE_BYTES, REPLY_TEXT_BYTES};
use crate::octets::{self, printable};

/// Which places are masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Places {
    /// All: nothing of a password may be seen.
    All,
    /// Where it is a word. A user name may be short ("mail"), and has to leave host names, URLs and addresses readable in which
    /// it stands, too: they tell the reader where to look for help.
    Words,
}

/// Set in the octets of a kept text, which is ASCII, that are to be covered: so each secret is looked for in the text as it came,
/// whatever others it overlaps.
const MARK: u8 = 0x80;

/// The longest text that is masked: of a reply, or, where there are events, of a line.
const MASKED_BYTES: usize = if cfg!(feature = "std") {
    EVENT_LINE_BYTES
} else {
    REPLY_TEXT_BYTES
};

/// Masks what a server repeats of the login: what was marked before, PLAIN's response and the password, wherever they stand; and
/// while logging in the user name, too, where it is a word: later it is often the sender's address, which is no secret.
pub fn mask(text: &mut [u8], credentials: &impl Credentials, logging_in: bool) {
    mark_response(text, credentials, Step::AuthOneStep);
    mark_response(text, credentials, Step::AuthPassword);
    mark(text, credentials.password(), Places::All);
    if logging_in {
        #[cfg(feature = "std")]
        mark_within(text, credentials.password());
        mark_response(text, credentials, Step::AuthUsername);
        mark(text, credentials.username(), Places::Words);
    }
    cover(text);
}

/// What a mechanism with challenges says, in the form in which a server may repeat it: its response, and the proof in that.
#[cfg(feature = "std")]
pub struct Response {
    said: [u8; MASKED_BYTES],
    proof: [u8; scram::PROOF_DIGITS],
}

#[cfg(feature = "std")]
impl Response {
    /// That of this exchange.
    pub fn of(mechanism: Mechanism, credentials: &impl Credentials, exchange: &Exchange) -> Self {
        let mut new = Self {
            // No more of it can stand in a text.
            said: [0; MASKED_BYTES],
            proof: [0; scram::PROOF_DIGITS],
        };
        let mut said = Window::new(&mut new.said, 0);
        match mechanism {
            // It is not what was said last, where the server has told of its refusal.
            Mechanism::XOAuth2 | Mechanism::OAuthBearer => mechanism.write(Step::AuthPassword, credentials, &mut said),
            _ => mechanism.write_of(Step::AuthPassword, credentials, exchange, &mut said),
        }
        let mut proof = Window::new(&mut new.proof, 0);
        match mechanism {
            Mechanism::CramMd5 => cram_md5::put_digits(exchange, &mut |digits| proof.put_all(digits)),
            _ => scram::write_proof(exchange, credentials, &mut proof),
        }
        new
    }

    /// Marks it, wherever it stands, for [`mask`] to cover with the rest: were it covered before, in an octet that it shares with
    /// another secret, that one would be found no more.
    pub fn mark(&self, text: &mut [u8]) {
        for secret in [self.said.as_slice(), &self.proof] {
            let digits = secret.split(|octet| matches!(octet, b'=' | 0)).next().unwrap_or(&[]);
            // What is shorter is no secret, and would be found everywhere.
            if digits.len() >= 4 {
                mark(text, digits, Places::All);
            }
        }
    }
}

#[cfg(feature = "std")]
impl Drop for Response {
    fn drop(&mut self) {
        octets::wipe(&mut self.said);
        octets::wipe(&mut self.proof);
    }
}

/// Marks the response of this step, which is base64: that of one step is PLAIN's, the other ones are LOGIN's.
fn mark_response(text: &mut [u8], credentials: &impl Credentials, step: Step) {
    // Only the faster way to the same end: base64 is one word, longer than what it stands for.
    if cfg!(fast) && text.len() < REPLY_TEXT_BYTES {
        let least = match step {
            Step::AuthOneStep => credentials
                .username()
                .len()
                .saturating_add(credentials.password().len()),
            Step::AuthUsername => credentials.username().len(),
            _ => credentials.password().len(),
        };
        if text.len() <= least || text.split(|octet| *octet == b' ').all(|word| word.len() <= least) {
            return;
        }
    }
    // No more of it can stand in the text.
    let mut said = [0; MASKED_BYTES];
    let mut out = Window::new(&mut said, 0);
    let mechanism = match step {
        Step::AuthOneStep => Mechanism::Plain,
        _ => Mechanism::Login,
    };
    mechanism.write(step, credentials, &mut out);
    let written = if cfg!(fast) { out.kept() } else { MASKED_BYTES };
    // Without padding: servers may leave it out.
    let digits = said.split(|octet| matches!(octet, b'=' | 0)).next();
    mark(text, digits.unwrap_or(&[]), Places::All);
    octets::wipe(said.get_mut(..written).unwrap_or(&mut []));
}

/// Marks a secret that stands in the middle of what is said in base64, as in a challenge: it has other digits behind one octet, or
/// behind two. The digits at its ends, which neighbours share, stay.
#[cfg(feature = "std")]
fn mark_within(text: &mut [u8], secret: &[u8]) {
    // As above.
    let least = secret.len().saturating_mul(8) / 6;
    if text.len() < REPLY_TEXT_BYTES && text.split(|octet| *octet == b' ').all(|word| word.len() < least) {
        return;
    }
    for (before, shared) in [(&[][..], 0), (&[0], 2), (&[0, 0], 3)] {
        let mut digits = [0; MASKED_BYTES];
        let mut out = Window::new(&mut digits, shared);
        base64::put(before, &mut out);
        base64::put(secret, &mut out);
        let length = out.kept();
        // What is shorter is no secret, and would be found everywhere.
        if length >= 4 {
            mark(text, digits.get(..length).unwrap_or(&[]), Places::All);
        }
        octets::wipe(&mut digits);
    }
}

/// Marks each such place where the secret stands. Case does not matter: servers fold it.
pub fn mark(text: &mut [u8], secret: &[u8], places: Places) {
    // It was cut off, perhaps.
    let cut = text.len() >= REPLY_TEXT_BYTES;
    // Likewise: a longer secret is not in there.
    if cfg!(fast) && !cut && text.len() < secret.len() {
        return;
    }
    let mut joined = false;
    let mut rest = text;
    while !rest.is_empty() {
        // Only the faster way to the same end: most often it does not begin there.
        if cfg!(fast) && places == Places::All {
            let Some(first) = secret.first() else { break };
            let Some(begin) = rest.iter().position(|kept| same(*kept, *first)) else {
                break;
            };
            rest = rest.get_mut(begin..).unwrap_or(&mut []);
        }
        let mut length = 0usize;
        let found = loop {
            let Some(wanted) = secret.get(length) else {
                break true;
            };
            let Some(kept) = rest.get(length) else {
                // As much of the secret as the kept text had room for.
                break cut;
            };
            if !same(*kept, *wanted) {
                break false;
            }
            length = length.wrapping_add(1);
        };
        if found && (places == Places::All || !(joined || joins(rest, length))) {
            rest.iter_mut().take(length).for_each(|octet| *octet |= MARK);
        }
        // Only the faster way to the same end: it is asked for words only.
        joined = (!cfg!(fast) || places == Places::Words) && joins(rest, 0);
        rest = rest.get_mut(1..).unwrap_or(&mut []);
    }
}

/// Puts an asterisk in the place of each octet that is marked.
pub fn cover(text: &mut [u8]) {
    for octet in text {
        if *octet >= MARK {
            *octet = b'*';
        }
    }
}

/// Whether an octet of the secret may be kept as this one, marked or not: in either case, which some signs have like letters.
fn same(kept: u8, wanted: u8) -> bool {
    (kept ^ printable(wanted)) & !(0x20 | MARK) == 0
}

/// Whether the octet there makes one word of what stands before and behind it: a letter, a digit, or one of `-/@_`, which
/// names, addresses and paths have; or a dot that one of these follows, and not a sentence's end.
fn joins(text: &[u8], at: usize) -> bool {
    let dot = usize::from(text.get(at) == Some(&b'.'));
    // With this bit set, capitals are small letters, `@` is a backtick, and `_` is the last of these.
    let joins = |octet: &u8| matches!(octet | 0x20, b'-'..=b'9' | b'`'..=b'z' | 0x7f);
    text.get(at.wrapping_add(dot)).is_some_and(joins)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(feature = "std")]
    use crate::auth::exchange::NONCE_BYTES;
    use std::string::String;

    fn masked(text: &str, secret: &[u8]) -> String {
        let mut octets = text.as_bytes().to_vec();
        mark(&mut octets, secret, Places::All);
        cover(&mut octets);
        String::from_utf8(octets).unwrap()
    }

    #[test]
    fn each_place_is_masked_whatever_its_case() {
        for (text, wanted) in [
            ("535 user kotelna unknown", "535 user ******* unknown"),
            ("USER KOTELNA Kotelna", "USER ******* *******"),
            ("kotelna", "*******"),
            ("kokotelnakotelna", "ko**************"),
        ] {
            assert_eq!(masked(text, b"kotelna"), wanted);
        }
    }

    #[cfg(feature = "std")]
    #[test]
    fn a_secret_in_the_middle_of_base64_is_masked() {
        let secret = b"tajne-heslo";
        for before in 0..7 {
            for behind in 0..4 {
                let said = ["x".repeat(before).as_bytes(), secret, "y".repeat(behind).as_bytes()].concat();
                let mut text = [0; 64];
                let mut out = Window::new(&mut text, 0);
                out.put_all(b"334 ");
                base64::put(&said, &mut out);
                base64::end(&mut out);
                out.put_all(b" more");
                let length = out.kept();
                let mut text = text[..length].to_vec();
                let clear = text.clone();
                mark_within(&mut text, secret);
                cover(&mut text);
                // 11 octets are 14 digits, or 13 between neighbours.
                let masked = text.iter().filter(|octet| **octet == b'*').count();
                assert!((13..=14).contains(&masked), "{before} {behind}");
                let stars = "*".repeat(masked);
                assert!(String::from_utf8(text).unwrap().contains(&stars));
                let mut other = clear.clone();
                mark_within(&mut other, b"jine--heslo");
                assert_eq!(other, clear);
            }
        }
    }

    #[test]
    fn a_secret_is_masked_where_another_one_was_masked_in_a_part_of_it() {
        let mut text = *b"535 wrong: user7secret";
        mark(&mut text, b"t", Places::All);
        mark(&mut text, b"7secre", Places::All);
        mark(&mut text, b"user7", Places::All);
        mark(&mut text, b"secret", Places::All);
        cover(&mut text);
        assert_eq!(&text, b"535 wrong: ***********");
    }

    #[cfg(feature = "std")]
    #[test]
    fn a_token_is_masked_where_the_text_ends_as_a_response_begins() {
        use crate::session::job::{Field, Settings};

        for mechanism in [Mechanism::XOAuth2, Mechanism::OAuthBearer] {
            // Each octet that a response may begin with is the last one that was kept, once.
            for kept in 20..REPLY_TEXT_BYTES {
                for token in [b"ghijklmnopqrstuvwxyzabcdef".repeat(40), b"dbc0".repeat(250)] {
                    let mut settings = Settings::NONE;
                    settings.set_text(Field::Username, b"user");
                    settings.set_text(Field::Password, &token);
                    let response = Response::of(mechanism, &settings, &Exchange::new(&[7; NONCE_BYTES]));
                    let mut text = std::vec![b'#'; REPLY_TEXT_BYTES];
                    text[REPLY_TEXT_BYTES - kept..].copy_from_slice(&token[..kept]);
                    response.mark(&mut text);
                    mask(&mut text, &settings, true);
                    assert!(
                        text[REPLY_TEXT_BYTES - kept..].iter().all(|octet| *octet == b'*'),
                        "{kept}"
                    );
                }
            }
        }
    }

    #[test]
    fn other_texts_are_kept() {
        for text in ["5.7.8 Error: authentication failed", "", "kotel", "kot elna", "?otelna"] {
            assert_eq!(masked(text, b"kotelna"), text);
        }
        assert_eq!(masked("5.7.8 no", b""), "5.7.8 no");
    }

    #[test]
    fn a_secret_that_was_cut_off_with_the_text_is_masked() {
        let text = "x".repeat(REPLY_TEXT_BYTES - 6) + "tajne-";
        assert_eq!(
            masked(&text, b"tajne-heslo"),
            "x".repeat(REPLY_TEXT_BYTES - 6) + "******"
        );
        assert_eq!(masked(&text[1..], b"tajne-heslo"), text[1..]);
    }

    fn with_words_masked(text: &str, secret: &[u8]) -> String {
        let mut octets = text.as_bytes().to_vec();
        mark(&mut octets, secret, Places::Words);
        cover(&mut octets);
        String::from_utf8(octets).unwrap()
    }

    #[test]
    fn a_user_name_is_masked_where_it_is_a_word() {
        for (text, wanted) in [
            ("user mail unknown", "user **** unknown"),
            ("mail", "****"),
            ("MAIL: no", "****: no"),
            ("<mail>", "<****>"),
            (
                "user=mail, \"mail\" 'mail' (mail) [mail] mail; mail!",
                "user=****, \"****\" '****' (****) [****] ****; ****!",
            ),
            ("DOMAIN\\mail", "DOMAIN\\****"),
            ("no user mail.", "no user ****."),
            ("no user mail. Try again", "no user ****. Try again"),
            ("mail mail", "**** ****"),
        ] {
            assert_eq!(with_words_masked(text, b"mail"), wanted);
        }
    }

    #[test]
    fn a_user_name_within_another_word_is_left() {
        for text in [
            "see https://mail.example/help",
            "see https://www.example/mail/help and http://mail/",
            "contact mail@example.org or info@mail.example.org",
            "webmail e-mail mail-relay mail_1 mails mailbox 1mail mail1",
            "mail.example.org said no",
            "m ail mai",
        ] {
            assert_eq!(with_words_masked(text, b"mail"), text);
        }
    }

    #[test]
    fn a_user_name_that_is_an_address_is_masked_where_it_stands_whole() {
        let name = b"unit7@example.org";
        assert_eq!(with_words_masked("<unit7@example.org>.", name), "<*****************>.");
        for text in [
            "unit7@example.org.uk",
            "a.unit7@example.org",
            "xunit7@example.org",
            "unit7",
        ] {
            assert_eq!(with_words_masked(text, name), text);
        }
    }

    #[test]
    fn a_user_name_that_was_cut_off_with_the_text_is_masked() {
        let text = "x".repeat(REPLY_TEXT_BYTES - 4) + " kot";
        let wanted = "x".repeat(REPLY_TEXT_BYTES - 4) + " ***";
        assert_eq!(with_words_masked(&text, b"kotelna"), wanted);
        let text = "x".repeat(REPLY_TEXT_BYTES - 3) + "kot";
        assert_eq!(with_words_masked(&text, b"kotelna"), text);
    }

    #[test]
    fn every_octet_of_a_secret_is_masked_as_the_reader_keeps_it() {
        for octet in 0..=255u8 {
            let secret = [b'x', octet, b'y', octet];
            let mut text = std::vec![b':'];
            text.extend(secret.map(printable));
            text.push(b':');
            mark(&mut text, &secret, Places::All);
            cover(&mut text);
            assert_eq!(text, b":****:", "{octet}");
        }
    }

    #[test]
    fn eight_bit_secrets_are_found_in_cleaned_text() {
        assert_eq!(masked("no: p??esn??", b"p\xc5\x99esn\xc4\x9b"), "no: ********");
    }
}
