//! What a mail has that is no plain text of its own: HTML, attachments, a whole message; and texts that stay where they are, or come
//! from a file.
//!
//! What can be found out of it is found in the call that sends the mail. The rest comes with the configuration (charset) and the
//! lengths of files. What is sent of several parts, or of a file, comes in pieces, while it is sent: [`Feed`].

use core::ops::Range;
use std::boxed::Box;

use super::calls::Running;
use super::memory::{self, Boxed, Growing, Row, joined, wipe};
use super::nonces::Nonces;
use super::reading::{FRONT, Function, Measure, Reading, Source, Task, Work};
use super::registry::Slot;
use super::resolve::Asker;
use super::sys;
use crate::buffer::Window;
use crate::channel::callbacks::Lent;
use crate::code::Reason;
use crate::message::head;
pub use crate::message::head::Enclosure;
use crate::message::part::{self, Composer, Content, Form, Given, Kind, Multipart, Part};
use crate::message::survey::{Scan, Survey};
use crate::message::watch::Watch;
use crate::octets::is_ascii;
use crate::session::Text;
use crate::utf8::Utf8;

/// What is composed at a time.
const PIECE: usize = 64 * 1024;

/// Room for the head of a part: for its name twice, one of them with three octets for each, its type and its id.
const HEAD: usize = 2048;

/// From this length on a text is counted in the call that sends it, and sent with a larger buffer: the engine's thread has others to
/// look after.
const LONG: usize = 32 * 1024;

/// Whether a text is so long.
pub fn is_long(text: &[u8]) -> bool {
    text.len() >= LONG
}

/// What there is in a text.
fn survey_of(text: &[u8]) -> Survey {
    let mut scan = Scan::NONE;
    scan.go_on(text, text.len(), sys::see);
    end(scan, text)
}

/// What was found in all of a text. A long one that may become quoted-printable is counted as that, too.
pub fn end(scan: Scan, text: &[u8]) -> Survey {
    let mut survey = scan.end(text);
    if is_long(text) {
        survey.count(text);
    }
    survey
}

/// Octets: a copy, or the program's own.
pub enum Octets {
    /// A copy, which is wiped.
    Own(Box<[u8]>),
    /// The program's.
    Lent(Lent),
}

impl Octets {
    /// A copy; None without memory.
    pub fn copy(octets: &[u8]) -> Option<Self> {
        joined(&[octets]).map(Self::Own)
    }

    fn octets(&self) -> &[u8] {
        match self {
            Self::Own(octets) => octets,
            Self::Lent(lent) => lent.octets(),
        }
    }
}

impl Drop for Octets {
    fn drop(&mut self) {
        if let Self::Own(octets) = self {
            wipe(octets);
        }
    }
}

/// Where an attachment's octets are.
pub enum Material {
    /// In memory.
    Octets(Octets),
    /// In a file: its path, without a NUL.
    File(Box<[u8]>),
    /// A function gives them; how many, where that is known.
    Function(Function, Option<u64>),
}

impl Material {
    /// A file; None without memory.
    pub fn file(path: &[u8]) -> Option<Self> {
        joined(&[path]).map(Self::File)
    }
}

/// The last part of a path.
pub fn last_of(path: &[u8]) -> &[u8] {
    let separates = |octet: &u8| *octet == b'/' || (cfg!(windows) && matches!(*octet, b'\\' | b':'));
    path.rsplit(separates).next().unwrap_or(&[])
}

/// What is wrong with what stands before an attachment; `has_id`: it is given a Content-ID. None where nothing is.
pub fn wrong_enclosure(enclosure: &Enclosure<'_>, has_id: bool) -> Option<&'static str> {
    let of_type = match enclosure.content_type {
        [] => None,
        given => head::wrong_type(given),
    };
    let of_id = if has_id {
        head::wrong_id(enclosure.content_id)
    } else {
        None
    };
    head::wrong_name(enclosure.name).or(of_type).or(of_id)
}

/// Whether a whole message has a field that names who is not to be named.
pub fn names_bcc(message: &[u8]) -> bool {
    !Watch::default().is_clean(message)
}

/// The same, kept.
enum Kept {
    Octets(Octets),
    /// The file with this number.
    File(usize),
    Function(Function, Option<u64>),
}

/// An attachment, or an inline part.
struct Enclosed {
    texts: Box<[u8]>,
    lengths: [usize; 3],
    kept: Kept,
}

impl Drop for Enclosed {
    fn drop(&mut self) {
        wipe(&mut self.texts);
    }
}

impl Enclosed {
    fn enclosure(&self) -> Enclosure<'_> {
        let [kind, name, id] = self.lengths;
        let (content_type, rest) = self.texts.split_at_checked(kind).unwrap_or_default();
        let (name, rest) = rest.split_at_checked(name).unwrap_or_default();
        Enclosure {
            content_type,
            name,
            content_id: rest.get(..id).unwrap_or(&[]),
        }
    }
}

