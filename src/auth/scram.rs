//! SCRAM (RFC 5802, RFC 7677): both sides prove that they know what the password comes to, and neither shows it.
//!
//! ```text
//! client-first:  n,,n=USER,r=NONCE
//! server-first:  r=NONCE MORE,s=SALT,i=ROUNDS
//! client-final:  c=biws,r=NONCE MORE,p=PROOF
//! server-final:  v=SIGNATURE                      or e=ERROR
//! ```
//!
//! No channel is bound (`n,,`): servers offer that beside these mechanisms only, as SCRAM-SHA-256-PLUS. What the password comes to
//! takes thousands of rounds, which are made in slices ([`Rounds::go_on`]).

use super::credentials::Credentials;
use super::derivation::{Hash, MOST, Parts, Rounds, hashed, is_signed, mac};
use super::exchange::{Exchange, NONCE_DIGITS, Stage};
use crate::base64;
use crate::buffer::Window;
use crate::code::Reason;
use crate::limits::{SCRAM_ROUNDS, SCRAM_SALT_BYTES};
use crate::octets::{trimmed, wipe};

/// Hands over the parts of a user name as SCRAM writes it: a comma and an equals sign are `=2C` and `=3D`.
pub fn each_of_name(name: &[u8], put: &mut dyn FnMut(&[u8])) {
    for octet in name {
        match octet {
            b',' => put(b"=2C"),
            b'=' => put(b"=3D"),
            octet => put(&[*octet]),
        }
    }
}

/// Hands over the parts of client-first, without what stands before it.
fn each_of_first(nonce: &[u8], credentials: &impl Credentials, put: &mut dyn FnMut(&[u8])) {
    let [username, _] = credentials.prepared();
    put(b"n=");
    each_of_name(username, put);
    put(b",r=");
    put(nonce);
}

/// Writes client-first.
pub fn write_first(exchange: &Exchange, credentials: &impl Credentials, out: &mut Window<'_>) {
    write_first_with(&exchange.nonce, credentials, out);
}

fn write_first_with(nonce: &[u8], credentials: &impl Credentials, out: &mut Window<'_>) {
    base64::put(b"n,,", out);
    each_of_first(nonce, credentials, &mut |octets| base64::put(octets, out));
    base64::end(out);
}

/// How long client-first is.
pub fn length_of_first(credentials: &impl Credentials) -> usize {
    let mut out = Window::counting();
    write_first_with(&[0; NONCE_DIGITS], credentials, &mut out);
    out.written()
}

/// What server-first says.
struct First<'m> {
    nonce: &'m [u8],
    salt: &'m [u8],
    rounds: u32,
}

/// Reads server-first.
fn read_first(message: &[u8]) -> Result<First<'_>, Reason> {
    let mut parts = message.split(|octet| *octet == b',');
    // An extension that has to be understood begins with `m=`, and stands first.
    let mut part = |name: &[u8]| {
        let part = parts.next().and_then(|part| part.strip_prefix(name));
        part.ok_or(Reason::BadChallenge)
    };
    let (nonce, salt, rounds) = (part(b"r=")?, part(b"s=")?, part(b"i=")?);
    if !nonce.iter().all(u8::is_ascii_graphic) {
        return Err(Reason::BadChallenge);
    }
    let number = rounds.iter().try_fold(0u32, |number, digit| {
        let value = u32::from(digit.wrapping_sub(b'0'));
        (value <= 9).then(|| number.saturating_mul(10).saturating_add(value))
    });
    let number = number.filter(|_| !rounds.is_empty()).ok_or(Reason::BadChallenge)?;
    if number == 0 || number > SCRAM_ROUNDS {
        return Err(Reason::BadRounds);
    }
    if rounds.starts_with(b"0") {
        return Err(Reason::BadChallenge);
    }
    // What follows may be ignored, if it is made of attributes.
    let is_attribute = |part: &[u8]| matches!(part, [b'A'..=b'Z' | b'a'..=b'z', b'=', _, ..]);
    if !parts.all(is_attribute) {
        return Err(Reason::BadChallenge);
    }
    Ok(First {
        nonce,
        salt,
        rounds: number,
    })
}

/// Reads server-first, and begins to derive the keys.
pub fn begin(hash: Hash, exchange: &mut Exchange, credentials: &impl Credentials) -> Result<(), Reason> {
    let first = read_first(exchange.message())?;
    if first.nonce.len() <= NONCE_DIGITS || !first.nonce.starts_with(&exchange.nonce) {
        return Err(Reason::StrangeNonce);
    }
    let mut salt = [0; SCRAM_SALT_BYTES];
    let length = base64::decode(first.salt, &mut salt).filter(|length| *length > 0);
    let salt = length
        .and_then(|length| salt.get(..length))
        .ok_or(Reason::BadChallenge)?;
    let [_, password] = credentials.prepared();
    let rounds = Rounds::begin(hash, password, salt, first.rounds);
    exchange.rounds = Some(rounds.ok_or(Reason::BadChallenge)?);
    exchange.stage = Stage::Derives;
    Ok(())
}

