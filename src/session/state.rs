//! The one table of states.

use crate::code::Step;
use crate::wire::command::Command;

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
    /// STARTTLS.
    #[cfg(feature = "complete")]
    StartTls,
    /// Its owner is to have the handshake made ([`super::Session::secured`]); nothing is said or heard meanwhile.
    #[cfg(feature = "complete")]
    Securing,
    /// AUTH, with an initial response or without one.
    AuthBegin,
    /// A response to a challenge.
    AuthRespond,
    /// The mechanism derives its keys, in slices ([`super::Session::derive`]); nothing is said meanwhile.
    #[cfg(feature = "std")]
    AuthDerive,
    /// MAIL, RCPT and DATA: pipelined, or one after the other.
    Envelope,
    /// The mail data in chunks (RFC 3030), and the answers to them; with one recipient they go out behind MAIL and RCPT at once, and
    /// the answers to these are heard here.
    #[cfg(feature = "std")]
    Chunk,
    /// The mail data: the header block.
    Header,
    /// The text.
    Text,
    /// The dot that ends it.
    Dot,
    /// All of it is written.
    End,
    /// A lone dot: DATA was accepted although nobody is to get the mail (RFC 2920, 3.1).
    LoneDot,
    /// RSET: the transaction is given up.
    Rset,
    /// QUIT.
    Quit,
    /// Between two transactions: the session is kept for another mail.
    Idle,
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
    /// To HELO, where no login is wanted.
    Fallback,
    /// TLS was refused: the end, or where it need not be the same as Choose.
    #[cfg(feature = "complete")]
    Unsecured,
    /// The mechanism decides: to its next response, to another mechanism, or, logged in, to the envelope.
    Login,
    /// The envelope decides: what else was said, who was accepted.
    Envelope,
    /// The chunks decide: which of them is answered, what else is still to be answered, who was accepted.
    #[cfg(feature = "std")]
    Chunk,
    /// To QUIT; or to the transaction that RSET made room for.
    Reset,
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
    /// What is said on entering it. In the envelope several commands are.
    pub says: Command,
    /// The step whose answer decides, and whose time limit holds. In the envelope each command has its own, and each response
    /// while logging in; and at the end of the conversation, from LoneDot on, any answer will do.
    pub step: Step,
    /// When the answer is the one that lets it go on.
    pub accepted: Next,
    /// When it is another.
    pub refused: Next,
}

const fn row(state: State, says: Command, step: Step, accepted: Next, refused: Next) -> Row {
    Row {
        state,
        says,
        step,
        accepted,
        refused,
    }
}

use Next::{Break, Choose, Fail, Fallback, Hello, Login, Reset, Sent, To};

/// How many states there are.
const COUNT: usize = State::Closed as usize + 1;

/// The table, in the order of the states (a test compares).
#[rustfmt::skip]
pub const STATES: [Row; COUNT] = [
    row(State::Connecting, Command::Nothing, Step::Connect, To(State::Greeting), Break),
    row(State::Greeting, Command::Nothing, Step::Greeting, Hello, Fail),
    row(State::Ehlo, Command::Ehlo, Step::Ehlo, Choose, Fallback),
    row(State::Helo, Command::Helo, Step::Helo, Choose, Fail),
    #[cfg(feature = "complete")]
    row(State::StartTls, Command::StartTls, Step::StartTls, To(State::Securing), Next::Unsecured),
    #[cfg(feature = "complete")]
    row(State::Securing, Command::Nothing, Step::StartTls, To(State::Ehlo), Break),
    row(State::AuthBegin, Command::Auth, Step::AuthMechanism, Login, Login),
    row(State::AuthRespond, Command::Response, Step::AuthPassword, Login, Login),
    #[cfg(feature = "std")]
    row(State::AuthDerive, Command::Nothing, Step::AuthPassword, Login, Login),
    row(State::Envelope, Command::Mail, Step::Mail, Next::Envelope, Next::Envelope),
    #[cfg(feature = "std")]
    row(State::Chunk, Command::Bdat, Step::Chunk, Next::Chunk, Next::Chunk),
    row(State::Header, Command::Nothing, Step::Text, Break, Break),
    row(State::Text, Command::Nothing, Step::Text, Break, Break),
    row(State::Dot, Command::EndOfData, Step::Text, Break, Break),
    row(State::End, Command::Nothing, Step::End, Sent, Fail),
    row(State::LoneDot, Command::EndOfData, Step::End, To(State::Quit), To(State::Quit)),
    row(State::Rset, Command::Rset, Step::End, Reset, Reset),
    row(State::Quit, Command::Quit, Step::End, To(State::Closed), To(State::Closed)),
    row(State::Idle, Command::Nothing, Step::End, To(State::Closed), To(State::Closed)),
    row(State::Closed, Command::Nothing, Step::End, To(State::Closed), To(State::Closed)),
];

/// Its columns, which need less room than its rows: the commands, the steps, and where an answer leads that is another, or the
/// one.
static SAYS: [Command; COUNT] = columns().0;
static STEPS: [Step; COUNT] = columns().1;
static NEXT: [[Next; 2]; COUNT] = columns().2;

// It runs while the library is built.
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
const fn columns() -> ([Command; COUNT], [Step; COUNT], [[Next; 2]; COUNT]) {
    let (mut says, mut steps, mut next) = ([Command::Nothing; COUNT], [Step::End; COUNT], [[Break; 2]; COUNT]);
    let mut at = 0;
    while at < COUNT {
        says[at] = STATES[at].says;
        steps[at] = STATES[at].step;
        next[at] = [STATES[at].refused, STATES[at].accepted];
        at += 1;
    }
    (says, steps, next)
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

    /// What is said on entering the state.
    pub fn says(self) -> Command {
        SAYS.get(self as usize).copied().unwrap_or(Command::Nothing)
    }

    /// Whether nothing is said or heard: there is no connection, or it is to be secured first.
    pub const fn silent(self) -> bool {
        match self {
            Self::Closed | Self::Connecting => true,
            #[cfg(feature = "complete")]
            Self::Securing => true,
            _ => false,
        }
    }

    /// Whether the transaction is over: only RSET and QUIT are left. (A RSET that makes room for a transaction begins it.)
    pub const fn settled(self) -> bool {
        matches!(self, Self::Rset | Self::Quit | Self::Idle | Self::Closed)
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
