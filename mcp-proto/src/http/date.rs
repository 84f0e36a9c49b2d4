//! The `Date` field: IMF-fixdate (RFC 9110 section 5.6.7) from a count of seconds.

const DAY_NAMES: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
const MONTH_NAMES: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
const SECONDS_PER_DAY: u64 = 86_400;
/// The last second of the year 9999; later ones do not fit the format.
const LAST_SECOND: u64 = 253_402_300_799;

/// A line with that field, which changes once a second.
pub(crate) struct DateLine {
    unix_seconds: u64,
    text: [u8; DATE_AT + 31],
}

/// Behind the name.
const DATE_AT: usize = 6;

impl DateLine {
    /// The line for that second.
    pub(crate) fn at(&mut self, unix_seconds: u64) -> &[u8] {
        if self.unix_seconds != unix_seconds {
            self.unix_seconds = unix_seconds;
            self.text[DATE_AT..DATE_AT + 29].copy_from_slice(&imf_fixdate(unix_seconds));
        }
        &self.text
    }
}

impl Default for DateLine {
    fn default() -> Self {
        Self { unix_seconds: 0, text: *b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n" }
    }
}

/// Formats seconds since 1970-01-01 00:00:00 UTC, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
fn imf_fixdate(unix_seconds: u64) -> [u8; 29] {
    let unix_seconds = unix_seconds.min(LAST_SECOND);
    let days = unix_seconds / SECONDS_PER_DAY;
    let second_of_day = unix_seconds % SECONDS_PER_DAY;
    let (year, month, day) = civil(days);

    let mut text = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    text[0..3].copy_from_slice(DAY_NAMES[(days % 7) as usize]);
    two_digits(&mut text[5..7], day);
    text[8..11].copy_from_slice(MONTH_NAMES[month as usize - 1]);
    two_digits(&mut text[12..14], year / 100);
    two_digits(&mut text[14..16], year);
    two_digits(&mut text[17..19], second_of_day / 3600);
    two_digits(&mut text[20..22], second_of_day / 60 % 60);
    two_digits(&mut text[23..25], second_of_day % 60);
    text
}

/// Year, month and day of the Gregorian calendar, `days` after 1970-01-01.
///
/// Counts years from March, so that the leap day is the last of its year and the months before it
/// have the repeating lengths 31, 30, 31, 30, 31: 153 days in five.
const fn civil(days: u64) -> (u64, u64, u64) {
    const DAYS_PER_ERA: u64 = 146_097; // 400 years
    const DAYS_0000_03_01_TO_1970: u64 = 719_468;

    let days = days + DAYS_0000_03_01_TO_1970;
    let era = days / DAYS_PER_ERA;
    let day_of_era = days % DAYS_PER_ERA;
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = 400 * era + year_of_era + (month <= 2) as u64;
    (year, month, day)
}

/// Writes the last two digits of a number.
fn two_digits(out: &mut [u8], number: u64) {
    out[0] = b'0' + (number / 10 % 10) as u8;
    out[1] = b'0' + (number % 10) as u8;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_that_of_its_second() {
        let mut line = DateLine::default();
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_778, "Sun, 06 Nov 1994 08:49:38 GMT"),
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        ] {
            assert_eq!(line.at(seconds), alloc::format!("Date: {text}\r\n").as_bytes());
        }
    }

    #[test]
    fn matches_known_dates() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_772_323_199, "Sat, 28 Feb 2026 23:59:59 GMT"),
            (1_772_323_200, "Sun, 01 Mar 2026 00:00:00 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (LAST_SECOND, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(core::str::from_utf8(&imf_fixdate(seconds)), Ok(text));
        }
    }
}
