//! The session: what lives as long as the connection. Octets and time in, octets and events out.

use super::event::{End, Events};
use super::job::Job;
use super::state::State;
use super::transaction::Transaction;
use super::verdict::Verdict;
use crate::auth::{Mechanism, redaction};
use crate::code::{Code, Outcome, Reason, Step};
#[cfg(feature = "std")]
use crate::limits::{CHALLENGE_BYTES, FRESH, Size};
use crate::limits::{Count, LIMITS, Limit, Timeouts};
#[cfg(feature = "std")]
use crate::wire::capability::Capabilities;
use crate::wire::capability::Parser;
use crate::wire::literal::Address;
#[cfg(feature = "std")]
use crate::wire::protocol::Beginning;
use crate::wire::reply::{Progress, Reader, enhanced_status_code};

/// The limits where the settings have none.
static DEFAULTS: [u16; LIMITS] = Timeouts::RFC_5321.in_seconds();

/// A limit of the settings, in milliseconds.
fn milliseconds(job: &Job<'_>, limit: Limit) -> u32 {
    let given = job.settings.limits.get(limit as usize).copied().unwrap_or(0);
    if given > 0 {
        return given;
    }
    let seconds = DEFAULTS.get(limit as usize).copied().unwrap_or(0);
    u32::from(seconds).wrapping_mul(1000)
}

/// The limit of each exchange: a list, since a list of octets is smaller than what the compiler makes of the function.
static LIMIT_OF: [Limit; Step::ALL.len()] = limits_of();

#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
const fn limits_of() -> [Limit; Step::ALL.len()] {
    let mut limits = [Limit::Total; Step::ALL.len()];
    let mut at = 0;
    while at < limits.len() {
        limits[at] = limit_of(Step::ALL[at]);
        at += 1;
    }
    limits
}

const fn limit_of(step: Step) -> Limit {
    match step {
        Step::Connect => Limit::Connect,
        Step::Greeting => Limit::Greeting,
        Step::Ehlo | Step::Helo => Limit::Ehlo,
        #[cfg(feature = "complete")]
        Step::StartTls => Limit::Connect,
        Step::AuthMechanism | Step::AuthOneStep | Step::AuthUsername | Step::AuthPassword => Limit::Auth,
        #[cfg(feature = "std")]
        Step::AuthMessage => Limit::Auth,
        Step::Mail => Limit::Mail,
        Step::Rcpt => Limit::Rcpt,
        Step::Data => Limit::Data,
        #[cfg(feature = "std")]
        Step::Chunk => Limit::Data,
        Step::Text => Limit::Block,
        Step::End => Limit::End,
    }
}

/// A session with a server, and the transaction in it. See the [module](super) for how it is driven.
///
/// The fields stand in this order in memory, the small ones first: near the beginning they are reached with shorter
/// instructions.
#[repr(C)]
pub struct Session<E = ()> {
    pub(super) state: State,
    /// The step whose answer is awaited.
    pub(super) step: Step,
    /// It is our turn: the state's line is not written whole yet (`cursor` octets of it are), or, with the final dot, has
    /// not left. A reply is none to it then.
    pub(super) pending: bool,
    /// A server that refused EHLO and closed was asked once more, with HELO.
    pub(super) helo_only: bool,
    /// TLS protects the conversation.
    #[cfg(feature = "complete")]
    pub(super) secure: bool,
    /// The server was greeted, and logged in to where that is wanted: it takes mails.
    pub(super) serves: bool,
    /// What logs in.
    pub(super) mechanism: Mechanism,
    /// The mechanisms that were tried in this session.
    #[cfg(feature = "std")]
    pub(super) tried: Capabilities,
    /// A user name, or more, was said in this session.
    #[cfg(feature = "std")]
    pub(super) shown: bool,
    /// The server offers CHUNKING and does not know BDAT: this is another connection, on which DATA is said.
    #[cfg(feature = "std")]
    pub(super) data_only: bool,
    /// Transactions that have begun in this session.
    #[cfg(feature = "std")]
    pub(super) mails: Count,
    /// Since when it has been kept for another one.
    #[cfg(feature = "std")]
    idle_since: u32,
    pub(super) transaction: Transaction,
    pub(super) capabilities: Parser,
    /// What spoke where the greeting should be, and is no SMTP.
    #[cfg(feature = "std")]
    pub(super) beginning: Beginning,
    /// The time of the current event, in milliseconds since the session began.
    pub(super) now: u32,
    deadline: u32,
    total_deadline: u32,
    pub(super) cursor: usize,
    /// Octets that were handed out and have not left yet.
    pub(super) unsent: usize,
    pub(super) reader: Reader,
    pub(super) local: Address,
    /// Takes the events.
    pub events: E,
}

