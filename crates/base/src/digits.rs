//! Thirty-two bytes as hexadecimal, in lower case alone: keys, digests and commitments, of which an act has seven.
//!
//! Read and written by a table: a step of exchange does it for every object, and took a fiftieth of its time with a branch for each digit.

const LOWER: &[u8; 16] = b"0123456789abcdef";
/// What is no digit.
const NONE: u8 = 0xFF;
/// The value of each byte as a digit.
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut digit = 0;
    while digit < 16 {
        values[LOWER[digit] as usize] = digit as u8;
        digit += 1;
    }
    values
};

/// Thirty-two bytes from 64 lower-case hexadecimal digits; `None` for any other text.
#[must_use]
pub fn read_32(text: &str) -> Option<[u8; 32]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let pairs: &[[u8; 2]; 32] = pairs.try_into().ok()?;
    let mut seen = 0;
    let bytes = pairs.map(|[high, low]| {
        let (high, low) = (VALUES[usize::from(high)], VALUES[usize::from(low)]);
        seen |= high | low;
        high << 4 | low
    });
    (seen < 16).then_some(bytes)
}

/// The digits of thirty-two bytes.
#[must_use]
pub fn of_32(bytes: &[u8; 32]) -> String {
    let mut digits = String::with_capacity(64);
    for byte in bytes {
        digits.push(char::from(LOWER[usize::from(byte >> 4)]));
        digits.push(char::from(LOWER[usize::from(byte & 15)]));
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back_and_nothing_else_is_read() {
        for first in (0..=255_u8).step_by(32) {
            let bytes: [u8; 32] = std::array::from_fn(|at| first + u8::try_from(at).unwrap());
            let text = of_32(&bytes);
            assert_eq!(text, hex::encode(bytes));
            assert_eq!(read_32(&text), Some(bytes));
        }
        let good = "0a".repeat(32);
        for bad in
            ["", &good[1..], &good[2..], &format!("{good}0a"), &good.to_uppercase(), &good.replace('a', "g")]
        {
            assert_eq!(read_32(bad), None, "{bad}");
        }
        for byte in (0..=127_u8).filter(|byte| !LOWER.contains(byte)) {
            assert_eq!(read_32(&good.replacen('0', &char::from(byte).to_string(), 1)), None, "{byte}");
        }
        assert_eq!(
            read_32(&format!("{}é", &good[2..])),
            None,
            "64 bytes, of which the last two are one letter"
        );
    }
}
