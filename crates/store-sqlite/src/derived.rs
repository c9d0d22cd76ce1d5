//! What was put into the indexes for a version, packed: so that it can be taken away again exactly.
//!
//! # Shape
//! Three lists, each a length and its items: fingerprints of 16 bytes; addresses as two times 16 bytes; edges as three
//! numbers (source, name, target). Lengths and numbers are LEB128.

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Derived {
    /// Fingerprints of the terms.
    pub(crate) fingerprints: Vec<[u8; 16]>,
    /// Lowest and highest address of each address term.
    pub(crate) addresses: Vec<([u8; 16], [u8; 16])>,
    /// Source, name and target of each edge, by number.
    pub(crate) edges: Vec<(i64, i64, i64)>,
}

impl Derived {
    /// Sorts and removes what stands twice.
    pub(crate) fn tidy(&mut self) {
        self.fingerprints.sort_unstable();
        self.fingerprints.dedup();
        self.addresses.sort_unstable();
        self.addresses.dedup();
        self.edges.sort_unstable();
        self.edges.dedup();
    }

    /// Whether all of it is in another, both tidy.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.fingerprints.iter().all(|one| other.fingerprints.binary_search(one).is_ok())
            && self.addresses.iter().all(|one| other.addresses.binary_search(one).is_ok())
            && self.edges.iter().all(|one| other.edges.binary_search(one).is_ok())
    }

    /// The packed form.
    pub(crate) fn pack(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(
            3 + self.fingerprints.len() * 16 + self.addresses.len() * 32 + self.edges.len() * 12,
        );
        put(&mut out, self.fingerprints.len() as u64);
        out.extend(self.fingerprints.iter().flatten());
        put(&mut out, self.addresses.len() as u64);
        for (low, high) in &self.addresses {
            out.extend(low);
            out.extend(high);
        }
        put(&mut out, self.edges.len() as u64);
        for (source, name, target) in &self.edges {
            for number in [source, name, target] {
                put(&mut out, number.cast_unsigned());
            }
        }
        out
    }

    /// Reads the packed form; `None` where it is damaged.
    pub(crate) fn unpack(mut packed: &[u8]) -> Option<Self> {
        let mut derived = Self::default();
        for _ in 0..take(&mut packed)? {
            derived.fingerprints.push(take_16(&mut packed)?);
        }
        for _ in 0..take(&mut packed)? {
            derived.addresses.push((take_16(&mut packed)?, take_16(&mut packed)?));
        }
        for _ in 0..take(&mut packed)? {
            let mut number = || take(&mut packed).map(u64::cast_signed);
            derived.edges.push((number()?, number()?, number()?));
        }
        packed.is_empty().then_some(derived)
    }
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push((number & 0x7f) as u8);
}

fn take(packed: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = packed.split_first()?;
        *packed = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take_16(packed: &mut &[u8]) -> Option<[u8; 16]> {
    let (first, rest) = packed.split_first_chunk()?;
    *packed = rest;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_and_unpacks() {
        let derived = Derived {
            fingerprints: vec![[1; 16], [2; 16]],
            addresses: vec![([0; 16], [255; 16])],
            edges: vec![(1, 2, 3), (i64::MAX, 0, 300)],
        };
        let packed = derived.pack();
        assert_eq!(Derived::unpack(&packed).unwrap(), derived);
        assert_eq!(Derived::unpack(&Derived::default().pack()).unwrap(), Derived::default());
        for cut in 0..packed.len() {
            assert!(Derived::unpack(&packed[..cut]).is_none());
        }
        assert!(Derived::unpack(&[&packed[..], &[0]].concat()).is_none());
        assert!(Derived::unpack(&[0xff; 40]).is_none());
    }
}