impl Session {
    /// A place for a session that has not begun. All of it is zeros, so that it takes no room in a program's image.
    pub const IDLE: Self = Self::idle(());

    /// Begins to connect, now: what was before is forgotten. The time of a session is counted from here.
    pub fn begin(&mut self, job: &Job<'_>) {
        *self = Self::IDLE;
        self.start(job);
    }
}

impl<E> Session<E> {
    const fn idle(events: E) -> Self {
        Self {
            now: 0,
            deadline: 0,
            total_deadline: 0,
            state: State::Connecting,
            step: Step::Connect,
            pending: false,
            helo_only: false,
            #[cfg(feature = "complete")]
            secure: false,
            serves: false,
            mechanism: Mechanism::Plain,
            #[cfg(feature = "std")]
            tried: Capabilities::NONE,
            #[cfg(feature = "std")]
            shown: false,
            #[cfg(feature = "std")]
            data_only: false,
            #[cfg(feature = "std")]
            mails: 0,
            #[cfg(feature = "std")]
            idle_since: 0,
            cursor: 0,
            unsent: 0,
            transaction: Transaction::NONE,
            capabilities: Parser::new(),
            #[cfg(feature = "std")]
            beginning: Beginning::NONE,
            local: Address::NONE,
            reader: Reader::new(),
            events,
        }
    }
}

/// The octets of the line that ends the mail.
#[cfg(feature = "std")]
const END: Size = 3;

/// The server's text that belongs to a verdict; or ours.
fn text<'a>(verdict: &Verdict, reader: &'a Reader) -> &'a [u8] {
    if verdict.outcome == Outcome::None {
        return &[];
    }
    if verdict.reason != Reason::None {
        return verdict.reason.text();
    }
    let mut text = reader.text();
    while let [rest @ .., b' '] = text {
        text = rest;
    }
    text
}

fn end<'a>(transaction: &'a Transaction, reader: &'a Reader) -> End<'a> {
    End {
        verdict: &transaction.verdict,
        text: text(&transaction.verdict, reader),
        accepted: transaction.envelope.accepted,
        refused: transaction.envelope.refused,
        #[cfg(feature = "std")]
        unanswered: transaction.envelope.unanswered(),
    }
}

impl<E: Events> Session<E> {
    /// A session that begins to connect now.
    // Saves 480 bytes.
    #[cfg_attr(fast, inline(never))]
    pub fn new(job: &Job<'_>, events: E) -> Self {
        let mut new = Self::idle(events);
        new.start(job);
        new
    }

    fn start(&mut self, job: &Job<'_>) {
        self.total_deadline = milliseconds(job, Limit::Total);
        self.be_patient(job);
    }

    /// Begins another transaction, now: where the one before has ended, and its job said that the session is to be kept. False
    /// where it cannot be, or was not; or where the server has begun to say something.
    ///
    /// Where the one before has left something behind, or the session was not used for a second, RSET goes first, and its answer
    /// is awaited: a connection that stands no more takes no command of the mail with it.
    pub fn next(&mut self, job: &Job<'_>, now: u32) -> bool {
        if self.state != State::Idle || !self.reader.idle() {
            return false;
        }
        self.now = now;
        self.total_deadline = now.saturating_add(milliseconds(job, Limit::Total));
        let open = self.transaction.open || self.is_stale();
        self.transaction = Transaction::NONE;
        self.reader.release_text();
        if open {
            self.enter(job, State::Rset);
        } else {
            // The transaction has begun, whatever becomes of it.
            self.state = State::Envelope;
            self.step = Step::Mail;
            let state = self.begin_transaction(job);
            self.enter(job, state);
        }
        true
    }