/// Where the mail's text is.
enum TextAt {
    /// Where that of a plain mail is.
    Post,
    Lent(Lent),
    /// In the file with number 0.
    File,
}

/// A part.
struct One {
    head: Range<usize>,
    which: Which,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Text,
    Html,
    Enclosed(usize),
    End,
}

/// All of it but what is being sent.
struct Body {
    raw: bool,
    /// The file with the text is in the configured charset. Of what is in memory, what is in it decides.
    in_charset: bool,
    text: TextAt,
    /// What there is in the text, and in the HTML.
    text_survey: Survey,
    html: Option<(Octets, Survey)>,
    enclosed: Row<Enclosed>,
    /// Paths, each with a NUL behind it; elsewhere while their lengths are found.
    paths: Row<u8>,
    /// Where each of them begins.
    files: Row<usize>,
    lengths: Row<Option<u64>>,
    heads: Growing,
    list: Row<One>,
    form: Option<Form>,
}

/// What is being sent, in pieces.
struct Feed {
    composer: Option<Composer>,
    piece: Box<[u8]>,
    /// What of the body is in it: so many octets, from this one on.
    length: usize,
    from: u64,
    last: bool,
    /// What there is in it.
    survey: Survey,
    /// What was read, and what of it is not taken yet; of which part.
    chunk: Box<[u8]>,
    rest: Range<usize>,
    of: usize,
    ended: bool,
    stage: Stage,
    watch: Watch,
    characters: Utf8,
    eight_bit_mime: bool,
}

enum Stage {
    Idle,
    /// A thread reads.
    Asked,
    /// It has read.
    Read(Boxed<Work>),
}

/// What a mail has that is no plain text of its own.
pub struct Parts {
    body: Body,
    feed: Option<Feed>,
    measured: bool,
    /// Measuring has begun.
    measures: bool,
    /// While it is there, memory of the program's is read.
    _lending: Option<Running>,
    /// Who has asked for something, and may have no answer yet.
    pub asker: Option<Asker>,
}

/// What follows when the session wants more.
pub enum Fed {
    /// It is there.
    Here,
    /// A thread is to do this first.
    Ask(Boxed<Work>),
    /// It is not there yet.
    Later,
    /// There will be none.
    Failed(Reason),
}

impl Parts {
    /// Nothing but a text, which is in the mail.
    pub fn new(raw: bool, in_charset: bool) -> Self {
        Self {
            body: Body {
                raw,
                in_charset,
                text: TextAt::Post,
                text_survey: Survey::default(),
                html: None,
                enclosed: Row::new(),
                paths: Row::new(),
                files: Row::new(),
                lengths: Row::new(),
                heads: Growing::default(),
                list: Row::new(),
                form: None,
            },
            feed: None,
            measured: false,
            measures: false,
            _lending: None,
            asker: None,
        }
    }

    /// The text stays where it is.
    pub fn lend_text(&mut self, text: Lent) {
        self.body.text = TextAt::Lent(text);
    }

    /// Whether it does.
    pub fn lends_text(&self) -> bool {
        matches!(self.body.text, TextAt::Lent(_))
    }

    /// The text is in this file; first of all. None without memory.
    pub fn read_text(&mut self, path: &[u8]) -> Option<()> {
        self.body.text = TextAt::File;
        self.body.add_path(path)
    }

    /// Adds HTML.
    pub fn set_html(&mut self, html: Octets) {
        let survey = survey_of(html.octets());
        self.body.html = Some((html, survey));
    }

