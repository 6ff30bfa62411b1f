//! Dates (RFC 5322, 3.3), in UTC.

use core::num::{NonZeroU8, NonZeroU32};

#[cfg(not(fast))]
use crate::buffer::DECIMAL;
use crate::buffer::Window;
#[cfg(fast)]
use crate::buffer::hex_digit;
#[cfg(not(fast))]
use crate::template::Part::{self, Put, Say};
#[cfg(not(fast))]
use crate::template::{Line, fields, length, octets};

/// The names of the days, from that of 1 January 1970 on, and of the months.
#[rustfmt::skip]
static NAMES: [[u8; 3]; 19] = [
    *b"Thu", *b"Fri", *b"Sat", *b"Sun", *b"Mon", *b"Tue", *b"Wed",
    *b"Jan", *b"Feb", *b"Mar", *b"Apr", *b"May", *b"Jun", *b"Jul", *b"Aug", *b"Sep", *b"Oct", *b"Nov", *b"Dec",
];

/// The number of the first name: no number of a date is as large.
const NAMED: u32 = 4000;

/// Year, month (0 to 11) and day (1 to 31) of a day counted from 1 January 1970, up to the year 2106: month by month, which is
/// less code than to divide.
fn civil(days: u32) -> (u32, u32, u32) {
    let (mut left, mut year, mut month) = (days, 1970u32, 0u32);
    if cfg!(fast) {
        // Only the faster way to the same end: four years at a time, each with one leap day, up to 2098.
        let cycles = (days / 1461).min(32);
        left = left.wrapping_sub(cycles.wrapping_mul(1461));
        year = year.wrapping_add(cycles.wrapping_mul(4));
    }
    loop {
        let length = match month {
            // 2100 is no leap year.
            1 if year % 4 == 0 && year != 2100 => 29,
            1 => 28,
            // 31 and 30 in turn, and anew from August on.
            _ => 31u32.wrapping_sub(month.wrapping_add(u32::from(month > 6)) & 1),
        };
        if left < length {
            return (year, month, left.wrapping_add(1));
        }
        left = left.wrapping_sub(length);
        month = month.wrapping_add(1);
        if month == 12 {
            (month, year) = (0, year.wrapping_add(1));
        }
    }
}

/// Seconds in a minute, minutes in an hour, hours in a day, days in a week.
const UNITS: [NonZeroU8; 4] = [unit(60), unit(60), unit(24), unit(7)];

const fn unit(of: u8) -> NonZeroU8 {
    NonZeroU8::MIN.saturating_add(of.wrapping_sub(1))
}

#[cfg(not(fast))]
fields! { SECOND, MINUTE, HOUR, DAY_NAME, DAY, MONTH_NAME, YEAR }

/// A date and its time.
#[cfg(not(fast))]
#[rustfmt::skip]
const DATE: &[Part] = &[
    Put(DAY_NAME), Say(", "), Put(DAY), Say(" "), Put(MONTH_NAME), Say(" "), Put(YEAR), Say(" "),
    Put(HOUR), Say(":"), Put(MINUTE), Say(":"), Put(SECOND), Say(" +0000"),
];

#[cfg(not(fast))]
static OCTETS: [u8; length(DATE)] = octets(DATE);

/// A time, and what writes it: a program of a device that sets no clock is linked without it, which saves 336 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Date {
    /// Seconds since 1970, up to the year 2106.
    pub seconds: u32,
    write: fn(u32, &mut Window<'_>),
}

impl Date {
    /// This time; none for 0, which a clock says that does not know it.
    pub fn at(seconds: u32) -> Option<Self> {
        (seconds != 0).then_some(Self { seconds, write })
    }

    /// Writes it.
    pub fn write(&self, out: &mut Window<'_>) {
        (self.write)(self.seconds, out);
    }
}

/// Writes a time (seconds since 1970, up to the year 2106): `Thu, 01 Jan 1970 00:00:00 +0000`.
fn write(seconds: u32, out: &mut Window<'_>) {
    // In the order of the fields. What has a name is so many names behind the first one.
    let mut values = [0u32; 7];
    let mut weeks = seconds;
    for (value, unit) in values.iter_mut().zip(&UNITS) {
        let unit = NonZeroU32::from(*unit);
        *value = weeks % unit;
        weeks /= unit;
    }
    let [_, _, _, day_name, day, month_name, year] = &mut values;
    let month;
    (*year, month, *day) = civil(weeks.wrapping_mul(7).wrapping_add(*day_name));
    (*day_name, *month_name) = (day_name.wrapping_add(NAMED), month.wrapping_add(NAMED + 7));
    #[cfg(fast)]
    out.put_all(&in_one_piece(values));
    #[cfg(not(fast))]
    {
        let mut line = Line::new(&OCTETS);
        while let Some(field) = line.next(out) {
            let value = values.get(usize::from(field)).copied().unwrap_or(0);
            match name_of(value) {
                Some(name) => out.put_all(name),
                None => out.digits(value, DECIMAL, 1 << 1),
            }
        }
    }
}

/// The name of a value that has one.
fn name_of(value: u32) -> Option<&'static [u8; 3]> {
    usize::try_from(value.wrapping_sub(NAMED))
        .ok()
        .and_then(|name| NAMES.get(name))
}

/// The same in one piece: each field always has as many octets.
#[cfg(fast)]
fn in_one_piece(values: [u32; 7]) -> [u8; 31] {
    let [second, minute, hour, day_name, day, month_name, year] = values;
    let two = |value: u32| [value / 10 % 10, value % 10].map(hex_digit);
    let name = |value: u32| name_of(value).copied().unwrap_or_default();
    let ([d, a, y], [m, o, n]) = (name(day_name), name(month_name));
    let ([day_1, day_2], [year_1, year_2], [year_3, year_4]) = (two(day), two(year / 100), two(year));
    let ([hour_1, hour_2], [minute_1, minute_2], [second_1, second_2]) = (two(hour), two(minute), two(second));
    #[rustfmt::skip]
    let text = [
        d, a, y, b',', b' ', day_1, day_2, b' ', m, o, n, b' ', year_1, year_2, year_3, year_4, b' ', hour_1, hour_2, b':', minute_1,
        minute_2, b':', second_1, second_2, b' ', b'+', b'0', b'0', b'0', b'0',
    ];
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn date(seconds: u32) -> String {
        let mut buffer = [0u8; 40];
        let mut window = Window::new(&mut buffer, 0);
        write(seconds, &mut window);
        let kept = window.kept();
        String::from_utf8(buffer[..kept].to_vec()).unwrap()
    }

    #[test]
    fn known_dates_are_right() {
        assert_eq!(date(0), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(date(951_782_400), "Tue, 29 Feb 2000 00:00:00 +0000");
        assert_eq!(date(1_279_324_800), "Sat, 17 Jul 2010 00:00:00 +0000");
        assert_eq!(date(1_795_295_959), "Sat, 21 Nov 2026 21:19:19 +0000");
        assert_eq!(date(4_107_542_400), "Mon, 01 Mar 2100 00:00:00 +0000");
        assert_eq!(date(u32::MAX), "Sun, 07 Feb 2106 06:28:15 +0000");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let (mut year, mut month, mut day) = (1970u32, 1u32, 1u32);
        for days in 0..=u32::MAX / 86_400 {
            assert_eq!(civil(days), (year, month - 1, day));
            let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
            let length = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month as usize - 1];
            day += 1;
            if day > length {
                (day, month) = (1, month + 1);
            }
            if month > 12 {
                (month, year) = (1, year + 1);
            }
        }
    }
}
