//! The three functions of a device program, on the built-in client; and FULL-C's status.

use core::ffi::{c_char, c_int, c_uint};

use super::Client;
use super::guard::{guard, guard_code, string};
#[cfg(not(feature = "std"))]
use crate::firmware::{Content, Outgoing};

/// Configures the built-in client, as the devices' page "CONFIG DNS, SMTP" does: port 25, plain text. On an
/// error the old configuration stays. Allowed while a mail is in flight: that mail keeps the configuration it
/// began with.
///
/// @param server_ip  the server's IPv4 or IPv6 address, as "192.0.2.1"; with another port "192.0.2.1:2525" or
///                   "[2001:db8::1]:2525" (not in libsds_smtp_small.a); no host name
/// @param auth       0: no login, and the credentials are ignored; otherwise: log in, with PLAIN or LOGIN
/// @param username   at most 32 bytes (see sds_smtp_config.credential_limit)
/// @param password   at most 32 bytes
/// @param sender     the sender's whole e-mail address
/// @return 0; 13: server_ip is no IP address; 10: the user name is missing, too long or has a line end in it;
///         11: the same for the password; 4: sender is no e-mail address; 7: out of memory
///
/// # Safety
///
/// Each pointer is NULL or points to a string that ends with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_configure(
    server_ip: *const c_char,
    auth: c_int,
    username: *const c_char,
    password: *const c_char,
    sender: *const c_char,
) -> c_int {
    guard_code(|| {
        let login = auth != 0;
        // SAFETY: the caller's promise, for each of them.
        let text = |text_of_c, given| unsafe { string(if given { text_of_c } else { core::ptr::null() }) };
        let credentials = [
            text(username, login || cfg!(feature = "std")),
            text(password, login),
            text(sender, true),
        ];
        Client::BUILT_IN.configure_device(text(server_ip, true), login, credentials)
    })
}

/// Starts to send a mail in the background: copies what it needs and returns at once, without network access.
///
/// @param to       the recipients' e-mail addresses, separated by commas
/// @param subject  the subject, in UTF-8; NULL is an empty one
/// @param text     the text, in UTF-8; NULL is an empty one. Lines may end with LF, CR or CRLF
/// @return 0: started, see sds_smtp_status(); 14: the previous mail is still in flight, and nothing was
///         changed; otherwise the mail could not be started, and the status has this code, too: 5 recipients,
///         7 subject, text or memory, 13 not configured
///
/// # Safety
///
/// Each pointer is NULL or points to a string that ends with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_send(to: *const c_char, subject: *const c_char, text: *const c_char) -> c_int {
    guard_code(|| {
        // SAFETY: the caller's promise, for each of them.
        let [recipients, subject, content] = unsafe { [string(to), string(subject), string(text)] };
        #[cfg(feature = "std")]
        return Client::BUILT_IN.send(Some(recipients), subject, content);
        #[cfg(not(feature = "std"))]
        return Client::BUILT_IN.send(&Outgoing {
            recipients,
            subject,
            content: Content {
                copied: content,
                borrowed: &[],
                read: None,
            },
        });
    })
}

/// The state of the built-in client: one atomic load.
///
/// Where sds_smtp_configure() has configured it, a mail ends with a code of the devices, 0 to 15, or with 32
/// after sds_smtp_client_cancel(): the codes 36 to 38 are 2 then, and 39 is 4 or 5. Only a mail of
/// sds_smtp_client_send() may end with 40 or 41. A configuration of sds_smtp_client_configure() gives all
/// codes, here, too.
///
/// @return 14 while a mail is in flight, else the code of the last mail that ended or could not be started; 0
///         before the first one
#[unsafe(no_mangle)]
pub extern "C" fn sds_smtp_status() -> c_int {
    guard_code(|| Client::BUILT_IN.status())
}

/// The state of the built-in client in the numbers of FULL-C's smtp_send_status() (see sds_fullc.h).
///
/// @return 0 before the first mail; 277 while a mail is in flight; 256 if the last one was sent; otherwise
///         256 plus its code
#[unsafe(no_mangle)]
pub extern "C" fn sds_smtp_program_status() -> c_uint {
    guard(263, || Client::BUILT_IN.program_status().map_or(263, c_uint::from))
}