    /// Adds an attachment, or an inline part. None without memory.
    pub fn enclose(&mut self, enclosure: &Enclosure<'_>, material: Material) -> Option<()> {
        let kept = match material {
            Material::Octets(octets) => Kept::Octets(octets),
            Material::Function(function, length) => Kept::Function(function, length),
            Material::File(path) => {
                self.body.add_path(&path)?;
                Kept::File(self.body.files.len().saturating_sub(1))
            }
        };
        let texts = [enclosure.content_type, enclosure.name, enclosure.content_id];
        self.body.enclosed.push(Enclosed {
            texts: joined(&texts)?,
            lengths: texts.map(<[u8]>::len),
            kept,
        })
    }

    /// Whether memory of the program's is read.
    fn lends(&self) -> bool {
        let lent = |kept: &Kept| matches!(kept, Kept::Octets(Octets::Lent(_)));
        matches!(self.body.text, TextAt::Lent(_))
            || matches!(self.body.html, Some((Octets::Lent(_), ..)))
            || self.body.enclosed.iter().any(|enclosed| lent(&enclosed.kept))
    }

    /// Finds out what can be known now; `text` is that of the mail, and `survey` what there is in it. None without memory.
    pub fn prepare(&mut self, text: &[u8], survey: &Survey, slot: &'static Slot) -> Option<()> {
        if self.lends() {
            self._lending = Some(Running::of(&slot.lent));
        }
        let at_hand = self.body.text_of(text);
        let survey = match &self.body.text {
            TextAt::Lent(lent) => survey_of(lent.octets()),
            _ => *survey,
        };
        let has_text = !at_hand.is_empty() || matches!(self.body.text, TextAt::File);
        let body = &mut self.body;
        body.text_survey = survey;
        let html = body.html.is_some();
        let inline = body.inline().next().is_some();
        let attached = body.attached().next().is_some();
        let kind = match (attached, html && has_text, html && inline) {
            _ if body.raw => None,
            (true, ..) => Some(Kind::Mixed),
            (_, true, _) => Some(Kind::Alternative),
            (_, _, true) => Some(Kind::Related),
            _ => None,
        };
        body.form = match kind {
            Some(kind) => Some(Form::Parts(Multipart {
                kind,
                boundary: body.boundary(body.text_of(text))?,
                eight_bit: body.eight_bit(has_text),
                sizes: [None; 2],
            })),
            None if body.raw => Some(Form::Raw),
            None if html => Some(Form::Html),
            None => None,
        };
        if kind.is_some() || matches!(body.text, TextAt::File) {
            self.feed = Some(Feed::new(kind.is_some())?);
        }
        self.measured = body.files.is_empty();
        Some(())
    }

    /// Composes what stands before the parts. None without memory.
    pub fn compose(&mut self, text: &[u8], charset: &[u8]) -> Option<()> {
        self.body.compose(text, charset)?;
        if self.measured {
            self.body.find_sizes(text);
        }
        Some(())
    }

    /// What is to be done before the mail can begin: the lengths of its files are to be found. None within where there is no memory
    /// for it.
    pub fn to_measure(&mut self) -> Option<Option<Boxed<Work>>> {
        if self.measured || self.measures {
            return None;
        }
        self.measures = true;
        let measure = Measure {
            paths: core::mem::take(&mut self.body.paths),
            lengths: Row::new(),
        };
        Some(Boxed::new(Work::new(Task::Measure(measure))))
    }

    /// Whether the lengths of its files are being found.
    pub fn is_measuring(&self) -> bool {
        self.measures && !self.measured
    }

    /// Whether there is nothing to send, or the mail cannot begin, until a thread has read.
    pub fn waits(&self) -> bool {
        let waits = |feed: &Feed| matches!(feed.stage, Stage::Asked) && feed.length == 0;
        self.is_measuring() || self.feed.as_ref().is_some_and(waits)
    }

    /// Takes what a thread has done; true where the mail can begin now.
    pub fn take(&mut self, text: &[u8], mut work: Boxed<Work>) -> Result<bool, Reason> {
        if let Task::Measure(measure) = &mut work.task {
            self.body.paths = core::mem::take(&mut measure.paths);
            self.body.lengths = core::mem::take(&mut measure.lengths);
            if let Some(reason) = work.failed {
                return Err(reason);
            }
            self.measured = true;
            self.body.find_sizes(text);
            return Ok(true);
        }
        if let Some(feed) = &mut self.feed {
            feed.stage = Stage::Read(work);
        }
        Ok(false)
    }

