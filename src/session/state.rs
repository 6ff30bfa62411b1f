//! The one table of states.

use crate::code::Step;

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
    /// To EHLO; or to HELO, where EHLO was refused before.
    Hello,
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

/// A row: which step's answer is awaited in the state, and where it leads.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The state.
    pub state: State,
    /// The step whose answer decides, and whose time limit holds. In the envelope each command has its own; and at the
    /// end of the conversation, from LoneDot on, any answer will do.
    pub step: Step,
    /// When the answer is the one that lets it go on.
    pub accepted: Next,
    /// When it is another.
    pub refused: Next,
}

const fn row(state: State, step: Step, accepted: Next, refused: Next) -> Row {
    Row {
        state,
        step,
        accepted,
        refused,
    }
}

use Next::{Break, Choose, Fail, Fallback, Hello, OtherWay, Ready, Sent, To};

/// The table, in the order of the states.
#[rustfmt::skip]
pub const STATES: [Row; 17] = [
    row(State::Connecting, Step::Connect, To(State::Greeting), Break),
    row(State::Greeting, Step::Greeting, Hello, Fail),
    row(State::Ehlo, Step::Ehlo, Choose, Fallback),
    row(State::Helo, Step::Helo, Choose, Fail),
    row(State::AuthPlain, Step::AuthOneStep, Ready, OtherWay),
    row(State::AuthPlainAlone, Step::AuthMechanism, To(State::AuthPlainResponse), OtherWay),
    row(State::AuthPlainResponse, Step::AuthPassword, Ready, Fail),
    row(State::AuthLogin, Step::AuthMechanism, To(State::AuthUsername), Fail),
    row(State::AuthUsername, Step::AuthUsername, To(State::AuthPassword), Fail),
    row(State::AuthPassword, Step::AuthPassword, Ready, Fail),
    row(State::Envelope, Step::Mail, Next::Envelope, Next::Envelope),
    row(State::Text, Step::Text, Break, Break),
    row(State::End, Step::End, Sent, Fail),
    row(State::LoneDot, Step::End, To(State::Quit), To(State::Quit)),
    row(State::Rset, Step::End, To(State::Quit), To(State::Quit)),
    row(State::Quit, Step::End, To(State::Closed), To(State::Closed)),
    row(State::Closed, Step::End, To(State::Closed), To(State::Closed)),
];

/// Its columns, which need less room than its rows: the steps, and where an answer leads that is another, or the one.
static STEPS: [Step; 17] = columns().0;
static NEXT: [[Next; 2]; 17] = columns().1;

// It runs while the library is built.
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
const fn columns() -> ([Step; 17], [[Next; 2]; 17]) {
    let (mut steps, mut next) = ([Step::End; 17], [[Break; 2]; 17]);
    let mut at = 0;
    while at < 17 {
        steps[at] = STATES[at].step;
        next[at] = [STATES[at].refused, STATES[at].accepted];
        at += 1;
    }
    (steps, next)
}

impl State {
    /// The step of this state (a test says that the table has a row for each).
    pub fn step(self) -> Step {
        STEPS.get(self as usize).copied().unwrap_or(Step::End)
    }

    /// Where an answer leads.
    pub fn next(self, accepted: bool) -> Next {
        let next = NEXT.get(self as usize).and_then(|next| next.get(usize::from(accepted)));
        next.copied().unwrap_or(Break)
    }

    /// What is said on entering the state, in the words of the diagram.
    pub const fn says(self) -> &'static str {
        match self {
            Self::Connecting | Self::Greeting | Self::End | Self::Closed => "",
            Self::Ehlo => "EHLO",
            Self::Helo => "HELO",
            Self::AuthPlain => "AUTH PLAIN response",
            Self::AuthPlainAlone => "AUTH PLAIN",
            Self::AuthPlainResponse => "response",
            Self::AuthLogin => "AUTH LOGIN",
            Self::AuthUsername => "user name",
            Self::AuthPassword => "password",
            Self::Envelope => "MAIL, RCPT, DATA",
            Self::Text => "the mail",
            Self::LoneDot => ".",
            Self::Rset => "RSET",
            Self::Quit => "QUIT",
        }
    }

    /// Whether the result is known to the world: only RSET and QUIT are left.
    pub const fn settled(self) -> bool {
        matches!(self, Self::Rset | Self::Quit | Self::Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_one_row_for_each_state_in_order() {
        for (at, row) in STATES.iter().enumerate() {
            assert_eq!(row.state as usize, at);
            assert_eq!(row.state.step(), row.step);
            assert_eq!(
                (row.state.next(true), row.state.next(false)),
                (row.accepted, row.refused)
            );
        }
        assert_eq!(STATES.last().map(|row| row.state), Some(State::Closed));
    }
}