    /// Whether it was kept for so long that nobody knows if its connection still stands.
    #[cfg(feature = "std")]
    fn is_stale(&self) -> bool {
        self.now.saturating_sub(self.idle_since) > FRESH
    }

    /// A device keeps none.
    #[cfg(not(feature = "std"))]
    fn is_stale(&self) -> bool {
        false
    }

    /// Whether the server takes another transaction in this session (RFC 9422, 4.1).
    #[cfg(feature = "std")]
    fn takes_more(&self) -> bool {
        let most = match self.most_domains() {
            Some(_) => 1,
            None => self.capabilities.limits().mails,
        };
        most == 0 || self.mails < most
    }

    /// A device begins one only.
    #[cfg(not(feature = "std"))]
    fn takes_more(&self) -> bool {
        true
    }

    /// A session that is kept is not wanted any more: it says QUIT.
    #[cfg(feature = "std")]
    pub fn leave(&mut self, job: &Job<'_>, now: u32) {
        if self.state == State::Idle {
            self.now = now;
            // Nor is it kept when RSET is answered.
            self.serves = false;
            self.enter(job, State::Quit);
        }
    }

    /// Whether it was the connection that failed, and not the mail: of the mail nothing can have been delivered, and the server has
    /// refused none of its commands. Where the connection was kept from an earlier mail, the mail may go over another one.
    #[cfg(feature = "std")]
    pub fn may_begin_anew(&self) -> bool {
        let Transaction {
            verdict,
            envelope,
            chunks,
            ..
        } = &self.transaction;
        if verdict.outcome != Outcome::NotSent || verdict.code == Code::Ok {
            return false;
        }
        // The end of the data has left: with DATA its answer is awaited then, a last chunk may have left with MAIL.
        if verdict.step == Step::End || chunks.all_left() {
            return false;
        }
        match (verdict.reply, verdict.reason) {
            (421, Reason::None) | (0, Reason::Lost) => true,
            (0, Reason::Deadline) => envelope.answered == 0,
            // It was RSET that was answered so.
            (0, Reason::NotSmtp) | (_, Reason::None) => envelope.said == 0,
            _ => false,
        }
    }

    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// The exchange whose answer is awaited.
    pub fn step(&self) -> Step {
        self.step
    }

    /// Whether nothing can change the result any more. The conversation may go on for RSET and QUIT.
    pub fn settled(&self) -> bool {
        self.state.settled() && (!E::KEEPS || self.concluded())
    }

    /// The result, as soon as nothing can change it any more.
    pub fn verdict(&self) -> Option<Verdict> {
        self.settled().then_some(self.transaction.verdict)
    }