    /// Begins anew, for another attempt. What is being read is to be forgotten first.
    pub fn begin_anew(&mut self) {
        if let Some(feed) = &mut self.feed {
            feed.begin_anew();
        }
    }

    /// Makes the next piece of the body, from this octet on.
    pub fn feed(&mut self, text: &[u8], wanted: usize, eight_bit_mime: bool) -> Fed {
        match &mut self.feed {
            Some(feed) => feed.next(&self.body, text, wanted, eight_bit_mime),
            None => Fed::Failed(Reason::Defect),
        }
    }

    /// Whether it is a whole message.
    pub fn is_raw(&self) -> bool {
        self.body.raw
    }

    /// Whether much of the body is written before it is sent, and not sent from where it is composed.
    pub fn writes_much(&self, text: &[u8]) -> bool {
        let html = self.body.html.as_ref().map_or(&[][..], |(html, ..)| html.octets());
        matches!(self.body.text, TextAt::File) || is_long(html) || is_long(self.body.text_of(text))
    }

    /// The text that a session is lent instead of the mail's own, what there is in it, and what the body is.
    // Seldom: a plain mail has none of it.
    #[inline(never)]
    pub fn amended<'a>(&'a self, text: &'a [u8]) -> (Text<'a>, &'a Survey, Option<&'a Form>) {
        let text = match &self.feed {
            None => Text::whole(self.body.whole(text)),
            Some(feed) => Text {
                octets: feed.piece.get(..feed.length).unwrap_or(&[]),
                from: place(feed.from),
                last: feed.last,
                pieces: true,
                utf8: !self.body.in_charset,
            },
        };
        let survey = match (&self.feed, &self.body.html, &self.body.form) {
            (Some(feed), ..) => &feed.survey,
            (_, Some((_, survey)), Some(Form::Html)) => survey,
            _ => &self.body.text_survey,
        };
        (text, survey, self.body.form.as_ref())
    }
}

/// A place in a body as the session counts it: modulo what a usize has.
fn place(at: u64) -> usize {
    usize::try_from(at & u64::try_from(usize::MAX).unwrap_or(u64::MAX)).unwrap_or(0)
}

impl Enclosed {
    /// Whether HTML has a name for it.
    fn has_id(&self) -> bool {
        self.lengths.last().is_some_and(|length| *length > 0)
    }
}

impl Body {
    fn add_path(&mut self, path: &[u8]) -> Option<()> {
        self.files.push(self.paths.len())?;
        self.paths.append(path)?;
        self.paths.push(0)
    }

    /// The text, where it is in memory.
    fn text_of<'a>(&'a self, post: &'a [u8]) -> &'a [u8] {
        match &self.text {
            TextAt::Post => post,
            TextAt::Lent(lent) => lent.octets(),
            TextAt::File => &[],
        }
    }

    /// The one text of a body that is not composed of parts.
    fn whole<'a>(&'a self, post: &'a [u8]) -> &'a [u8] {
        match (&self.html, &self.form) {
            (Some((html, ..)), Some(Form::Html)) => html.octets(),
            _ => self.text_of(post),
        }
    }

    /// The inline parts of the HTML. Without HTML there is none.
    fn inline(&self) -> impl Iterator<Item = (usize, &Enclosed)> {
        self.enclosed().filter(|(_, enclosed)| self.belongs(enclosed))
    }

    /// The parts that stand behind the texts.
    fn attached(&self) -> impl Iterator<Item = (usize, &Enclosed)> {
        self.enclosed().filter(|(_, enclosed)| !self.belongs(enclosed))
    }

    fn enclosed(&self) -> impl Iterator<Item = (usize, &Enclosed)> {
        self.enclosed.iter().enumerate()
    }

    /// Whether it is a part of the HTML.
    fn belongs(&self, enclosed: &Enclosed) -> bool {
        self.html.is_some() && enclosed.has_id()
    }

