//! What a program calls, by handle: each call finds the client, and keeps all others out meanwhile.

use super::member::{Member, Outgoing};
use super::refusal::Refusal;
use super::security::Wanted;
use super::storage::{self, enter};
use crate::channel::Transport;
use crate::client::settings::{Checked, Draft};
use crate::code::{Code, Reason};
use crate::octets::copy;

/// A client, by its handle: copied freely, and checked in each call. A call on one that has ended gives
/// [`Code::BadHandle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client(usize);

impl Client {
    /// The client of the three functions: the first that was made.
    pub const BUILT_IN: Self = Self(0);

    /// The client with this handle, if there is one.
    pub const fn from_handle(handle: usize) -> Self {
        Self(handle)
    }

    /// Ends the client, and gives its memory back to the program.
    pub fn free(self) -> Code {
        storage::remove(self.0)
    }

    /// Takes a transport.
    pub fn set_transport(self, transport: Option<Transport>) -> Code {
        enter(self.0, |member| member.set_transport(transport))
    }

    /// Takes a configuration, or refuses it and keeps the old one. A mail in flight keeps the one it began with.
    pub fn configure(self, draft: &Draft<'_>, tls: &Wanted<'_>) -> Code {
        self.configure_with(|member| member.configure(draft, tls))
    }

    /// Takes user name, password and sender, with the limit that the devices have. Without a login the first two are empty.
    pub fn configure_device(self, server: &[u8], login: bool, texts: [&[u8]; 3]) -> Code {
        let mut checked = Checked::of_device(login, texts);
        self.configure_with(|member| member.configure_device(server, &mut checked))
    }

    /// Refuses a configuration that cannot even be read.
    pub fn refuse_configuration(self, code: Code) -> Code {
        self.configure_with(|_| code)
    }

    fn configure_with(self, configure: impl FnOnce(&mut Member) -> Code) -> Code {
        enter(self.0, |member| {
            let code = configure(member);
            member.refusal = Refusal::of_configuration(code);
            code
        })
    }

    /// Takes a mail.
    pub fn send(self, mail: &Outgoing<'_>) -> Code {
        self.send_with(|member| member.send(mail))
    }

    /// Refuses a mail that cannot even be read, with a line in the log; unless one is in flight.
    pub fn refuse(self, code: Code, reason: Reason) -> Code {
        self.send_with(|member| member.refuse_unread(code, reason))
    }

    fn send_with(self, send: impl FnOnce(&mut Member) -> Code) -> Code {
        enter(self.0, |member| {
            let code = send(member);
            member.refusal = Refusal::of_mail(code);
            code
        })
    }

    /// Shows why the last configuration or mail was refused.
    pub fn refusal<T>(self, show: impl FnOnce(&[u8]) -> T) -> Result<T, Code> {
        let mut text = [0; 80];
        let mut length = 0usize;
        let code = self.show(|member| {
            for part in member.refusal() {
                let room = text.get_mut(length..).unwrap_or(&mut []);
                length = length.wrapping_add(copy(room, part));
            }
        });
        match code {
            Code::Ok => Ok(show(text.get(..length).unwrap_or(&[]))),
            code => Err(code),
        }
    }

    /// Orders a probe.
    pub fn probe(self) -> Code {
        enter(self.0, |member| member.probe())
    }

    /// Gives up the mail in flight, if there is one.
    pub fn cancel(self) -> Code {
        enter(self.0, |member| {
            member.cancel();
            Code::Ok
        })
    }

    /// 14 while a mail is in flight, else the code of the last one, 0 before the first.
    pub fn status(self) -> u8 {
        storage::status(self.0).map_or(Code::BadHandle.number(), |status| status.get().code())
    }

    /// The status in FULL-C's numbers.
    pub fn program_status(self) -> Option<u16> {
        storage::status(self.0).map(|status| status.get().program())
    }

    /// Shows the client: how its last mail ended, and its log.
    pub fn show(self, show: impl FnOnce(&Member)) -> Code {
        enter(self.0, |member| {
            show(member);
            Code::Ok
        })
    }
}
