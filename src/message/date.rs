//! Dates (RFC 5322, 3.3), in UTC.

use crate::buffer::{Sink, Window};

const DAYS: [&[u8]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
const DAY: u64 = 86_400;

/// Year, month (1 to 12) and day (1 to 31) of a day counted from 1 January 1970.
///
/// The year is counted from March, so that the leap day is its last: months then begin at day
/// `(153 * month + 2) / 5`, and 146,097 days make 400 years.
fn civil(days: u64) -> (u64, usize, u64) {
    let shifted = days.wrapping_add(719_468);
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era
        .wrapping_sub(day_of_era / 1_460)
        .wrapping_add(day_of_era / 36_524)
        .wrapping_sub(day_of_era / 146_096))
        / 365;
    let day_of_year = day_of_era.wrapping_sub(
        year_of_era
            .wrapping_mul(365)
            .wrapping_add(year_of_era / 4)
            .wrapping_sub(year_of_era / 100),
    );
    let march_month = day_of_year.wrapping_mul(5).wrapping_add(2) / 153;
    let day = day_of_year
        .wrapping_sub(march_month.wrapping_mul(153).wrapping_add(2) / 5)
        .wrapping_add(1);
    let (month, later) = if march_month < 10 {
        (march_month.wrapping_add(3), 0)
    } else {
        (march_month.wrapping_sub(9), 1)
    };
    let year = era.wrapping_mul(400).wrapping_add(year_of_era).wrapping_add(later);
    (year, usize::try_from(month).unwrap_or(1), day)
}

/// Writes a time (seconds since 1970) as `Thu, 01 Jan 1970 00:00:00 +0000`.
pub fn write(seconds: u64, out: &mut Window<'_>) {
    // The end of the year 9999: RFC 5322 has four digits or more, readers have four.
    let seconds = seconds.min(253_402_300_799);
    let days = seconds / DAY;
    let (year, month, day) = civil(days);
    let name = usize::try_from(days % 7).unwrap_or(0);
    out.put_all(DAYS.get(name).copied().unwrap_or(b"Thu"));
    out.put_all(b", ");
    out.digits(day, 10, 2);
    out.put(b' ');
    out.put_all(MONTHS.get(month.wrapping_sub(1)).copied().unwrap_or(b"Jan"));
    out.put(b' ');
    out.digits(year, 10, 4);
    let second_of_day = seconds % DAY;
    for (separator, value) in [
        (b' ', second_of_day / 3600),
        (b':', second_of_day / 60 % 60),
        (b':', second_of_day % 60),
    ] {
        out.put(separator);
        out.digits(value, 10, 2);
    }
    out.put_all(b" +0000");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn date(seconds: u64) -> String {
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
        assert_eq!(date(253_402_300_799), "Fri, 31 Dec 9999 23:59:59 +0000");
        assert_eq!(date(u64::MAX), date(253_402_300_799));
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let (mut year, mut month, mut day) = (1970u64, 1usize, 1u64);
        for days in 0..146_097 {
            assert_eq!(civil(days), (year, month, day));
            let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
            let length = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
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
