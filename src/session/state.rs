//! The one table of states.

use crate::code::Step;
use crate::limits::Timeouts;

/// Where the conversation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No connection yet.
    Connecting,
    /// The server speaks first.
    Greeting,
    /// EHLO.
    Ehlo,
    /// HELO, after EHLO was refused.
    Helo,
    /// AUTH PLAIN with its response in one line.
    AuthPlain,
    /// AUTH PLAIN alone.
    AuthPlainAlone,
    /// PLAIN's response, after a 334.
    AuthPlainResponse,
    /// AUTH LOGIN.
    AuthLogin,
    /// LOGIN's user name.
    AuthUsername,
    /// LOGIN's password.
    AuthPassword,
    /// MAIL, RCPT and DATA: pipelined, or one after the other.
    Envelope,
    /// Headers and text, up to the final dot.
    Text,
    /// The final dot is written.
    End,
    /// A lone dot: DATA was accepted although nobody is to get the mail (RFC 2920, 3.1).
    LoneDot,
    /// RSET: the transaction is given up.
    Rset,
    /// QUIT.
    Quit,
    /// Over: the connection is to be closed.
    Closed,
}

/// Where an answer leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// To this state.
    To(State),
    /// To logging in where that is wanted, else to the envelope.
    Choose,
    /// To the envelope; or, in a probe, to the end.
    Ready,
    /// To HELO, where no login is wanted.
    Fallback,
    /// To another way of logging in, where the refusal was not of the credentials.
    OtherWay,
    /// The envelope decides: what else was said, who was accepted.
    Envelope,
    /// The mail is sent.
    Sent,
    /// The mail is not sent: RSET where a transaction is open, and QUIT.
    Fail,
    /// The mail is not sent: the connection is of no more use.
    Break,
}

/// A row: what is said on entering the state, which step's answer is awaited, for how long, and where it leads.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The state.
    pub state: State,
    /// What is said.
    pub says: &'static str,
    /// The step whose answer decides; none where any answer will do.
    pub step: Option<Step>,
    /// The time limit.
    pub patience: fn(&Timeouts) -> u32,
    /// When the answer is the one that lets it go on.
    pub accepted: Next,
    /// When it is another.
    pub refused: Next,
}

const fn row(
    state: State,
    says: &'static str,
    step: Option<Step>,
    patience: fn(&Timeouts) -> u32,
    accepted: Next,
    refused: Next,
) -> Row {
    Row {
        state,
        says,
        step,
        patience,
        accepted,
        refused,
    }
}

use Next::{Break, Choose, Fail, Fallback, OtherWay, Ready, Sent, To};

/// The table, in the order of the states.
#[rustfmt::skip]
pub const STATES: [Row; 17] = [
    row(State::Connecting, "", Some(Step::Connect), |t| t.connect, To(State::Greeting), Break),
    row(State::Greeting, "", Some(Step::Greeting), |t| t.greeting, To(State::Ehlo), Fail),
    row(State::Ehlo, "EHLO", Some(Step::Ehlo), |t| t.ehlo, Choose, Fallback),
    row(State::Helo, "HELO", Some(Step::Helo), |t| t.ehlo, Choose, Fail),
    row(State::AuthPlain, "AUTH PLAIN response", Some(Step::AuthOneStep), |t| t.auth, Ready, OtherWay),
    row(State::AuthPlainAlone, "AUTH PLAIN", Some(Step::AuthMechanism), |t| t.auth, To(State::AuthPlainResponse), OtherWay),
    row(State::AuthPlainResponse, "response", Some(Step::AuthPassword), |t| t.auth, Ready, Fail),
    row(State::AuthLogin, "AUTH LOGIN", Some(Step::AuthMechanism), |t| t.auth, To(State::AuthUsername), Fail),
    row(State::AuthUsername, "user name", Some(Step::AuthUsername), |t| t.auth, To(State::AuthPassword), Fail),
    row(State::AuthPassword, "password", Some(Step::AuthPassword), |t| t.auth, Ready, Fail),
    row(State::Envelope, "MAIL, RCPT, DATA", None, |t| t.mail, Next::Envelope, Next::Envelope),
    row(State::Text, "the mail", Some(Step::Text), |t| t.block, Break, Break),
    row(State::End, "", Some(Step::End), |t| t.end, Sent, Fail),
    row(State::LoneDot, ".", None, |t| t.end, To(State::Quit), To(State::Quit)),
    row(State::Rset, "RSET", None, |t| t.quit, To(State::Quit), To(State::Quit)),
    row(State::Quit, "QUIT", None, |t| t.quit, To(State::Closed), To(State::Closed)),
    row(State::Closed, "", None, |t| t.quit, To(State::Closed), To(State::Closed)),
];

impl State {
    /// This state's row (a test says that the table has one for each).
    pub fn row(self) -> Row {
        STATES
            .get(self as usize)
            .copied()
            .unwrap_or(row(State::Closed, "", None, |t| t.quit, Break, Break))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_one_row_for_each_state_in_order() {
        for (at, row) in STATES.iter().enumerate() {
            assert_eq!(row.state as usize, at);
            assert_eq!(row.state.row().says, row.says);
        }
        assert_eq!(STATES.last().map(|row| row.state), Some(State::Closed));
    }
}
