//! x
use super::memory::Boxed;
use crate::session::event::Hearing;
#[allow(missing_docs)]
pub struct Transcript {
    h: Hearing,
}
#[allow(missing_docs)]
impl Transcript {
    pub fn new(_trace: bool, _keep: bool) -> Option<Boxed<Self>> {
        Boxed::new(Self { h: Hearing::EMPTY })
    }
    pub fn said(&mut self, _l: &[u8]) {}
    pub fn data(&mut self, _l: &[u8]) {}
    pub fn take_lines(&mut self) -> Option<std::boxed::Box<[u8]>> {
        None
    }
    pub fn note(&mut self, _l: &[u8]) {}
    pub fn heard(&mut self) {}
    pub fn hearing(&mut self) -> &mut Hearing {
        &mut self.h
    }
}