    /// Whether one of the texts goes with octets above 127 where it may.
    fn eight_bit(&self, has_text: bool) -> bool {
        let is = |survey: &Survey| survey.eight_bit && !survey.unsendable;
        (has_text && is(&self.text_survey)) || self.html.as_ref().is_some_and(|(_, survey)| is(survey))
    }

    /// What the boundaries are made of: random numbers, and none that is in a text. None where the system has no other ones.
    fn boundary(&self, text: &[u8]) -> Option<[u32; 4]> {
        let mut nonces = Nonces::new();
        let html = self.html.as_ref().map_or(&[][..], |(html, ..)| html.octets());
        for _ in 0..16 {
            let boundary = nonces.next();
            if !part::has_boundary(text, &boundary) && !part::has_boundary(html, &boundary) {
                return Some(boundary);
            }
        }
        None
    }

    fn compose(&mut self, text: &[u8], charset: &[u8]) -> Option<()> {
        let Some(Form::Parts(multipart)) = &self.form else {
            return Some(());
        };
        let has_text = !self.text_of(text).is_empty() || matches!(self.text, TextAt::File);
        let charset_of = |utf8: bool| if utf8 { b"UTF-8" } else { charset };
        let text_charset = charset_of(match self.text {
            TextAt::File => !self.in_charset,
            _ => self.text_survey.utf8,
        });
        let mut heads = Heads {
            boundary: &multipart.boundary,
            open: [None; 3],
            row: Growing::default(),
            list: Row::with_room(self.enclosed.len().saturating_add(3))?,
            from: 0,
        };
        let mixed = multipart.kind == Kind::Mixed;
        let alternative = has_text && self.html.is_some();
        if mixed {
            heads.open(Kind::Mixed)?;
        }
        if alternative {
            heads.open(Kind::Alternative)?;
        }
        if has_text {
            heads.part(Which::Text, &|out| head::write_text_head(false, text_charset, out))?;
        }
        if let Some((_, survey)) = &self.html {
            let related = self.inline().next().is_some();
            if related {
                heads.open(Kind::Related)?;
            }
            let charset = charset_of(survey.utf8);
            heads.part(Which::Html, &|out| head::write_text_head(true, charset, out))?;
            for (number, enclosed) in self.inline() {
                heads.part(Which::Enclosed(number), &|out| enclosed.enclosure().write_head(out))?;
            }
            if related {
                heads.close()?;
            }
        }
        if alternative {
            heads.close()?;
        }
        for (number, enclosed) in self.attached() {
            heads.part(Which::Enclosed(number), &|out| enclosed.enclosure().write_head(out))?;
        }
        if mixed {
            heads.close()?;
        }
        let Heads {
            row, mut list, from, ..
        } = heads;
        list.push(One {
            head: from..row.len(),
            which: Which::End,
        })?;
        (self.heads, self.list) = (row, list);
        Some(())
    }

    /// Finds how long the body is.
    fn find_sizes(&mut self, text: &[u8]) {
        let view = View { body: self, text };
        let sizes = [false, true].map(|eight_bit_mime| part::size(&view, eight_bit_mime));
        if let Some(Form::Parts(multipart)) = &mut self.form {
            multipart.sizes = sizes;
        }
    }

    /// Where the octets of a part come from that are not in memory, and how many there are.
    fn source(&self, part: usize) -> Option<(Source, Option<u64>)> {
        let file = match self.list.get(part).map(|one| one.which) {
            None | Some(Which::Text) => 0,
            Some(Which::Enclosed(number)) => match &self.enclosed.get(number)?.kept {
                Kept::File(file) => *file,
                Kept::Function(function, length) => return Some((Source::Function(*function), *length)),
                Kept::Octets(_) => return None,
            },
            Some(Which::Html | Which::End) => return None,
        };
        let rest = self.paths.get(*self.files.get(file)?..)?;
        let path = rest.split_inclusive(|octet| *octet == 0).next()?;
        Some((
            Source::File(joined(&[path])?),
            self.lengths.get(file).copied().flatten(),
        ))
    }

    /// Whether this part is the mail's text.
    fn is_text(&self, part: usize) -> bool {
        self.list.get(part).is_none_or(|one| one.which == Which::Text)
    }
}

