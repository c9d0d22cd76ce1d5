//! What of a parcel brings something: kept by who put it at a relay, so that it can be dropped there as soon as any of it is
//! called back, or all of it has come.

use std::ops::RangeInclusive;

use crate::rows::{Lane, PeerRow};

/// Bytes of one place as it is stored.
const PLACE_BYTES: usize = 9;

/// The places of a parcel whose acts go with what they bring.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load(Vec<(Lane, u64)>);

impl Load {
    /// Its places, those that follow each other together.
    pub(crate) fn runs(&self) -> Vec<(Lane, RangeInclusive<u64>)> {
        let mut runs: Vec<(Lane, RangeInclusive<u64>)> = Vec::new();
        for (lane, place) in &self.0 {
            match runs.last_mut() {
                Some((last, run)) if last == lane && run.end().checked_add(1) == Some(*place) => {
                    *run = *run.start()..=*place;
                }
                _ => runs.push((*lane, *place..=*place)),
            }
        }
        runs
    }

    /// Whether there is any, and a peer has acknowledged all of it.
    #[must_use]
    pub fn is_taken(&self, peer: &PeerRow) -> bool {
        !self.0.is_empty() && self.0.iter().all(|(lane, place)| *place <= peer.queue(*lane).acked)
    }

    /// As it is stored: for each place its lane in one byte, then the place, the highest byte first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0
            .iter()
            .flat_map(|(lane, place)| [&[lane.number()][..], &place.to_be_bytes()].concat())
            .collect()
    }

    /// Reads what [`Load::to_bytes`] has written; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (places, rest) = bytes.as_chunks::<PLACE_BYTES>();
        let place = |bytes: &[u8; PLACE_BYTES]| {
            let (lane, place) = bytes.split_first()?;
            Some((Lane::from_number(*lane)?, u64::from_be_bytes(place.try_into().ok()?)))
        };
        if rest.is_empty() { places.iter().map(place).collect() } else { None }
    }
}

impl FromIterator<(Lane, u64)> for Load {
    fn from_iter<I: IntoIterator<Item = (Lane, u64)>>(places: I) -> Self {
        Self(places.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_follow_each_other_are_one_run() {
        let (flash, routine) = (Lane::Flash, Lane::Routine);
        let load: Load = [
            (flash, 1),
            (flash, 2),
            (routine, 3),
            (routine, 5),
            (routine, 6),
            (routine, u64::MAX),
            (routine, 0),
        ]
        .into_iter()
        .collect();
        let alone = |place| (routine, place..=place);
        assert_eq!(load.runs(), [(flash, 1..=2), alone(3), (routine, 5..=6), alone(u64::MAX), alone(0)]);
    }

    #[test]
    fn a_load_is_read_back_and_is_taken_when_the_last_of_it_is_acknowledged() {
        let load: Load =
            [(Lane::Flash, 1), (Lane::Routine, 300), (Lane::Routine, u64::MAX)].into_iter().collect();
        let bytes = load.to_bytes();
        assert_eq!((bytes.len(), Load::from_bytes(&bytes)), (27, Some(load)));
        assert_eq!(Load::from_bytes(&bytes[1..]), None);
        assert_eq!(Load::from_bytes(&[9; 9]), None, "no such lane");
        let load: Load = [(Lane::Flash, 1), (Lane::Routine, 3)].into_iter().collect();
        let mut peer = PeerRow::default();
        for (flash, routine, taken) in
            [(0, 0, false), (1, 2, false), (0, 3, false), (1, 3, true), (9, 9, true)]
        {
            for (lane, acked) in [(Lane::Flash, flash), (Lane::Routine, routine)] {
                peer.queue_mut(lane).unwrap().acked = acked;
            }
            assert_eq!(load.is_taken(&peer), taken);
        }
        assert!(!Load::default().is_taken(&peer), "an acknowledgement alone is not known to have come");
    }
}
