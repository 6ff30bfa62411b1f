//! What a program calls, by handle: each call finds the client, and keeps all others out meanwhile.

use super::member::Content;
use super::memory::{self, Entered, enter};
use super::told::{Line, Told};
use super::transport::sds_smtp_transport;
use crate::client::settings::{Checked, Draft};
use crate::code::{Code, Reason};
use crate::session::job::{PASSWORD, SENDER, USERNAME};
use crate::wire::capability::{LOGIN, PLAIN};

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
    pub fn free(self) -> Result<(), Code> {
        Entered::new()?.remove(self.0)
    }

    /// Takes a transport.
    pub fn set_transport(self, transport: Option<&'static sds_smtp_transport>) -> Result<(), Code> {
        enter(self.0)?.1.set_transport(transport)
    }

    /// Takes a configuration, or refuses it and keeps the old one. A mail in flight keeps the one it began with.
    pub fn configure(self, draft: &Draft<'_>) -> Result<(), Code> {
        enter(self.0)?.1.configure(draft)
    }

    /// What [`Client::configure`] does, with the limit on user name and password that the devices have.
    pub fn configure_device<'a>(self, draft: &Draft<'a>) -> Result<(), Code> {
        let mut checked = Checked::EMPTY;
        let text = |text: Option<&'a [u8]>| text.unwrap_or(&[]);
        checked.settings.texts[SENDER] = text(draft.sender);
        if draft.auth != 0 {
            checked.settings.mechanisms = PLAIN | LOGIN;
            checked.settings.texts[USERNAME] = text(draft.username);
            checked.settings.texts[PASSWORD] = text(draft.password);
        }
        enter(self.0)?.1.configure_device(text(draft.server), &mut checked)
    }

    /// Takes a mail.
    pub fn send(self, recipients: Option<&[u8]>, subject: &[u8], content: &Content<'_>) -> Result<(), Code> {
        let (guard, member) = &mut *enter(self.0)?;
        member.send(guard, recipients, subject, content)
    }

    /// Refuses a mail that cannot even be read, with a line in the log; unless one is in flight.
    pub fn refuse(self, code: Code, reason: Reason) -> Code {
        let refused = || {
            let (guard, member) = &mut *enter(self.0)?;
            if guard.busy() {
                return Err(Code::Busy);
            }
            Ok(member.refuse(guard, code, reason, &[]))
        };
        refused().unwrap_or_else(|code| code)
    }

    /// Orders a probe.
    pub fn probe(self) -> Result<(), Code> {
        let (guard, member) = &mut *enter(self.0)?;
        member.probe(guard)
    }

    /// Gives up the mail in flight, if there is one.
    pub fn cancel(self) -> Result<(), Code> {
        enter(self.0)?.1.cancel();
        Ok(())
    }

    /// 14 while a mail is in flight, else the code of the last one, 0 before the first.
    pub fn status(self) -> Result<u8, Code> {
        memory::guard(self.0).map(|guard| guard.status())
    }

    /// The status in FULL-C's numbers.
    pub fn program_status(self) -> Result<u16, Code> {
        memory::guard(self.0).map(|guard| guard.program_status())
    }

    /// Shows how the last mail ended, and what its Message-ID is made of: nonce and domain.
    pub fn tell<T>(self, show: impl FnOnce(&Told, Option<&[u8; 16]>, &[u8]) -> T) -> Result<T, Code> {
        let entered = enter(self.0)?;
        let (told, nonce, domain) = entered.1.told();
        Ok(show(told, nonce, domain))
    }

    /// Hands the newest `most` lines of the log over, the oldest of them first, and says how many.
    pub fn log(self, most: usize, each: impl FnMut(&Line)) -> Result<usize, Code> {
        Ok(enter(self.0)?.1.log(most).map(each).count())
    }

    /// How many entries the log has.
    pub fn log_len(self) -> Result<usize, Code> {
        Ok(enter(self.0)?.1.log_len())
    }
}
