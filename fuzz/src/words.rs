//! Header fields and text of a mail, against mail-parser, which is nobody's of this project.

use encoding_rs::{Encoding, KOI8_R, WINDOWS_1250};
use mail_parser::MessageParser;
use sds_smtp::code::Code;

use crate::input::Input;
use crate::list::mailboxes;
use crate::mail::{Said, with_line_ends};
use crate::session::player::Player;
use crate::session::setup::Setup;

/// What the server says: it takes every mail.
fn server(setup: &Setup, eight_bit_mime: bool) -> Vec<u8> {
    let announces: &[u8] = if eight_bit_mime { b"250-8BITMIME\r\n" } else { b"" };
    let recipients = mailboxes(&setup.to).map_or(1, |all| all.len());
    let envelope = b"250 ok\r\n".repeat(1 + recipients);
    [
        b"220 x\r\n250-x\r\n",
        announces,
        b"250 SIZE\r\n",
        &envelope,
        b"354 go\r\n250 ok\r\n221 bye\r\n",
    ]
    .concat()
}

/// The characters that octets stand for: UTF-8 where they are, else the configured charset.
fn characters(octets: &[u8], charset: &'static Encoding) -> Option<String> {
    let marks: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe"];
    // A reader takes these for byte order marks, and leaves them out, or reads on in another charset.
    if marks
        .iter()
        .any(|mark| octets.windows(mark.len()).any(|some| some == *mark))
    {
        return None;
    }
    if let Ok(text) = std::str::from_utf8(octets) {
        return Some(text.to_string());
    }
    // What a charset leaves undefined, readers show as they like.
    let text = charset.decode_without_bom_handling(octets).0;
    (!text.chars().any(|sign| ('\u{80}'..='\u{9f}').contains(&sign))).then(|| text.into_owned())
}

/// The settings of a session, of which only the mail matters.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let mut setup = Setup::read(&mut input);
    let choice = input.octet();
    let charset = [WINDOWS_1250, KOI8_R][usize::from(choice >> 1 & 1)];
    (setup.auth, setup.probe, setup.limits) = (0, false, 0);
    setup.charset = charset.name().as_bytes().to_vec();
    if setup.pieces && setup.utf8 != std::str::from_utf8(&setup.text).is_ok() {
        return;
    }
    let mut player = Player::new(&setup);
    player.play(&server(&setup, choice & 1 == 1));
    assert_eq!(player.code(), Some(Code::Ok));
    let said = Said::read(player.mail().expect("a mail"));
    for line in &said.header {
        assert!(
            line.is_ascii() && line.iter().all(|octet| *octet >= b' '),
            "{}",
            line.escape_ascii()
        );
        // An address cannot be folded; every other line is as short as encoded words want it (RFC 2047, 2).
        let address = line.contains(&b'@') || line.starts_with(b"Message-ID");
        assert!(line.len() <= 78 || address, "a line of {} octets", line.len());
        assert!(line.len() <= 76 || !line.windows(2).any(|two| two == b"=?") || address);
    }
    check(&setup, &said.message, charset);
}

fn check(setup: &Setup, message: &[u8], charset: &'static Encoding) {
    let parsed = MessageParser::default().parse(message).expect("a message");
    if let Some(subject) = characters(&setup.subject, charset) {
        assert_eq!(parsed.subject().unwrap_or(""), subject, "the subject");
    }
    let from = parsed.from().and_then(|from| from.first()).expect("a sender");
    if let Some(name) = characters(&setup.sender_name, charset) {
        assert_eq!(from.name().unwrap_or(""), name, "the sender's name");
    }
    let plain = |address: &[u8]| !address.contains(&b'"');
    if plain(&setup.sender) {
        assert_eq!(
            from.address().map(str::as_bytes),
            Some(setup.sender.as_slice()),
            "the sender"
        );
    }
    if plain(&setup.to) {
        let to = parsed.to().expect("recipients");
        let to: Vec<&[u8]> = to
            .iter()
            .map(|address| address.address().unwrap_or("").as_bytes())
            .collect();
        assert_eq!(to, mailboxes(&setup.to).expect("a list"), "the recipients");
    }
    let date = parsed.date().map_or(0, mail_parser::DateTime::to_timestamp);
    assert_eq!(date, i64::from(setup.date), "the date");
    assert_eq!(parsed.message_id().is_some(), setup.nonce, "the Message-ID");
    // Where it is announced as it is and is not: the text's charset is chosen before the text is seen.
    if let Some(text) = characters(&with_line_ends(&setup.text), charset) {
        assert_eq!(parsed.body_text(0).expect("a text"), text, "the text");
    }
}
