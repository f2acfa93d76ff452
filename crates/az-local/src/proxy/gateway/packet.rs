//! A packet of IPv4 (RFC 791), as far as it decides where it goes.

use crate::machines::inbound::TCP;
use std::net::Ipv4Addr;

/// What is read of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) from: Ipv4Addr,
    pub(super) to: Ipv4Addr,
    /// As security rules name it.
    pub(super) protocol: &'static str,
    number: u8,
    ports: (u16, u16),
}

/// The packets between two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Flow {
    pub(super) from: Ipv4Addr,
    pub(super) to: Ipv4Addr,
    number: u8,
    from_port: u16,
    pub(super) to_port: u16,
}

impl Flow {
    /// Those the other way.
    pub(super) fn back(self) -> Self {
        Flow {
            from: self.to,
            to: self.from,
            number: self.number,
            from_port: self.to_port,
            to_port: self.from_port,
        }
    }
}

impl<'a> Packet<'a> {
    /// Reads a packet; none where it is something else, or a later fragment, which has no ports.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let first = *bytes.first()?;
        let header = usize::from(first & 0x0f) * 4;
        if first >> 4 != 4 || header < 20 || bytes.len() < header {
            return None;
        }
        let number = |at: usize| Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
        // Fragments after the first.
        if number(6)? & 0x1fff != 0 {
            return None;
        }
        let address = |at: usize| -> Option<Ipv4Addr> {
            let octets: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
            Some(octets.into())
        };
        let kind = *bytes.get(9)?;
        let (protocol, ports) = match kind {
            6 => (TCP, (number(header)?, number(header + 2)?)),
            17 => ("Udp", (number(header)?, number(header + 2)?)),
            // Questions and answers of one `ping` are of one flow.
            1 => ("Icmp", (0, 0)),
            _ => ("*", (0, 0)),
        };
        Some(Packet {
            bytes,
            from: address(12)?,
            to: address(16)?,
            protocol,
            number: kind,
            ports,
        })
    }

    pub(super) fn flow(&self) -> Flow {
        Flow {
            from: self.from,
            to: self.to,
            number: self.number,
            from_port: self.ports.0,
            to_port: self.ports.1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tcp() -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0];
        packet.extend([10, 0, 0, 4, 10, 0, 0, 5]);
        packet.extend([0xc3, 0x50, 0x1f, 0x90]);
        packet.extend([0; 16]);
        packet
    }

    #[test]
    fn a_flow_is_that_of_its_answers_turned_round() {
        let bytes = tcp();
        let packet = Packet::read(&bytes).expect("a packet");
        assert_eq!((packet.protocol, packet.flow().to_port), (TCP, 8080));
        let mut answer = tcp();
        answer[12..20].copy_from_slice(&[10, 0, 0, 5, 10, 0, 0, 4]);
        answer[20..24].copy_from_slice(&[0x1f, 0x90, 0xc3, 0x50]);
        let answer = Packet::read(&answer).expect("a packet").flow();
        assert_eq!(packet.flow(), answer.back());
    }

    #[test]
    fn a_later_fragment_and_another_version_are_not_read() {
        let mut bytes = tcp();
        bytes[7] = 1;
        assert_eq!(Packet::read(&bytes), None);
        let mut bytes = tcp();
        bytes[0] = 0x65;
        assert_eq!(Packet::read(&bytes), None);
    }

    proptest! {
        #[test]
        fn anything_is_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Packet::read(&bytes);
        }
    }
}
