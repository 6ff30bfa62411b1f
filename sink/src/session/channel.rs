//! Lines in, replies out.

use std::io::{self, Read, Write};

use super::Session;

/// One read of the socket: with it, the longest pipelined group that is answered in one write.
const READ_SIZE: usize = 16 << 10;

/// How a line ended.
#[derive(PartialEq)]
pub(super) enum LineEnd {
    CrLf,
    /// An LF without CR before it, or a CR elsewhere in the line.
    Bare,
    TooLong,
}

impl Session<'_> {
    /// Replies as `--reply` says for this command, or else with what is given here. Returns the code that went out.
    pub(super) fn answer(&mut self, command: &str, code: u16, text: &str) -> u16 {
        let (code, text) = match self.sink.options.replies.get(command) {
            Some((code, text)) => (*code, text.as_str()),
            None => (code, text),
        };
        self.reply(code, text);
        code
    }

    pub(super) fn reply(&mut self, code: u16, text: &str) {
        let lines: Vec<&str> = text.split('\n').collect();
        for (index, line) in lines.iter().enumerate() {
            let separator = if index + 1 < lines.len() { '-' } else { ' ' };
            self.output
                .extend_from_slice(format!("{code}{separator}{line}\r\n").as_bytes());
        }
        self.awaited |= code != 221;
        self.over |= code == 421;
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        if self.sink.options.transcript {
            String::from_utf8_lossy(&self.output)
                .lines()
                .for_each(|line| self.sink.print("S", line));
        }
        if self.awaited {
            self.sink.count_turn();
        }
        self.awaited = false;
        let written = self.stream.write_all(&self.output);
        self.output.clear();
        written
    }

    /// Reads a chunk of so many bytes, of which at most `limit` are kept.
    pub(super) fn read_chunk(&mut self, size: usize, limit: usize) -> io::Result<Vec<u8>> {
        let (mut chunk, mut rest) = (Vec::new(), size);
        while rest > 0 {
            if self.used == self.input.len() {
                self.fill()?;
            }
            let part = &self.input[self.used..];
            let part = &part[..part.len().min(rest)];
            chunk.extend_from_slice(&part[..part.len().min(limit - chunk.len())]);
            rest -= part.len();
            self.used += part.len();
        }
        Ok(chunk)
    }

    /// Waits for more, behind all replies.
    fn fill(&mut self) -> io::Result<()> {
        self.flush()?;
        self.input.resize(READ_SIZE, 0);
        let count = self.stream.read(&mut self.input)?;
        self.input.truncate(count);
        self.used = 0;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// Reads one line into `self.line`, without its end, of which at most `limit` bytes are kept.
    pub(super) fn read_line(&mut self, limit: usize) -> io::Result<LineEnd> {
        let mut length = 0;
        self.line.clear();
        loop {
            let rest = &self.input[self.used..];
            let found = rest.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let part = &rest[..found.unwrap_or(rest.len())];
            length += part.len();
            self.line
                .extend_from_slice(&part[..part.len().min(limit - self.line.len())]);
            self.used += part.len();
            if found.is_some() {
                break;
            }
            self.fill()?;
        }
        if length > limit {
            return Ok(LineEnd::TooLong);
        }
        self.line.pop();
        let whole = self.line.ends_with(b"\r");
        self.line.truncate(self.line.len() - usize::from(whole));
        Ok(if whole && !self.line.contains(&b'\r') {
            LineEnd::CrLf
        } else {
            LineEnd::Bare
        })
    }
}
