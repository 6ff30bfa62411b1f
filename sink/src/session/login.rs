//! AUTH: the login.

use std::io;

use super::channel::LineEnd;
use super::{AUTH_LINE_LIMIT, Session};
use crate::base64;

const LOGIN_TRIES: u32 = 3;

impl Session<'_> {
    /// RFC 4954, with PLAIN (RFC 4616) and LOGIN.
    pub(super) fn auth(&mut self, argument: &str) -> io::Result<()> {
        let sink = self.sink;
        let Some((user, password)) = &sink.options.login else {
            self.reply(502, "5.5.1 AUTH is not offered");
            return Ok(());
        };
        if !self.said_hello || self.logged_in || self.envelope.is_some() {
            self.reply(503, "5.5.1 AUTH is out of place here");
            return Ok(());
        }
        if sink.options.replies.contains_key("AUTH") {
            self.logged_in = self.answer("AUTH", 235, "") == 235;
            return Ok(());
        }
        let (mechanism, initial) = match argument.split_once(' ') {
            Some((mechanism, initial)) => (mechanism, Some(initial.as_bytes().to_vec())),
            None => (argument, None),
        };
        let (given_user, given_password) = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => {
                let Some(message) = self.response(initial, "")? else {
                    return Ok(());
                };
                let fields: Vec<&[u8]> = message.split(|byte| *byte == 0).collect();
                match fields[..] {
                    [authzid, name, secret] if authzid.is_empty() || authzid == name => {
                        (name.to_vec(), secret.to_vec())
                    }
                    _ => {
                        self.reply(501, "5.5.2 Not a PLAIN message");
                        return Ok(());
                    }
                }
            }
            "LOGIN" => {
                let Some(name) = self.response(initial, "VXNlcm5hbWU6")? else {
                    return Ok(());
                };
                let Some(secret) = self.response(None, "UGFzc3dvcmQ6")? else {
                    return Ok(());
                };
                (name, secret)
            }
            _ => {
                self.reply(504, "5.5.4 No such mechanism");
                return Ok(());
            }
        };
        self.logged_in = given_user == user.as_bytes() && given_password == password.as_bytes();
        self.failed_logins += u32::from(!self.logged_in);
        if self.logged_in {
            self.reply(235, "2.7.0 Welcome");
        } else if self.failed_logins < LOGIN_TRIES {
            self.reply(535, "5.7.8 Login refused");
        } else {
            self.reply(421, "4.7.0 Too many refused logins");
        }
        Ok(())
    }

    /// The client's response to a challenge, decoded; `None` when it had to be refused, which is then answered already.
    fn response(&mut self, given: Option<Vec<u8>>, challenge: &str) -> io::Result<Option<Vec<u8>>> {
        let encoded = match given {
            Some(empty) if empty == b"=" => Vec::new(),
            Some(initial) => initial,
            None => {
                self.reply(334, challenge);
                let end = self.read_line(AUTH_LINE_LIMIT)?;
                let shown = if self.line == b"*" { "*" } else { "****" };
                self.sink.print("C", shown);
                if end != LineEnd::CrLf || self.used < self.input.len() {
                    self.reply(500, "5.5.6 Not a proper line");
                    return Ok(None);
                }
                std::mem::take(&mut self.line)
            }
        };
        let decoded = base64::decode(&encoded);
        match decoded {
            None if encoded == b"*" => self.reply(501, "5.7.0 Cancelled"),
            None => self.reply(501, "5.5.2 Not base64"),
            Some(_) => {}
        }
        Ok(decoded)
    }
}