    /// How the mail ended, for an owner that knows that it has.
    pub fn end(&self) -> End<'_> {
        end(&self.transaction, &self.reader)
    }

    /// Whether there is a verdict, if only for ourselves yet.
    pub(super) fn concluded(&self) -> bool {
        self.transaction.concluded()
    }

    /// The server's text that belongs to the verdict: printable ASCII.
    pub fn text(&self) -> &[u8] {
        text(&self.transaction.verdict, &self.reader)
    }

    /// The enhanced status code (RFC 3463) of the reply that the verdict speaks of, or zeros.
    pub fn enhanced_status_code(&self) -> [u32; 3] {
        // Our own words begin with none.
        enhanced_status_code(self.text())
    }

    /// Recipients accepted and refused.
    pub fn recipients(&self) -> (Count, Count) {
        let envelope = &self.transaction.envelope;
        (envelope.accepted, envelope.refused)
    }

    /// Whether the connection is to be closed, now.
    pub fn closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Wipes the server's last words, when nobody will ask for them any more: they may repeat the login.
    pub fn wipe(&mut self) {
        self.reader.wipe_text();
    }

    /// Whether the connection is to be made anew, after the first one was lost.
    pub fn wants_reconnect(&self) -> bool {
        self.state == State::Connecting && (self.helo_only || self.is_data_only())
    }

    /// Whether the mail may be sent with octets above 127.
    #[cfg(feature = "std")]
    pub fn takes_eight_bit(&self) -> bool {
        self.transaction.eight_bit_mime
    }

    /// How many octets of the mail data have left, and how many there are; 0 where that is not known.
    #[cfg(feature = "std")]
    pub fn progress(&self) -> (Size, Size) {
        let Transaction { left, all, .. } = self.transaction;
        // Dots that are doubled do not count.
        (if all > 0 { left.min(all) } else { left }, all)
    }

    /// From which octet on more of the text is needed, before [`Session::transmit`] can go on. Always None while what is at
    /// hand is enough, and where the text is whole.
    pub fn wants_text(&self) -> Option<usize> {
        let transaction = &self.transaction;
        (self.writes_text() && transaction.starved).then_some(transaction.taken)
    }

    /// When to call [`Session::tick`], at the latest.
    pub fn deadline(&self) -> Option<u32> {
        (!self.closed()).then_some(self.deadline)
    }

    /// Counts the time limit of what is awaited from now on.
    pub(super) fn be_patient(&mut self, job: &Job<'_>) {
        let mut limit = LIMIT_OF.get(self.step as usize).copied().unwrap_or(Limit::Total);
        if self.settled() {
            limit = Limit::Quit;
            self.total_deadline = u32::MAX;
        }
        // Before a mail it only asks whether the connection still stands.
        if E::KEEPS && self.state == State::Rset {
            limit = Limit::Quit;
        }
        self.deadline = self
            .now
            .saturating_add(milliseconds(job, limit))
            .min(self.total_deadline);
        if E::KEEPS && self.state == State::Idle {
            self.deadline = u32::MAX;
        }
    }

    /// Whether the text is being written.
    #[cfg(feature = "std")]
    fn writes_text(&self) -> bool {
        matches!(self.state, State::Text | State::Chunk)
    }

    #[cfg(not(feature = "std"))]
    fn writes_text(&self) -> bool {
        self.state == State::Text
    }

    /// A device takes none.
    #[cfg(not(feature = "std"))]
    pub(super) fn resets_at_once(&mut self) -> bool {
        false
    }

    #[cfg(not(feature = "std"))]
    pub(super) fn resets_chunks(&self) -> bool {
        false
    }

    #[cfg(not(feature = "std"))]
    pub(super) fn takes_chunks(&self) -> bool {
        false
    }

    #[cfg(feature = "std")]
    fn is_data_only(&self) -> bool {
        self.data_only
    }

    /// A device knows no BDAT.
    #[cfg(not(feature = "std"))]
    fn is_data_only(&self) -> bool {
        false
    }

    pub(super) fn enter(&mut self, job: &Job<'_>, state: State) {
        let settled = self.settled();
        let mut state = state;
        self.pending = true;
        match state {
            // The mechanism has said which.
            State::AuthBegin | State::AuthRespond => {}
            #[cfg(feature = "std")]
            State::AuthDerive => {}
            State::Envelope => {
                let envelope = &self.transaction.envelope;
                self.step = envelope.step(envelope.answered);
                self.pending = envelope.answered == envelope.said;
                // The mail is refused, and all answers have come. (A command of which a part has left is ended before.)
                if self.pending && self.concluded() && self.cursor == 0 {
                    state = State::Quit;
                }
            }
            #[cfg(feature = "std")]
            State::Chunk => self.step = self.step_of_chunks(),
            // It makes room for a transaction, and is a part of it.
            State::Rset if E::KEEPS && !self.concluded() => self.step = Step::Mail,
            _ => self.step = state.step(),
        }
        if state == State::Quit {
            if self.resets_at_once() {
                state = State::Rset;
            } else if E::KEEPS && job.keep && self.serves && self.takes_more() {
                // An open transaction is given up when the next one begins.
                state = State::Idle;
                #[cfg(feature = "std")]
                {
                    self.idle_since = self.now;
                }
            } else if core::mem::take(&mut self.transaction.open) {
                // In good order: an open transaction is given up first.
                state = State::Rset;
            }
        }
        self.state = state;
        self.be_patient(job);
        self.tell(settled);
    }

    /// Tells the owner of the end, where it was not settled before.
    fn tell(&mut self, settled: bool) {
        if E::ENDS && !settled && self.settled() {
            let end = end(&self.transaction, &self.reader);
            self.events.end(&end);
        }
    }

    /// The connection stands, and `local` is our end's address.
    pub fn connected(&mut self, job: &Job<'_>, now: u32, local: &Address) {
        if self.state == State::Connecting {
            self.local = *local;
            self.stands(job, now);
        }
    }

    /// The same in two steps: where our end's address is put, ...
    pub fn local(&mut self) -> &mut Address {
        &mut self.local
    }

    /// ... and then the connection stands, which was being made.
    pub fn stands(&mut self, job: &Job<'_>, now: u32) {
        self.now = now;
        self.local.unmap();
        self.enter(job, State::Greeting);
        // The server speaks first.
        self.pending = false;
    }

    /// Of what [`Session::transmit`] gave, these many octets more have left.
    pub fn sent(&mut self, job: &Job<'_>, now: u32, octets: usize) {
        self.now = now;
        self.unsent = self.unsent.saturating_sub(octets);
        #[cfg(feature = "std")]
        if self.state == State::Chunk {
            return self.sent_of_chunks(job);
        }
        // Until the final dot has left, its deadline is that of the text.
        if self.step == Step::Text {
            #[cfg(feature = "std")]
            {
                let left = Size::try_from(octets).unwrap_or(0);
                self.transaction.left = self.transaction.left.wrapping_add(left);
            }
            if self.state == State::End && self.unsent == 0 {
                // The final dot is no part of the mail.
                #[cfg(feature = "std")]
                {
                    self.transaction.left = self.transaction.left.saturating_sub(END);
                }
                self.step = Step::End;
                // A reply that began before the final dot had left is no answer to it.
                self.pending = !self.reader.idle();
            }
            self.be_patient(job);
        }
    }

    /// Octets arrived.
    pub fn receive(&mut self, job: &Job<'_>, now: u32, octets: &[u8]) {
        self.now = now;
        let listens = self.events.listens();
        let mut octets = octets;
        // Only a whole reply, a challenge, and what is no reply lead to another state: not looked at for each octet, it saves 600
        // instructions for a mail.
        let mut moved = true;
        while let Some((&octet, rest)) = octets.split_first() {
            if moved || !cfg!(fast) {
                moved = false;
                match self.state {
                    State::Closed | State::Connecting => return,
                    #[cfg(feature = "complete")]
                    State::Securing => return self.overhear(),
                    _ => {}
                }
            }
            // The same, several octets at a time.
            if cfg!(fast) {
                let kept = self.reader.text().len();
                let run = self.reader.take_text(octets);
                if run > 0 {
                    let (run, after) = octets.split_at_checked(run).unwrap_or((octets, &[]));
                    if listens {
                        self.heard(job, run);
                    }
                    if self.state == State::Ehlo {
                        self.capabilities.feed_all(run);
                    }
                    self.keep_challenge(kept, run);
                    moved = self.mechanism.reads_challenges();
                    octets = after;
                    continue;
                }
            }
            if listens {
                self.heard(job, &[octet]);
            }
            octets = rest;
            let kept = self.reader.text().len();
            let progress = if self.is_no_smtp() {
                Progress::Broken
            } else {
                self.reader.feed(octet)
            };
            match progress {
                Progress::Pending => {}
                Progress::Text => {
                    if self.state == State::Ehlo {
                        self.capabilities.feed(octet);
                    }
                    self.keep_challenge(kept, &[octet]);
                    moved = self.mechanism.reads_challenges();
                }
                progress @ (Progress::Line | Progress::Reply) => {
                    self.end_of_line();
                    if progress == Progress::Reply {
                        self.reply(job);
                        self.reader.next_reply();
                        moved = true;
                    }
                }
                Progress::Broken => {
                    moved = true;
                    self.broken(job, octet, rest, listens);
                }
            }
        }
    }

    /// What came is no reply.
    // Saves 640 instructions for a mail.
    #[cfg_attr(fast, inline(never))]
    fn broken(&mut self, job: &Job<'_>, octet: u8, rest: &[u8], listens: bool) {
        let Some(reason) = self.broken_at(octet) else { return };
        if listens {
            // Of what is no reply a line is told: it shows what answers there.
            self.heard(job, rest.split(|octet| *octet == b'\n').next().unwrap_or(&[]));
            self.heard_line(job, false);
        }
        self.give_up(reason);
    }

    fn end_of_line(&mut self) {
        if self.state != State::Ehlo {
            return;
        }
        self.capabilities.end_of_text();
        // Of what the server announces the result keeps the mechanisms only: they explain "no login".
        if self.reader.line_code() < 400 && !self.capabilities.in_auth_line() {
            self.reader.forget_line();
        }
        self.capabilities.next_line();
    }

    /// Passes on what the server says, line by line.
    fn heard(&mut self, job: &Job<'_>, octets: &[u8]) {
        for octet in octets {
            let Some(hearing) = self.events.hearing() else { return };
            match octet {
                b'\r' => {}
                b'\n' => self.heard_line(job, true),
                _ => hearing.put(*octet),
            }
        }
    }

    /// The server has ended a line; or, where it is not whole, said the last part of one.
    fn heard_line(&mut self, job: &Job<'_>, whole: bool) {
        #[cfg(feature = "std")]
        let response = self.response(job);
        let Some(hearing) = self.events.hearing() else { return };
        if hearing.line().is_empty() {
            return;
        }
        if !job.settings.mechanisms.is_empty() {
            let logs_in = self.step.logs_in();
            hearing.mask(whole, |text| {
                #[cfg(feature = "std")]
                if let Some(response) = &response {
                    response.mark(text);
                }
                redaction::mask(text, &job.settings, logs_in);
            });
        }
        self.events.heard();
        if let Some(hearing) = self.events.hearing() {
            hearing.next();
        }
    }

    /// Keeps what does not fit into the text of a reply, where it belongs to a challenge that the mechanism reads. `kept`: so much
    /// of the text was kept before these octets.
    fn keep_challenge(&mut self, kept: usize, octets: &[u8]) {
        if !self.mechanism.reads_challenges() || !self.step.logs_in() || self.reader.line_code() != 334 {
            return;
        }
        let fitted = self.reader.text().len().wrapping_sub(kept);
        let beyond = octets.get(fitted..).unwrap_or(&[]);
        if beyond.is_empty() {
            return;
        }
        let mut room = true;
        if self.events.challenge().is_empty() {
            room = self.events.keep_challenge(self.reader.text());
        }
        if !(room && self.events.keep_challenge(beyond)) {
            self.give_up(self.why_no_challenge(beyond.len()));
        }
    }

    /// Why so many octets more of a challenge are not kept: it is too long, or there is no memory.
    #[cfg(feature = "std")]
    fn why_no_challenge(&self, more: usize) -> Reason {
        if self.events.challenge().len().saturating_add(more) > CHALLENGE_BYTES {
            Reason::BadChallenge
        } else {
            Reason::NoMemory
        }
    }

    /// A device's mechanisms read none.
    #[cfg(not(feature = "std"))]
    fn why_no_challenge(&self, _more: usize) -> Reason {
        Reason::NoMemory
    }

    /// The connection cannot be made, or ended.
    pub fn lost(&mut self, job: &Job<'_>, now: u32, reason: Reason) {
        self.now = now;
        self.heard_line(job, false);
        // A server that refused EHLO and closed is asked once more, with HELO at once.
        if self.state == State::Helo && !self.helo_only && !self.concluded() && !self.is_secure() {
            self.helo_only = true;
            (self.unsent, self.cursor) = (0, 0);
            self.reader.next_reply();
            self.enter(job, State::Connecting);
            return;
        }
        self.give_up(reason);
    }

    /// Time has passed.
    pub fn tick(&mut self, now: u32) {
        if now >= self.deadline {
            self.give_up(if self.deadline == self.total_deadline {
                Reason::TotalDeadline
            } else {
                Reason::Deadline
            });
        }
    }

    /// The program does not want the mail to be sent any more.
    pub fn cancel(&mut self) {
        if !self.settled() {
            self.give_up(Reason::Cancelled);
        }
    }

    /// Ends the conversation without another word, for a reason of ours.
    pub(super) fn give_up(&mut self, reason: Reason) {
        let settled = self.settled();
        #[cfg(feature = "std")]
        if self.state == State::Chunk {
            if self.transaction.chunks.all_left() {
                // Whichever answer was awaited, it is the last one that will not come.
                self.step = Step::End;
            } else if self.step == Step::End {
                self.step = Step::Text;
            }
        }
        let code = match reason {
            // The system's own time limit for connecting is a deadline like ours.
            Reason::Deadline | Reason::TotalDeadline => Code::Timeout,
            Reason::Cancelled => Code::Cancelled,
            Reason::TlsFailed => Code::TlsFailed,
            Reason::Untrusted => Code::TlsUntrusted,
            // It says nothing about user name and password, nor about what the server offers.
            #[cfg(feature = "std")]
            Reason::NoMemory | Reason::NoRandom if limit_of(self.step) as usize == Limit::Auth as usize => {
                Code::DataFailed
            }
            #[cfg(feature = "complete")]
            other => other.own_code().unwrap_or_else(|| self.step.code()),
            #[cfg(not(feature = "complete"))]
            _ => self.step.code(),
        };
        self.conclude(code, reason);
        self.state = State::Closed;
        self.tell(settled);
    }

    /// Fixes the verdict, unless there is one. Without a reason of ours it is the server's word that decides.
    pub(super) fn conclude(&mut self, code: Code, reason: Reason) {
        if self.concluded() {
            return;
        }
        // All else of it is as it was before the transaction: 0.
        let verdict = &mut self.transaction.verdict;
        verdict.code = code;
        verdict.step = self.step;
        verdict.reason = reason;
        verdict.outcome = Outcome::NotSent;
        if reason != Reason::None {
            if self.step == Step::End {
                // The final dot has left, and its answer will not come.
                verdict.outcome = Outcome::Unknown;
            }
            // A part of a reply, perhaps, that repeats the login.
            self.reader.wipe_text();
        } else {
            verdict.reply = self.reader.code();
        }
        if self.step == Step::Rcpt {
            verdict.recipient = self.transaction.envelope.answered.wrapping_sub(1);
        }
        self.reader.hold_text();
    }
}

