//! The table in docs/logins.md: which mechanism a configuration logs in with, and what leaves; made from what decides it.
//!
//! The test compares; with `SDS_SMTP_WRITE=1` in the environment it writes.

use std::{env, fs};

use sds_smtp::auth::Mechanism;
use sds_smtp::client::settings::mechanisms;
use sds_smtp::session::choice::{self, Terms};
use sds_smtp::wire::capability::{Capabilities, Parser};

use super::{read, root};

const PAGE: &str = "docs/logins.md";
const BEGIN: &str = "<!-- made from the source: logins -->\n";
const END: &str = "<!-- end of what is made -->\n";

/// The sets that are shown: the number of `auth`, and its names without `SDS_SMTP_AUTH_`.
const SETS: [(u32, &str); 14] = [
    (1, "ANY"),
    (2, "PLAIN"),
    (4, "LOGIN"),
    (6, "PLAIN + LOGIN"),
    (8, "CRAM_MD5"),
    (16, "SCRAM_SHA_1"),
    (32, "SCRAM_SHA_256"),
    (48, "SCRAM_SHA_1 + SCRAM_SHA_256"),
    (34, "PLAIN + SCRAM_SHA_256"),
    (64, "XOAUTH2"),
    (128, "OAUTHBEARER"),
    (192, "XOAUTH2 + OAUTHBEARER"),
    (66, "PLAIN + XOAUTH2"),
    (254, "all but ANY"),
];

/// What `tls` is, and whether the server is verified then.
const TLS: [(&str, bool); 2] = [("none, opportunistic", false), ("STARTTLS, implicit, pinned", true)];

/// What a server offers.
const OFFERED: [&str; 8] = [
    "",
    "NTLM GSSAPI",
    "LOGIN",
    "PLAIN LOGIN",
    "CRAM-MD5 PLAIN LOGIN",
    "SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN",
    "SCRAM-SHA-1 SCRAM-SHA-256 CRAM-MD5 PLAIN LOGIN",
    "XOAUTH2 OAUTHBEARER PLAIN LOGIN",
];

fn offered(words: &str) -> Capabilities {
    let mut parser = Parser::new();
    for line in ["host".to_string(), format!("AUTH {words}")] {
        line.bytes().for_each(|octet| parser.feed(octet));
        parser.end_of_text();
        parser.next_line();
    }
    parser.found()
}

/// What somebody who reads along gets, without TLS.
fn leaves(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::Plain | Mechanism::Login => "user name, password",
        Mechanism::CramMd5 | Mechanism::ScramSha1 | Mechanism::ScramSha256 => "user name, proof",
        Mechanism::XOAuth2 | Mechanism::OAuthBearer => "user name, token",
    }
}

fn table() -> String {
    let mut table =
        String::from("| auth | names | tls | offered | logs in with | says |\n| --: | --- | --- | --- | --- | --- |\n");
    for (auth, names) in SETS {
        let configured = mechanisms(auth).unwrap();
        for (tls, verified) in TLS {
            for words in OFFERED {
                let terms = Terms {
                    configured,
                    offered: offered(words),
                    tried: Capabilities::NONE,
                    guarded: auth == 1,
                    verified,
                };
                let (with, says) = match terms.mechanism() {
                    _ if !verified && choice::needs_tls(configured) => ("code 39", "nothing"),
                    Some(mechanism) => (core::str::from_utf8(mechanism.name()).unwrap(), leaves(mechanism)),
                    None => ("code 9", "nothing"),
                };
                let shown = if words.is_empty() { "no AUTH" } else { words };
                table += &format!("| {auth} | {names} | {tls} | {shown} | {with} | {says} |\n");
            }
        }
    }
    table
}

#[test]
fn the_page_shows_what_each_configuration_logs_in_with() {
    let (page, made) = (read(PAGE), table());
    let (before, after) = page
        .split_once(BEGIN)
        .unwrap_or_else(|| panic!("{PAGE} lacks the comment {BEGIN}"));
    let (shown, after) = after.split_once(END).expect("the part has an end");
    if env::var_os("SDS_SMTP_WRITE").is_some() {
        fs::write(root().join(PAGE), format!("{before}{BEGIN}{made}{END}{after}")).unwrap();
    } else {
        assert!(
            shown == made,
            "{PAGE}: write it anew with `SDS_SMTP_WRITE=1 cargo test --test architecture`:\n{made}"
        );
    }
}

/// What the table must never say, whatever decides.
#[test]
fn a_password_in_the_clear_is_named_and_a_token_is_never_in_the_clear() {
    for line in table().lines().skip(2) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, auth, _, tls, offered, with, says, _] = cells.as_slice() else {
            panic!("{line}");
        };
        let (auth, clear): (u32, bool) = (auth.parse().unwrap(), tls.starts_with("none"));
        assert!(!(clear && says.contains("token")), "{line}");
        let named = (*with == "PLAIN" && auth & 2 != 0) || (*with == "LOGIN" && auth & 4 != 0);
        assert!(!(clear && says.contains("password")) || named, "{line}");
        assert!(
            !says.contains("user name") || offered.split(' ').any(|word| word == *with),
            "{line}"
        );
    }
}