/// Tells the keys of server-first from others. None where it is none.
pub fn fingerprint(exchange: &Exchange, hash: Hash, credentials: &impl Credentials) -> Option<[u8; 32]> {
    let first = read_first(exchange.message()).ok()?;
    let mut room = [0; 256];
    let mut host = Window::new(&mut room, 0);
    credentials.write_host(&mut host);
    let length = host.kept();
    let host = room.get(..length).unwrap_or(&[]);
    let [username, _] = credentials.prepared();
    let name: &[u8] = match hash {
        Hash::Sha1 => b"1",
        Hash::Sha256 => b"256",
    };
    let parts = [
        name,
        host,
        &credentials.port().to_be_bytes(),
        username,
        first.salt,
        &first.rounds.to_be_bytes(),
    ];
    Some(hashed(Hash::Sha256, &mut |put| {
        // No two lists of parts have the same octets: each part stands behind its length.
        for part in parts {
            put(&(part.len() as u64).to_be_bytes());
            put(part);
        }
    }))
}

/// The nonce of both in server-first.
fn nonce_of_both(exchange: &Exchange) -> &[u8] {
    read_first(exchange.message()).map_or(&[], |first| first.nonce)
}

/// Hands over the parts of client-final without the proof.
fn each_of_final(exchange: &Exchange, put: &mut dyn FnMut(&[u8])) {
    // `n,,` in base64.
    put(b"c=biws,r=");
    put(nonce_of_both(exchange));
}

/// The signature of all that was said, with this key.
fn signature(hash: Hash, key: &[u8], exchange: &Exchange, credentials: &impl Credentials) -> [u8; MOST] {
    mac(hash, key, &mut |put| each_of_all(exchange, credentials, put))
}

/// Hands over the parts of all that was said: what both sides sign.
fn each_of_all(exchange: &Exchange, credentials: &impl Credentials, put: &mut dyn FnMut(&[u8])) {
    each_of_first(&exchange.nonce, credentials, put);
    put(b",");
    put(exchange.message());
    put(b",");
    each_of_final(exchange, put);
}

/// Writes what proves that we know the keys, in base64; how many digits.
pub fn write_proof(exchange: &Exchange, credentials: &impl Credentials, out: &mut Window<'_>) {
    let Some(keys) = &exchange.keys else { return };
    let length = keys.hash.length();
    let key = keys.client.get(..length).unwrap_or(&[]);
    let mut stored = hashed(keys.hash, &mut |put| put(key));
    let mut proof = signature(keys.hash, stored.get(..length).unwrap_or(&[]), exchange, credentials);
    wipe(&mut stored);
    for (proof, key) in proof.iter_mut().zip(&keys.client) {
        *proof ^= key;
    }
    base64::put(proof.get(..length).unwrap_or(&[]), out);
    base64::end(out);
    // With it and the stored key, which servers keep, somebody could log in.
    wipe(&mut proof);
}

/// The digits of the longest proof.
pub const PROOF_DIGITS: usize = MOST.div_ceil(3) * 4;

/// Writes client-final.
pub fn write_final(exchange: &Exchange, credentials: &impl Credentials, out: &mut Window<'_>) {
    let mut proof = [0; PROOF_DIGITS];
    let mut digits = Window::new(&mut proof, 0);
    write_proof(exchange, credentials, &mut digits);
    let length = digits.kept();
    each_of_final(exchange, &mut |octets| base64::put(octets, out));
    base64::put(b",p=", out);
    base64::put(proof.get(..length).unwrap_or(&[]), out);
    base64::end(out);
    wipe(&mut proof);
}

/// What server-final says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Final {
    /// The server knows the keys, too.
    Proved,
    /// Its signature is wrong, or this is no server-final.
    Wrong,
    /// It has refused us, and says why.
    Refused,
}

/// Reads server-final, and compares the signature in it in a time that says nothing of it.
pub fn read_final(challenge: &[u8], exchange: &mut Exchange, credentials: &impl Credentials) -> Final {
    let mut room = [0; 256];
    let length = base64::decode(trimmed(challenge), &mut room);
    let message = length.and_then(|length| room.get(..length)).unwrap_or(&[]);
    if message.starts_with(b"e=") {
        exchange.tell(message);
        exchange.stage = Stage::Refused;
        return Final::Refused;
    }
    let first = message.split(|octet| *octet == b',').next();
    let given = first.and_then(|first| first.strip_prefix(b"v=")).unwrap_or(&[]);
    if proves(given, exchange, credentials) {
        exchange.stage = Stage::Proved;
        Final::Proved
    } else {
        Final::Wrong
    }
}

fn proves(given: &[u8], exchange: &Exchange, credentials: &impl Credentials) -> bool {
    let mut signed = [0; MOST + 2];
    let Some(length) = base64::decode(given, &mut signed) else {
        return false;
    };
    let (Some(keys), Some(signed)) = (&exchange.keys, signed.get(..length)) else {
        return false;
    };
    if length != keys.hash.length() {
        return false;
    }
    let key = keys.server.get(..length).unwrap_or(&[]);
    let parts: Parts<'_> = &mut |put| each_of_all(exchange, credentials, put);
    is_signed(keys.hash, key, parts, signed)
}
