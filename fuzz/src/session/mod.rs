//! A whole session. The input has the settings, the mail, and everything that happens: what the server says, in which
//! segments, when time passes, what of the client's octets leaves, a loss, a cancellation.
//!
//! Behind each event the session is compared with what a reader on the wire knows.
//!
//! - [`setup`]: settings and mail
//! - [`event`]: what happens
//! - [`player`]: drives the session
//! - `judge`: what must hold

mod judge;
mod listener;
pub mod player;
pub mod setup;

use crate::input::Input;
use player::Player;
use setup::Setup;

/// What happens, in the part of the input behind the fields. All other octets the server says: they arrive a line at a time.
pub mod event {
    /// What the server has said so far arrives now, in the middle of a line.
    pub const CUT: u8 = 0xf7;
    /// The next line's end is no end of a segment.
    pub const GLUE: u8 = 0xf8;
    /// Time passes: the next octet says how much.
    pub const TIME: u8 = 0xf9;
    /// The program cancels.
    pub const CANCEL: u8 = 0xfa;
    /// The connection is lost.
    pub const LOST: u8 = 0xfb;
    /// From now on only so many octets leave as the next octet says; with 255 all do.
    pub const STALL: u8 = 0xfc;
    /// The server says the next octet, whatever it is.
    pub const LITERAL: u8 = 0xfd;
    /// The server says what it has said since the last segment so many times as the next octet says.
    pub const REPEAT: u8 = 0xfe;
    /// The connection that is made next fails as the next octet says.
    pub const FAIL: u8 = 0xff;

    /// Operands of [`TIME`]: to the deadline, and to a millisecond before it.
    pub const DEADLINE: u8 = 255;
    pub const BEFORE_DEADLINE: u8 = 254;
    /// An operand of [`STALL`]: all octets leave.
    pub const FLOW: u8 = 255;
    /// An operand of [`FAIL`]: nothing is heard of the connection.
    pub const HANGS: u8 = 3;
}

/// Settings, mail, events.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let setup = Setup::read(&mut input);
    if setup.pieces && setup.utf8 && std::str::from_utf8(&setup.text).is_err() {
        // Whoever makes the pieces looks that they are what he says.
        return;
    }
    Player::new(&setup).play(input.rest());
}
