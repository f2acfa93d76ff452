//! Azure's `uniqueString`: a 64-bit variant of MurmurHash3 in base 32
//! (<https://github.com/Azure/terraform-provider-azapi/blob/main/internal/services/functions/unique_string_function.go>).

const C1: u32 = 0x239b_961b;
const C2: u32 = 0xab0e_9789;

/// Thirteen letters and digits that depend on the text alone.
pub(super) fn unique_string(text: &str) -> String {
    const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut rest = hash(text.as_bytes());
    (0..13)
        .map(|_| {
            let digit = DIGITS[(rest >> 59) as usize];
            rest <<= 5;
            char::from(digit)
        })
        .collect()
}

fn hash(data: &[u8]) -> u64 {
    let (mut h1, mut h2) = (0u32, 0u32);
    let (blocks, tail) = data.as_chunks::<8>();
    for block in blocks {
        let [low, high] = halves(block);
        h1 ^= first(low);
        h1 = h1.rotate_left(19).wrapping_add(h2);
        h1 = h1.wrapping_mul(5).wrapping_add(0x561c_cd1b);
        h2 ^= second(high);
        h2 = h2.rotate_left(13).wrapping_add(h1);
        h2 = h2.wrapping_mul(5).wrapping_add(0x0bca_a747);
    }
    if !tail.is_empty() {
        let mut padded = [0u8; 8];
        padded[..tail.len()].copy_from_slice(tail);
        let [low, high] = halves(&padded);
        h1 ^= first(low);
        if tail.len() > 4 {
            h2 ^= second(high);
        }
    }
    let length = data.len() as u32;
    h1 ^= length;
    h2 ^= length;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    h1 = mixed(h1);
    h2 = mixed(h2);
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    u64::from(h2) << 32 | u64::from(h1)
}

fn halves(block: &[u8; 8]) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = *block;
    [
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
    ]
}

fn first(k: u32) -> u32 {
    k.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2)
}

fn second(k: u32) -> u32 {
    k.wrapping_mul(C2).rotate_left(17).wrapping_mul(C1)
}

fn mixed(mut h: u32) -> u32 {
    h ^= h >> 16;
    h = h.wrapping_mul(0x85eb_ca6b);
    h ^= h >> 13;
    h = h.wrapping_mul(0xc2b2_ae35);
    h ^ h >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value is from azapi's own test.
    #[test]
    fn the_value_is_azures() {
        assert_eq!(
            unique_string("/subscriptions/00000000-0000-0000-0000-000000000000-resource-id"),
            "cwvxuqg24sifi"
        );
    }

    #[test]
    fn every_length_of_tail_counts() {
        let text = "abcdefghijklmnop";
        let all: std::collections::HashSet<String> = (0..=text.len())
            .map(|end| unique_string(&text[..end]))
            .collect();
        assert_eq!(all.len(), text.len() + 1);
    }
}
