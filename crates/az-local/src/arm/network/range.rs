//! Ranges of IPv4 addresses.

use std::net::Ipv4Addr;

/// An IPv4 range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    first: u32,
    bits: u32,
}

impl Range {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let address: Ipv4Addr = address.parse().ok()?;
        let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 32)?;
        let first = u32::from(address);
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        (first & mask == first).then_some(Range { first, bits })
    }

    /// The range that `text` lies in: security rules may name any address of it.
    pub(crate) fn around(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 32)?;
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        let first = u32::from(address.parse::<Ipv4Addr>().ok()?) & mask;
        Some(Range { first, bits })
    }

    /// Whether an address is in the range.
    pub(crate) fn contains(self, address: Ipv4Addr) -> bool {
        (self.first..=self.last()).contains(&u32::from(address))
    }

    pub(crate) fn last(self) -> u32 {
        self.first | u32::MAX.checked_shr(self.bits).unwrap_or(0)
    }

    pub(super) fn holds(self, other: Range) -> bool {
        other.first >= self.first && other.last() <= self.last()
    }

    pub(super) fn first(self) -> u32 {
        self.first
    }

    /// The first and the last address that a subnet gives out: Azure keeps the first four and the last.
    pub(crate) fn usable(self) -> (u32, u32) {
        (self.first.saturating_add(4), self.last().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_each_other() {
        let wide = Range::parse("10.0.0.0/16").expect("a range");
        let narrow = Range::parse("10.0.1.0/24").expect("a range");
        assert!(wide.holds(narrow) && !narrow.holds(wide));
        let ends = (Ipv4Addr::new(10, 0, 1, 4), Ipv4Addr::new(10, 0, 1, 254));
        assert_eq!(narrow.usable(), (ends.0.into(), ends.1.into()));
        for bad in ["10.0.0.1/16", "10.0.0.0", "x/8", "10.0.0.0/33"] {
            assert!(Range::parse(bad).is_none(), "{bad}");
        }
        assert_eq!(Range::parse("0.0.0.0/0").map(Range::last), Some(u32::MAX));
    }
}