#[cfg(test)]
mod tests {
    use super::super::job::{Field, Settings};
    use super::*;
    #[cfg(not(feature = "std"))]
    use crate::limits::CHALLENGE_BYTES;
    use std::string::String;
    use std::vec::Vec;

    /// Memory for a challenge, and the lines that were said.
    #[derive(Default)]
    struct Lender {
        challenge: Vec<u8>,
        lent: usize,
        #[cfg(feature = "std")]
        exchange: Option<std::boxed::Box<crate::auth::Exchange>>,
    }

    impl Events for Lender {
        fn keep_challenge(&mut self, octets: &[u8]) -> bool {
            self.lent += usize::from(self.challenge.is_empty());
            self.challenge.extend_from_slice(octets);
            self.challenge.len() <= CHALLENGE_BYTES
        }

        fn challenge(&self) -> &[u8] {
            &self.challenge
        }

        fn drop_challenge(&mut self) {
            self.challenge.clear();
        }

        #[cfg(feature = "std")]
        fn begin_exchange(&mut self) -> Result<(), Reason> {
            self.exchange = Some(std::boxed::Box::new(crate::auth::Exchange::new(&[7; 18])));
            Ok(())
        }

        #[cfg(feature = "std")]
        fn exchange(&mut self) -> Option<(&mut crate::auth::Exchange, &[u8])> {
            Some((self.exchange.as_mut()?, &self.challenge))
        }
    }

