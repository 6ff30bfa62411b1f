//! LOGIN: two prompts, answered in this order whatever they say: user name, password.
//!
//! There is no standard (the draft `draft-murchison-sasl-login` describes it). Prompts come as `Username:`, `User Name` with a
//! NUL, in other languages, or empty: they are not looked at. No initial response: some servers refuse one.

use super::credentials::Credentials;
use crate::base64;
use crate::buffer::Window;
use crate::code::Step;

/// Writes the response of this step.
pub fn write(step: Step, credentials: &impl Credentials, out: &mut Window<'_>) {
    base64::put(
        match step {
            Step::AuthUsername => credentials.username(),
            _ => credentials.password(),
        },
        out,
    );
    base64::end(out);
}
