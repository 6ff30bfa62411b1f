//! Internationalized domain names (RFC 5890): names with characters outside ASCII, as A-labels.

use super::no_server::NoServer;

/// The dot, and what UTS 46 maps to it.
pub const DOTS: [char; 4] = ['.', '\u{3002}', '\u{FF0E}', '\u{FF61}'];

/// Writes a name with characters outside ASCII as A-labels, without a dot at the end; their length. The labels are those of UTS
/// 46, not transitional, as in browsers; nothing else is checked.
#[cfg(feature = "unicode")]
pub fn to_a_labels(name: &str, out: &mut [u8]) -> Result<usize, NoServer> {
    use core::fmt::Write;
    use idna::AsciiDenyList;
    use idna::uts46::{ErrorPolicy, Hyphens, ProcessingError, ProcessingSuccess, Uts46};
    use idna_adapter::Adapter;

    /// It takes everything and keeps what fits: the package panics where a sink fails within a label.
    struct Sink<'a> {
        out: &'a mut [u8],
        length: usize,
    }

    impl Write for Sink<'_> {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            let end = self.length.saturating_add(text.len());
            if let Some(room) = self.out.get_mut(self.length..end) {
                room.copy_from_slice(text.as_bytes());
            }
            self.length = end;
            Ok(())
        }
    }

    let name = name.strip_suffix(DOTS).unwrap_or(name);
    // As A-labels a name is never shorter.
    if Adapter::new().map_normalize(name.chars()).nth(out.len()).is_some() {
        return Err(NoServer::LongName);
    }
    // What follows allocates nothing for names of up to eight labels. For others it needs less than this, and cannot be refused it.
    if super::memory::zeros(SPARE).is_none() {
        return Err(NoServer::NoMemory);
    }
    let mut sink = Sink { out, length: 0 };
    let processed = Uts46::new().process(
        name.as_bytes(),
        AsciiDenyList::URL,
        Hyphens::CheckFirstLast,
        ErrorPolicy::FailFast,
        |_, _, _| false,
        &mut sink,
        None,
    );
    match processed {
        Ok(ProcessingSuccess::WroteToSink) => {}
        // Nothing was changed.
        Ok(ProcessingSuccess::Passthrough) => sink.write_str(name).map_err(|_| NoServer::NotAscii)?,
        Err(ProcessingError::SinkError | ProcessingError::ValidityError) => {
            return Err(NoServer::NotAscii);
        }
    }
    if sink.length > sink.out.len() {
        Err(NoServer::LongName)
    } else {
        Ok(sink.length)
    }
}

/// Memory that there must be before a name is converted.
#[cfg(feature = "unicode")]
const SPARE: usize = 16 * 1024;

/// Without the feature `unicode` there are no such names.
#[cfg(not(feature = "unicode"))]
pub fn to_a_labels(_: &str, _: &mut [u8]) -> Result<usize, NoServer> {
    Err(NoServer::NotAscii)
}