    /// What a mechanism answers that mirrors a challenge of so many octets, which comes in pieces of a given size; how often memory
    /// was lent; and the reason where the session ended.
    fn mirrored(length: usize, piece: usize) -> (String, usize, Option<Reason>) {
        let mut job = Job {
            settings: Settings::NONE,
            mail: None,
            keep: false,
            #[cfg(feature = "std")]
            dry: false,
        };
        job.settings.set_text(Field::Username, b"kotelna");
        let mut session = Session::new(&job, Lender::default());
        session.mechanism = Mechanism::Mirror(0, 0);
        #[cfg(feature = "std")]
        session.events.begin_exchange().unwrap();
        (session.state, session.step) = (State::AuthBegin, Step::AuthMechanism);
        let digits = b"QUJD".iter().cycle().take(length).copied();
        let reply: Vec<u8> = b"334 ".iter().copied().chain(digits).chain(*b"\r\n").collect();
        for octets in reply.chunks(piece) {
            session.receive(&job, 0, octets);
        }
        let mut said = [0; 64];
        let length = session.transmit(&job, 0, &mut said);
        let verdict = session.verdict().map(|verdict| verdict.reason);
        assert!(session.events.challenge.is_empty() || verdict.is_some());
        (
            String::from_utf8(said[..length].to_vec()).unwrap(),
            session.events.lent,
            verdict,
        )
    }

