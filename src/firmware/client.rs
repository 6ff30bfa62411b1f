//! What a program calls, by handle: each call finds the client, and keeps all others out meanwhile.

use super::member::{Member, Outgoing};
use super::storage::{self, enter};
use crate::channel::Transport;
use crate::client::settings::{Checked, Draft};
use crate::code::{Code, Reason};

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
    pub fn configure(self, draft: &Draft<'_>) -> Code {
        enter(self.0, |member| member.configure(draft))
    }

    /// Takes user name, password and sender, with the limit that the devices have. Without a login the first two are empty.
    pub fn configure_device(self, server: &[u8], login: bool, texts: [&[u8]; 3]) -> Code {
        let mut checked = Checked::of_device(login, texts);
        enter(self.0, |member| member.configure_device(server, &mut checked))
    }

    /// Takes a mail.
    pub fn send(self, mail: &Outgoing<'_>) -> Code {
        enter(self.0, |member| member.send(mail))
    }

    /// Refuses a mail that cannot even be read, with a line in the log; unless one is in flight.
    pub fn refuse(self, code: Code, reason: Reason) -> Code {
        enter(self.0, |member| member.refuse_unread(code, reason))
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
