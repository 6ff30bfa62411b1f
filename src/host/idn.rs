//! Internationalized domain names (RFC 5890): names with characters outside ASCII, as A-labels.

use crate::code::Code;

/// Why a name cannot be written so: a code, and the reason for people.
type Reason = (Code, &'static str);

/// Writes a name with characters outside ASCII as A-labels, without a dot at the end; their length. The labels are those of UTS
/// 46, not transitional, as in browsers; nothing else is checked.
#[cfg(feature = "unicode")]
pub fn to_a_labels(name: &[u8], out: &mut [u8]) -> Result<usize, Reason> {
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

    const INVALID: Reason = (Code::ConnectFailed, "this is no internationalized name (RFC 5890)");
    const LONG: Reason = (Code::ConnectFailed, "a name has more than 253 octets");

    let name = core::str::from_utf8(name).map_err(|_| (Code::ConnectFailed, "a name is not UTF-8"))?;
    // The dot, and what UTS 46 maps to it.
    let name = name
        .strip_suffix(['.', '\u{3002}', '\u{FF0E}', '\u{FF61}'])
        .unwrap_or(name);
    // As A-labels a name is never shorter.
    if Adapter::new().map_normalize(name.chars()).nth(out.len()).is_some() {
        return Err(LONG);
    }
    // What follows allocates nothing for names of up to eight labels. For others it needs less than this, and cannot be refused it.
    if super::memory::zeros(SPARE).is_none() {
        return Err((Code::DataFailed, "out of memory"));
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
        Ok(ProcessingSuccess::Passthrough) => sink.write_str(name).map_err(|_| INVALID)?,
        Err(ProcessingError::SinkError | ProcessingError::ValidityError) => return Err(INVALID),
    }
    if sink.length > sink.out.len() {
        Err(LONG)
    } else {
        Ok(sink.length)
    }
}

/// Memory that there must be before a name is converted.
#[cfg(feature = "unicode")]
const SPARE: usize = 16 * 1024;

/// Without the feature `unicode` there are no such names.
#[cfg(not(feature = "unicode"))]
pub fn to_a_labels(_: &[u8], _: &mut [u8]) -> Result<usize, Reason> {
    Err((
        Code::NotSupported,
        "this build takes names of ASCII only: give the name as A-labels (xn--...)",
    ))
}
