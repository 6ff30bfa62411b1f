//! The arguments of MAIL and RCPT: paths, mailboxes, parameters (RFC 5321 section 4.1.2).

/// Whether it is of digits alone.
#[must_use]
pub fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Splits `FROM:<address> PARAMETER ...` (RFC 5321 4.1.2); the grammar has no space before `<`.
#[must_use]
pub fn path<'a>(argument: &'a str, keyword: &str) -> Option<(&'a str, Vec<&'a str>)> {
    let (start, rest) = argument.split_at_checked(keyword.len())?;
    let rest = rest.strip_prefix('<').filter(|_| start.eq_ignore_ascii_case(keyword))?;
    let (mut quoted, mut escaped) = (false, false);
    let end = rest.find(|c| {
        let plain = !std::mem::take(&mut escaped);
        escaped = plain && quoted && c == '\\';
        quoted ^= plain && c == '"';
        !quoted && c == '>'
    })?;
    let parameters: Vec<&str> = match &rest[end + 1..] {
        "" => Vec::new(),
        more => more.strip_prefix(' ')?.split(' ').collect(),
    };
    (!parameters.contains(&"")).then_some((&rest[..end], parameters))
}

/// Whether it is a mailbox by RFC 5321 section 4.1.2, and of the lengths of 4.5.3.1.
#[must_use]
pub fn is_mailbox(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return false;
    };
    let atom = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte))
    };
    let quoted = local.len() > 1 && local.starts_with('"') && local.ends_with('"');
    let literal = domain.starts_with('[') && domain.ends_with(']');
    let label = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (quoted || local.split('.').all(atom))
        && (literal || domain.split('.').all(label))
        && (1..=64).contains(&local.len())
        && address.len() <= 254
}

#[cfg(test)]
mod tests {
    use super::{is_mailbox, path};

    #[test]
    fn a_path_is_split_from_its_parameters() {
        assert_eq!(path("FROM:<a@b.example>", "FROM:"), Some(("a@b.example", vec![])));
        assert_eq!(path("from:<>", "FROM:"), Some(("", vec![])));
        let parameters = vec!["BODY=8BITMIME", "SIZE=12"];
        assert_eq!(
            path("FROM:<a@b> BODY=8BITMIME SIZE=12", "FROM:"),
            Some(("a@b", parameters))
        );
        assert_eq!(path(r#"TO:<"a\">b"@c>"#, "TO:"), Some((r#""a\">b"@c"#, vec![])));
    }

    #[test]
    fn a_path_that_the_grammar_does_not_have_is_refused() {
        for argument in [
            "",
            "FROM",
            "FROM: <a@b>",
            "FROM:a@b",
            "FROM:<a@b",
            "FROM:<a@b>SIZE=1",
            "FROM:<a@b>  SIZE=1",
            "FROM:<a@b> ",
            "TO:<a@b>",
        ] {
            assert_eq!(path(argument, "FROM:"), None, "{argument}");
        }
    }

    #[test]
    fn mailboxes_are_those_of_rfc_5321() {
        for address in ["a@b", "a.b+c@d-e.example", "\"a b\"@c.example", "a@[192.0.2.1]"] {
            assert!(is_mailbox(address), "{address}");
        }
        for address in ["", "a", "@b", "a@", "a..b@c", ".a@b", "a@b..c", "a b@c", "a@b_c"] {
            assert!(!is_mailbox(address), "{address}");
        }
    }

    #[test]
    fn lengths_are_those_of_rfc_5321() {
        let local = |length: usize| format!("{}@b", "a".repeat(length));
        assert!(is_mailbox(&local(64)) && !is_mailbox(&local(65)));
        let whole = |length: usize| format!("a@{}", "b".repeat(length - 2));
        assert!(is_mailbox(&whole(254)) && !is_mailbox(&whole(255)));
    }
}