/// The heads of the parts, while they are composed.
struct Heads<'a> {
    boundary: &'a [u32; 4],
    /// The multiparts that are open, the outermost first, and whether a part is in them.
    open: [Option<(Kind, bool)>; 3],
    row: Growing,
    list: Row<One>,
    /// Where the head of the next part begins.
    from: usize,
}

impl Heads<'_> {
    fn write(&mut self, write: &dyn Fn(&mut Window<'_>)) -> Option<()> {
        let mut room = [0; HEAD];
        let mut out = Window::new(&mut room, 0);
        write(&mut out);
        let (kept, whole) = (out.kept(), out.complete());
        whole.then_some(())?;
        self.row.append(room.get(..kept)?)
    }

    /// The line that begins a part of what is open, where something is.
    fn delimit(&mut self) -> Option<()> {
        let boundary = self.boundary;
        let Some((kind, begun)) = self.open.iter_mut().rev().flatten().next() else {
            return Some(());
        };
        let (kind, first) = (*kind, !core::mem::replace(begun, true));
        self.write(&|out| kind.write_delimiter(boundary, first, out))
    }

    /// Begins a multipart: the outermost one is declared in the header block.
    fn open(&mut self, kind: Kind) -> Option<()> {
        let nested = self.open.iter().any(Option::is_some);
        self.delimit()?;
        let boundary = self.boundary;
        if nested {
            self.write(&|out| {
                out.put_seldom(b"Content-Type: ");
                kind.write(boundary, out);
                out.end_line();
                out.end_line();
            })?;
        }
        *self.open.iter_mut().find(|open| open.is_none())? = Some((kind, false));
        Some(())
    }

    fn close(&mut self) -> Option<()> {
        let boundary = self.boundary;
        let (kind, _) = self.open.iter_mut().rev().find_map(Option::take)?;
        self.write(&|out| kind.write_end(boundary, out))
    }

    fn part(&mut self, which: Which, write: &dyn Fn(&mut Window<'_>)) -> Option<()> {
        self.delimit()?;
        self.write(write)?;
        let head = self.from..self.row.len();
        self.from = head.end;
        self.list.push(One { head, which })
    }
}

/// The parts, as they are composed.
struct View<'a> {
    body: &'a Body,
    text: &'a [u8],
}

impl part::Parts for View<'_> {
    fn part(&self, number: usize) -> Option<Part<'_>> {
        let body = self.body;
        let One { head, which } = body.list.get(number)?;
        let content = match *which {
            Which::Text => match body.text {
                TextAt::File => Content::TextInPieces,
                _ => Content::Text(body.text_of(self.text), body.text_survey),
            },
            Which::Html => match &body.html {
                Some((html, survey)) => Content::Text(html.octets(), *survey),
                None => Content::End,
            },
            Which::Enclosed(number) => match &body.enclosed.get(number)?.kept {
                Kept::Octets(octets) => Content::Octets(octets.octets()),
                Kept::File(file) => Content::OctetsInPieces(body.lengths.get(*file).copied().flatten()),
                Kept::Function(_, length) => Content::OctetsInPieces(*length),
            },
            Which::End => Content::End,
        };
        Some(Part {
            head: body.heads.get(head.clone()).unwrap_or(&[]),
            content,
        })
    }
}

impl Feed {
    fn new(composes: bool) -> Option<Self> {
        Some(Self {
            composer: composes.then(|| Composer::new(false)),
            piece: memory::zeros(PIECE)?,
            length: 0,
            from: 0,
            last: false,
            survey: Survey::default(),
            chunk: Box::default(),
            rest: 0..0,
            of: usize::MAX,
            ended: false,
            stage: Stage::Idle,
            watch: Watch::default(),
            characters: Utf8::START,
            eight_bit_mime: false,
        })
    }

    fn begin_anew(&mut self) {
        self.composer = self.composer.map(|_| Composer::new(false));
        (self.length, self.from, self.last) = (0, 0, false);
        (self.rest, self.of, self.ended) = (0..0, usize::MAX, false);
        self.stage = Stage::Idle;
        (self.watch, self.characters) = (Watch::default(), Utf8::START);
    }