    #[test]
    fn a_challenge_reaches_its_mechanism_whole_however_it_is_cut() {
        for length in [0, 1, 16, 254, 255, 256, 257, 512, 4096, 12_288, CHALLENGE_BYTES] {
            let sum: usize = b"QUJD"
                .iter()
                .cycle()
                .take(length)
                .map(|octet| usize::from(*octet))
                .sum();
            for piece in [1, 3, 64, 255, 256, 1000, 65_536] {
                let lent = usize::from(length > 255);
                let wanted = (std::format!("{length}.{sum}.\r\n"), lent, None);
                assert_eq!(mirrored(length, piece), wanted, "{length} octets in pieces of {piece}");
            }
        }
    }

    #[test]
    fn a_challenge_beyond_its_limit_ends_the_session() {
        for piece in [1, 64, 65_536] {
            let (said, _, reason) = mirrored(CHALLENGE_BYTES + 1, piece);
            let wanted = if cfg!(feature = "std") {
                Reason::BadChallenge
            } else {
                Reason::NoMemory
            };
            assert_eq!((said.as_str(), reason), ("", Some(wanted)));
        }
    }

    #[test]
    fn a_mechanism_that_reads_no_challenge_is_lent_nothing() {
        let job = Job {
            settings: Settings::NONE,
            mail: None,
            keep: false,
            #[cfg(feature = "std")]
            dry: false,
        };
        let mut session = Session::new(&job, Lender::default());
        (session.mechanism, session.state) = (Mechanism::Login, State::AuthBegin);
        session.step = Step::AuthMechanism;
        session.receive(&job, 0, &[b"334 ", [b'A'; 2000].as_slice(), b"\r\n"].concat());
        assert_eq!((session.state, session.events.lent), (State::AuthRespond, 0));
    }
}