    fn next(&mut self, body: &Body, text: &[u8], wanted: usize, eight_bit_mime: bool) -> Fed {
        if wanted == place(self.from) && self.length > 0 {
            return Fed::Here;
        }
        self.from = self.from.saturating_add(u64::try_from(self.length).unwrap_or(0));
        self.length = 0;
        if self.from == 0 {
            self.eight_bit_mime = eight_bit_mime;
            self.composer = self.composer.map(|_| Composer::new(eight_bit_mime));
        }
        loop {
            let wants = match &mut self.composer {
                Some(composer) => {
                    let given = Given {
                        part: self.of,
                        octets: self.chunk.get(self.rest.clone()).unwrap_or(&[]),
                        last: self.ended,
                    };
                    let composed = composer.write(&View { body, text }, &given, &mut self.piece);
                    self.rest.start = self.rest.start.saturating_add(composed.taken);
                    (self.length, self.last) = (composed.written, composed.over);
                    self.survey.clean = !composed.dotted;
                    composed.wants
                }
                None => {
                    let rest = self.chunk.get(self.rest.clone()).unwrap_or(&[]);
                    self.length = crate::octets::copy(&mut self.piece, rest);
                    self.rest.start = self.rest.start.saturating_add(self.length);
                    self.last = self.ended && self.rest.is_empty();
                    self.rest.is_empty().then_some(0).filter(|_| !self.ended)
                }
            };
            if self.length > 0 || self.last {
                return Fed::Here;
            }
            let Some(wants) = wants else {
                return Fed::Failed(Reason::Defect);
            };
            match self.take_chunk(body, wants) {
                Ok(None) => {}
                Ok(Some(fed)) => return fed,
                Err(reason) => return Fed::Failed(reason),
            }
        }
    }

    /// Gets more of a part; None where it is there.
    fn take_chunk(&mut self, body: &Body, part: usize) -> Result<Option<Fed>, Reason> {
        match core::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Asked => {
                self.stage = Stage::Asked;
                Ok(Some(Fed::Later))
            }
            Stage::Idle => {
                let (source, length) = body.source(part).ok_or(Reason::NoMemory)?;
                let reading = Reading::new(source, length).ok_or(Reason::NoMemory)?;
                let work = Boxed::new(Work::new(Task::Read(reading))).ok_or(Reason::NoMemory)?;
                (self.rest, self.of, self.ended) = (0..0, part, false);
                self.stage = Stage::Asked;
                Ok(Some(Fed::Ask(work)))
            }
            Stage::Read(mut work) => {
                if let Some(reason) = work.failed {
                    return Err(reason);
                }
                let Task::Read(reading) = &mut work.task else {
                    return Err(Reason::Defect);
                };
                if self.chunk.is_empty() {
                    self.chunk = reading.spare().ok_or(Reason::NoMemory)?;
                }
                // What is left is less than a line of base64, and goes before what follows it.
                let mut left = [0; FRONT];
                let length = crate::octets::copy(&mut left, self.chunk.get(self.rest.clone()).unwrap_or(&[]));
                let end = reading.exchange(&mut self.chunk);
                let begin = FRONT.saturating_sub(length);
                if let Some(front) = self.chunk.get_mut(begin..FRONT) {
                    crate::octets::copy(front, left.get(..length).unwrap_or(&[]));
                }
                self.ended = reading.last;
                self.rest = begin..end;
                self.check(body, FRONT..end)?;
                if self.ended {
                    return Ok(None);
                }
                self.stage = Stage::Asked;
                Ok(Some(Fed::Ask(work)))
            }
        }
    }

    /// Looks at what was read of the text.
    fn check(&mut self, body: &Body, new: Range<usize>) -> Result<(), Reason> {
        let octets = self.chunk.get(new).unwrap_or(&[]);
        if body.raw {
            if !self.watch.is_clean(octets) {
                return Err(Reason::NamesBcc);
            }
            if !self.eight_bit_mime && !is_ascii(octets) {
                return Err(Reason::NeedsEightBitMime);
            }
        } else if body.is_text(self.of) && !body.in_charset {
            self.characters = self.characters.after_all(octets);
            if self.characters.is_broken() || (self.ended && !self.characters.may_end()) {
                return Err(Reason::NotUtf8);
            }
        }
        Ok(())
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        wipe(&mut self.piece);
        wipe(&mut self.chunk);
    }
}
